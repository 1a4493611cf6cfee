"""The items of a Responses stream, each kind writing its own events: added, pieces, done.

Strategy: a piece of text, nearly all events, is a prefix made once for its item, one JSON string, and a number.

Rules:
- the item is added before its part, the part before its pieces, and each is done in the reverse order;
- what is told as done holds all of it, since some clients read nothing else.
"""

from typing import Any, Final

import orjson

from freetheai.wire.citations import url_citation
from freetheai.wire.events import BlockDelta, BlockStart, Citations
from freetheai.wire.formats import Stamp
from freetheai.wire.jsontext import is_json
from freetheai.wire.request import ChatRequest
from freetheai.wire.responses import opaque
from freetheai.wire.responses.logprobs import to_responses as logprob_entries
from freetheai.wire.responses.objects import (
    ItemIds,
    Json,
    call_item,
    image_item,
    message_item,
    reasoning_item,
    refusal_part,
    text_part,
)
from freetheai.wire.signature import tag
from freetheai.wire.toolcalls import flat_name

# In reasoning: its id is told with each piece, its place among the summaries or contents is always the first.
_SUMMARY: Final = "response.reasoning_summary_text"
_REASONING: Final = "response.reasoning_text"
_NO_LOGPROBS: Final = b',"logprobs":[]'


class Output:
    """Numbers the events of a stream and keeps its finished items; ``is_silent``: only the items are wanted."""

    __slots__ = ("_is_silent", "_sequence", "items")

    def __init__(self, *, is_silent: bool = False) -> None:
        self._is_silent = is_silent
        self._sequence = 0
        self.items: list[Json] = []

    def event(self, name: str, fields: Json) -> bytes:
        """One event with its number."""
        if self._is_silent:
            return b""
        data = {"type": name, **fields, "sequence_number": self._next()}
        return b"event: " + name.encode() + b"\ndata: " + orjson.dumps(data) + b"\n\n"

    def piece(self, prefix: bytes, text: str, suffix: bytes) -> bytes:
        """One event around ``text``, of parts made by ``prefix_of``."""
        if self._is_silent:
            return b""
        number = self._sequence
        self._sequence = number + 1
        return b'%b%b%b,"sequence_number":%d}\n\n' % (prefix, orjson.dumps(text), suffix, number)

    def _next(self) -> int:
        number = self._sequence
        self._sequence += 1
        return number


def prefix_of(name: str, fields: Json) -> bytes:
    """The bytes of a delta event up to its text."""
    return b"event: " + name.encode() + b"\ndata: " + orjson.dumps({"type": name, **fields})[:-1] + b',"delta":'


class ItemWriter:
    """One item. ``signature`` is set before ``end``."""

    def __init__(self, out: Output, item_id: str) -> None:
        self.signature = ""
        self._out = out
        self._index = len(out.items)
        self._id = item_id
        self._pieces: list[str] = []

    def begin(self) -> bytes:
        """The item is added."""
        return self._event("response.output_item.added", item=self.item("in_progress"))

    def add(self, delta: BlockDelta) -> bytes:
        """A piece of it."""
        self._pieces.append(delta.text)
        return b""

    def end(self, status: str) -> bytes:
        """The item is done with this status; it belongs to the output now."""
        item = self.item(status)
        self._out.items.append(item)
        return self._event("response.output_item.done", item=item)

    def item(self, status: str) -> Json:
        """The item as it stands; empty while ``in_progress``."""
        raise NotImplementedError

    def _event(self, name: str, **fields: Any) -> bytes:
        return self._out.event(name, {"output_index": self._index, **fields})

    def _text(self) -> str:
        return "".join(self._pieces)


class MessageWriter(ItemWriter):
    """Text and refusals, each a part."""

    def __init__(self, out: Output, item_id: str, start: BlockStart) -> None:
        super().__init__(out, item_id)
        self._content: list[Json] = []
        self._kind = start.kind
        self._logprobs: list[Json] = []
        self._annotations: list[Json] = []
        # Pieces of the open part that are of earlier blocks.
        self._earlier = 0
        self._prefix = b""

    def begin(self) -> bytes:
        """See ``ItemWriter``."""
        return super().begin() + self._begin_part()

    def go_on(self, start: BlockStart) -> bytes:
        """Another block: the same part if it is of the same kind."""
        if start.kind == self._kind:
            self._earlier = len(self._pieces)
            return b""
        ended = self._end_part()
        self._kind = start.kind
        return ended + self._begin_part()

    def add(self, delta: BlockDelta) -> bytes:
        """See ``ItemWriter``."""
        self._pieces.append(delta.text)
        if self._kind == "refusal":
            return self._out.piece(self._prefix, delta.text, b"")
        if delta.logprobs is None:
            return self._out.piece(self._prefix, delta.text, _NO_LOGPROBS)
        entries = logprob_entries(delta.logprobs)
        self._logprobs.extend(entries)
        return self._out.piece(self._prefix, delta.text, b',"logprobs":' + orjson.dumps(entries))

    def cite(self, event: Citations) -> bytes:
        """What the newest block of the open part cites."""
        begin = event.at - sum(map(len, self._pieces[: self._earlier]))
        out = b""
        for citation in event.cited:
            start, end = max(citation.start - begin, 0), citation.end - begin
            if end <= start:
                # It stands for words of an earlier message, which is told already.
                start, end = 0, event.at + event.size - begin
            annotation = {"type": "url_citation", **url_citation(citation, start, end)}
            place = {**self._place(), "annotation_index": len(self._annotations)}
            out += self._out.event("response.output_text.annotation.added", {**place, "annotation": annotation})
            self._annotations.append(annotation)
        return out

    def end(self, status: str) -> bytes:
        """See ``ItemWriter``."""
        return self._end_part() + super().end(status)

    def item(self, status: str) -> Json:
        """See ``ItemWriter``."""
        if status == "in_progress":
            return message_item(self._id, [], status)
        open_part = [self._part()] if self._pieces else []
        return message_item(self._id, [*self._content, *open_part], status)

    def _part(self) -> Json:
        if self._kind == "refusal":
            return refusal_part(self._text())
        return text_part(self._text(), self._logprobs, self._annotations)

    def _place(self) -> Json:
        return {"item_id": self._id, "output_index": self._index, "content_index": len(self._content)}

    def _begin_part(self) -> bytes:
        name = "response.refusal.delta" if self._kind == "refusal" else "response.output_text.delta"
        self._prefix = prefix_of(name, self._place())
        return self._out.event("response.content_part.added", {**self._place(), "part": self._part()})

    def _end_part(self) -> bytes:
        place, part = self._place(), self._part()
        if self._kind == "refusal":
            out = self._out.event("response.refusal.done", {**place, "refusal": part["refusal"]})
        else:
            told = {**place, "text": part["text"], "logprobs": part["logprobs"]}
            out = self._out.event("response.output_text.done", told)
        out += self._out.event("response.content_part.done", {**place, "part": part})
        self._content.append(part)
        self._pieces.clear()
        self._logprobs = []
        self._annotations, self._earlier = [], 0
        return out


class ReasoningWriter(ItemWriter):
    """Reasoning, as a summary if the client asked for one, else as its own text."""

    def __init__(self, out: Output, item_id: str, origin: str, *, is_summary: bool, packs_text: bool) -> None:
        super().__init__(out, item_id)
        self._origin = origin
        self._is_summary = is_summary
        self._packs_text = packs_text
        self._has_part = False
        self._stem = _SUMMARY if is_summary else _REASONING
        self._part_stem = "response.reasoning_summary_part" if is_summary else "response.content_part"
        place = "summary_index" if is_summary else "content_index"
        self._place: Json = {"item_id": item_id, "output_index": self._index, place: 0}
        self._prefix = prefix_of(f"{self._stem}.delta", self._place)

    def add(self, delta: BlockDelta) -> bytes:
        """See ``ItemWriter``."""
        self._pieces.append(delta.text)
        out = b""
        if not self._has_part:
            self._has_part = True
            out = self._out.event(f"{self._part_stem}.added", {**self._place, "part": self._part("")})
        return out + self._out.piece(self._prefix, delta.text, b"")

    def end(self, status: str) -> bytes:
        """See ``ItemWriter``."""
        out = b""
        if self._has_part:
            text = self._text()
            out = self._out.event(f"{self._stem}.done", {**self._place, "text": text})
            out += self._out.event(f"{self._part_stem}.done", {**self._place, "part": self._part(text)})
        return out + super().end(status)

    def item(self, status: str) -> Json:
        """See ``ItemWriter``."""
        text = "" if status == "in_progress" else self._text()
        encrypted = tag(self._origin, self.signature)
        if not encrypted and self._packs_text and not self._is_summary:
            encrypted = opaque.packed_text(text)
        summary, content = (text, "") if self._is_summary else ("", text)
        return reasoning_item(self._id, summary=summary, text=content, encrypted=encrypted, status=status)

    def _part(self, text: str) -> Json:
        return {"type": "summary_text" if self._is_summary else "reasoning_text", "text": text}


class HiddenWriter(ItemWriter):
    """Reasoning that may not be read, for its maker only."""

    def __init__(self, out: Output, item_id: str, origin: str) -> None:
        super().__init__(out, item_id)
        self._origin = origin

    def item(self, status: str) -> Json:
        """See ``ItemWriter``."""
        encrypted = opaque.hidden(tag(self._origin, self._text()))
        return reasoning_item(self._id, summary="", text="", encrypted=encrypted, status=status)


class CallWriter(ItemWriter):
    """A call, of a function or of a tool that takes free text."""

    def __init__(self, out: Output, item_id: str, call: dict[str, str], writers: "Writers", *, custom: bool) -> None:
        super().__init__(out, item_id)
        self._call = call
        self._custom = custom
        self._writers = writers
        self._stem = "response.custom_tool_call_input" if custom else "response.function_call_arguments"
        self._place: Json = {"item_id": item_id, "output_index": self._index}
        self._prefix = prefix_of(f"{self._stem}.delta", self._place)

    def add(self, delta: BlockDelta) -> bytes:
        """See ``ItemWriter``."""
        self._pieces.append(delta.text)
        return self._out.piece(self._prefix, delta.text, b"")

    def end(self, status: str) -> bytes:
        """See ``ItemWriter``."""
        payload = self._payload()
        out = b""
        if payload != self._text():
            out = self._out.piece(self._prefix, "{}", b"")
        if self._custom:
            out += self._out.event(f"{self._stem}.done", {**self._place, "input": payload})
        else:
            name = self._call["name"]
            out += self._out.event(f"{self._stem}.done", {**self._place, "name": name, "arguments": payload})
            # A call that a limit cut must not look like one that can be run.
            status = status if is_json(payload) else "incomplete"
        return out + super().end(status) + self._signed()

    def item(self, status: str) -> Json:
        """See ``ItemWriter``."""
        payload = "" if status == "in_progress" else self._payload()
        return call_item(self._id, self._call, payload, status, custom=self._custom)

    def _payload(self) -> str:
        text = self._text()
        return text if self._custom or text.strip() else text + "{}"

    def _signed(self) -> bytes:
        """The signature, in a reasoning item of its own: calls have no field for one."""
        if not self.signature:
            return b""
        return self._writers.carrier(self._call["call_id"], self.signature)


class CarrierWriter(ItemWriter):
    """A reasoning item without words that carries the signature of the call before it."""

    def __init__(self, out: Output, item_id: str, value: str) -> None:
        super().__init__(out, item_id)
        self._value = value

    def item(self, status: str) -> Json:
        """See ``ItemWriter``."""
        return reasoning_item(self._id, summary="", text="", encrypted=self._value, status=status)


class ImageWriter(ItemWriter):
    """An image, told whole at its end."""

    def item(self, status: str) -> Json:
        """See ``ItemWriter``."""
        data = "" if status == "in_progress" else self._text()
        return image_item(self._id, data, status)


class Writers:
    """Makes the writer for each block of one answer."""

    def __init__(self, request: ChatRequest, stamp: Stamp, out: Output) -> None:
        self._out = out
        self._origin = stamp.origin
        self._ids = ItemIds(stamp)
        self._is_summary = bool(request.reasoning.summary)
        include = request.body.get("include")
        self._packs_text = isinstance(include, list) and "reasoning.encrypted_content" in include
        # Flat names of namespaced tools, as upstreams know them, to what the client calls them.
        self._namespaced = {
            flat_name(tool.name, tool.namespace): (tool.name, tool.namespace)
            for tool in request.tools
            if tool.namespace
        }

    def writer(self, start: BlockStart) -> ItemWriter:
        """The writer for a block."""
        if start.kind in ("text", "refusal"):
            return MessageWriter(self._out, self._id("msg_"), start)
        if start.kind == "thinking":
            return ReasoningWriter(
                self._out, self._id("rs_"), self._origin, is_summary=self._is_summary, packs_text=self._packs_text
            )
        if start.kind == "redacted":
            return HiddenWriter(self._out, self._id("rs_"), self._origin)
        if start.kind == "media":
            return ImageWriter(self._out, self._id("ig_"))
        return self._call(start)

    def carrier(self, call_id: str, signature: str) -> bytes:
        """A whole item that carries a call's signature."""
        value = opaque.call_signature(call_id, tag(self._origin, signature))
        writer = CarrierWriter(self._out, self._id("rs_"), value)
        return writer.begin() + writer.end("completed")

    def _call(self, start: BlockStart) -> ItemWriter:
        name, namespace = self._namespaced.get(start.name, (start.name, ""))
        call = {"call_id": start.call_id, "name": name, **({"namespace": namespace} if namespace else {})}
        return CallWriter(self._out, self._id("ctc_" if start.custom else "fc_"), call, self, custom=start.custom)

    def _id(self, prefix: str) -> str:
        return self._ids.item_id(prefix, len(self._out.items))
