"""Relay Messages to Messages: every event that is in order passes as it came.

Strategy: an event is parsed once and checked against the one open block. If nothing is wrong its bytes pass, else it is
written anew. Signatures wait for their block's end, ``message_delta`` for the answer's: more may follow either.

Mended:
- the start: once, first, with the alias, an id of this format and counts; a missing one is made;
- blocks: indexes 0, 1, 2 …, started and stopped once, none overlapping. A text that was not stopped is stopped when the
  next block starts; a block that starts inside an unfinished call is held back, bounded;
- content in a block's start: as the delta it should have been; a call without an id gets one;
- signatures and redacted thinking: tagged with who made them (``docs/decisions/0004-signatures.md``);
- the end: one ``message_delta`` with stop reason and counts, ``tool_use`` if there were calls; one ``message_stop``,
  also where the upstream forgot it after a stop reason; ``event:`` lines where they are missing;
- thinking nobody asked for is left out where the provider thinks unasked (``Quirks.messages_extras`` False).
Unknown events, blocks and deltas pass: they are this format's own.
"""

from dataclasses import replace
from typing import Any, Final

import orjson

from freetheai.errors import ApiError
from freetheai.wire import finish
from freetheai.wire.error_body import ErrorFields, error_fields
from freetheai.wire.expected import TextRun, TextTemplate
from freetheai.wire.formats import Quirks, Stamp
from freetheai.wire.jsontext import dumps_text, is_json, loads
from freetheai.wire.messages.decode import MAX_ARGUMENT_CHARS, merge_counts, plain_delta_key, reason_of, settled
from freetheai.wire.messages.encode import PING, error_events, message_head, sse
from freetheai.wire.messages.mend import (
    DELTA_FIELDS,
    HIDDEN_FIELDS,
    PIECES,
    OpenBlock,
    empty_block,
    fits,
    mended_ending,
    mended_message,
    mended_start,
    relayed_signature,
    stop_word,
    with_model,
    written,
)
from freetheai.wire.relay import FrameRelay, without
from freetheai.wire.request import ChatRequest
from freetheai.wire.sse import Frame
from freetheai.wire.toolcalls import answer_seed, made_call_id
from freetheai.wire.translate import estimated_usage
from freetheai.wire.usage import from_messages

# Events of blocks that wait for their turn (bytes), before a provider counts as broken.
MAX_HELD_BYTES: Final = 256 * 1024
Value = dict[str, Any]


class MessagesRelay(FrameRelay):
    """One stream. See ``formats.ByteStream``."""

    def __init__(self, request: ChatRequest, stamp: Stamp, quirks: Quirks) -> None:
        super().__init__(request)
        self._stamp = stamp
        self._hides_thinking = not quirks.messages_extras and not request.reasoning.show
        self._has_started = False
        self._count = 0
        self._open: OpenBlock | None = None
        self._held: list[tuple[Value, bytes]] = []
        self._held_bytes = 0
        self._hidden: dict[int, str] = {}
        # Upstream indexes of calls that we closed, because another block began after their arguments were complete.
        self._closed_calls: set[int] = set()
        self._counts: Value = {}
        self._word = ""
        self._last: tuple[Value, bytes] | None = None
        self._has_calls = self._has_broken_call = False
        self._ids: set[str] = set()
        self._by_type = {
            "message_start": self._message_start,
            "content_block_start": self._block_event,
            "content_block_delta": self._block_event,
            "content_block_stop": self._block_event,
            "message_delta": self._message_delta,
            "message_stop": self._message_stop,
            "ping": self._ping,
            "error": self._error_event,
        }

    def _error(self, error: ApiError) -> bytes:
        block = self._open
        stop = sse({"type": "content_block_stop", "index": block.index}) if block is not None else b""
        return stop + error_events(error)

    def _frame(self, frame: Frame, out: list[bytes]) -> None:
        if frame.data.strip() == b"[DONE]":
            self._complete(out, is_marked=False)
            return
        try:
            value = loads(frame.data)
        except ValueError:
            if not frame.is_cut:
                self._fail("malformed", "an event is not JSON")
            return
        if frame.is_error or frame.event == b"error":
            self._fail_as(error_fields(value))
            return
        if isinstance(value, list) and (fields := error_fields(value)):
            self._fail_as(fields)
        if not isinstance(value, dict):
            return
        kind, data = value.get("type"), frame.data
        if kind == "content_block_delta" and self._passes(value):
            if b"\n" in data:
                data = orjson.dumps(value)
            event = b"event: content_block_delta\ndata: " + data + b"\n\n"
            out.append(event)
            self._templates.learn(frame.raw, plain_delta_key(value), self._open, event)
            return
        if not isinstance(kind, str):
            kind = frame.event.decode("ascii", "replace")
            value = {"type": kind, **without(value, ("type",))}
            data = b""
        read = self._by_type.get(kind)
        if read is not None:
            read(value, data if b"\n" not in data else b"", out)
        elif value.get("error"):
            self._fail_as(error_fields(value))
        elif kind and self._has_started and "\n" not in kind:
            out.append(written(value, data))

    def _is_current(self, template: TextTemplate) -> bool:
        return self._open is not None and template.owner is self._open

    def _passed(self, template: TextTemplate, body: bytes, text: str, number: int, event: bytes) -> bytes:
        if template.key == "partial_json":
            self._note(template.owner, "input_json_delta", text)
        elif text:
            self.has_output = True
            self.output_chars += len(text)
        return event if template.is_same else template.new_head + body + template.new_tail

    def _passed_run(self, template: TextTemplate, run: TextRun, number: int, data: bytes) -> bytes:
        bodies, texts, _ = run
        kind = "input_json_delta" if template.key == "partial_json" else "text_delta"
        self._note(template.owner, kind, "".join(texts))
        return data if template.is_same else template.written(bodies)

    def _passes(self, value: Value) -> bool:
        """Whether a delta is one more piece of the open block, in order; it is noted then. Nearly all events are."""
        block, delta, index = self._open, value.get("delta"), value.get("index")
        if block is None or type(delta) is not dict or index != block.index or index != block.upstream_index:
            return False
        kind = delta.get("type")
        field = PIECES.get(block.kind)
        if field is None or field[0] != kind or type(index) is not int:
            return False
        text = delta.get(field[1])
        if type(text) is not str:
            return False
        self._note(block, kind, text)
        return True

    def _finish(self, out: list[bytes]) -> None:
        self._complete(out, is_marked=False)

    def _message_start(self, value: Value, data: bytes, out: list[bytes]) -> None:
        message = message if isinstance(message := value.get("message"), dict) else {}
        merge_counts(self._counts, message.get("usage"))
        if self._has_started:
            return
        self._has_started = True
        sent = mended_message(message, self._stamp)
        whole = {**without(value, HIDDEN_FIELDS), "message": sent}
        out.append(written(whole, with_model(data, value, whole)))

    def _begin(self, out: list[bytes]) -> None:
        if not self._has_started:
            self._has_started = True
            out.append(sse({"type": "message_start", "message": message_head(self._stamp)}))

    def _ping(self, value: Value, data: bytes, out: list[bytes]) -> None:
        if self._has_started:
            out.append(written(value, data) if value.keys() == {"type"} else PING)

    def _error_event(self, value: Value, _data: bytes, _out: list[bytes]) -> None:
        self._fail_as(error_fields(value))

    def _block_event(self, value: Value, data: bytes, out: list[bytes]) -> None:
        """An event of a block: now, or when the open call is finished."""
        if self.failure is not None:
            return
        self._begin(out)
        index = value.get("index")
        index = index if type(index) is int else (self._open.upstream_index if self._open else -1)
        block = self._open
        if self._held and block and index == block.upstream_index and value["type"] == "content_block_start":
            # The open call was not stopped: those that waited for it come before what has its index now.
            self._stop(out)
            self._replay(out)
            self._block_event(value, data, out)
            return
        if block is not None and index != block.upstream_index:
            if self._must_wait(block):
                self._hold(value, data)
                return
            if self._held or value["type"] == "content_block_start":
                self._stop(out)
                self._replay(out)
                self._block_event(value, data, out)
                return
        self._take(value, data, index, out)
        while self._open is None and self._held and self.failure is None:
            self._replay(out)

    def _must_wait(self, block: OpenBlock) -> bool:
        return block.is_call and not block.filled and not (block.size and is_json(block.text()))

    def _hold(self, value: Value, data: bytes) -> None:
        self._held.append((value, data))
        self._held_bytes += len(data) or len(orjson.dumps(value))
        if self._held_bytes > MAX_HELD_BYTES:
            self._fail("too_large", "blocks overlap by more than can be held")

    def _replay(self, out: list[bytes]) -> None:
        held, self._held, self._held_bytes = self._held, [], 0
        for value, data in held:
            if self.failure is None:
                self._block_event(value, data, out)

    def _take(self, value: Value, data: bytes, index: int, out: list[bytes]) -> None:
        kind = value["type"]
        if kind == "content_block_start":
            if self._open is not None:
                self._stop(out)
            self._start(value, data, index, out)
        elif kind == "content_block_delta":
            self._delta(value, data, index, out)
        elif self._open is not None and index == self._open.upstream_index:
            self._stop(out, value, data)
        else:
            self._hidden.pop(index, None)

    def _start(self, value: Value, data: bytes, index: int, out: list[bytes]) -> None:
        content = value.get("content_block")
        content = content if isinstance(content, dict) else {}
        kind = kind if isinstance(kind := content.get("type"), str) else "text"
        self._hidden.pop(index, None)
        self._closed_calls.discard(index)
        is_empty = kind == "redacted_thinking" and not (isinstance(content.get("data"), str) and content["data"])
        if is_empty or (self._hides_thinking and kind in ("thinking", "redacted_thinking")):
            self._hidden[index] = kind
            self.has_output = True
            return
        block = self._open = OpenBlock(kind, index, self._count)
        self._count += 1
        if kind != "text" or content.get("text"):
            self.has_output = True
        sent, deltas = mended_start(content, block, self._stamp.origin)
        if block.is_call and not self._name_call(sent):
            self._open = None
            return
        whole = {**value, "index": block.index, "content_block": sent}
        out.append(written(whole, data if whole == value else b""))
        for delta in deltas:
            self._delta({"type": "content_block_delta", "index": index, "delta": delta}, b"", index, out)

    def _name_call(self, call: Value) -> bool:
        """Make sure that a call has a name and an id of its own."""
        self._has_calls = True
        if not isinstance(call.get("name"), str) or not call["name"]:
            self._fail("malformed", "a tool call has no name")
            return False
        call_id = call.get("id")
        if not isinstance(call_id, str) or not call_id or call_id in self._ids:
            seed = answer_seed(self.request, self._stamp.id)
            call["id"] = made_call_id(seed, len(self._ids))
        self._ids.add(call["id"])
        return True

    def _delta(self, value: Value, data: bytes, index: int, out: list[bytes]) -> None:
        delta = value.get("delta")
        if not isinstance(delta, dict):
            return
        kind = kind if isinstance(kind := delta.get("type"), str) else ""
        if not kind or (index in self._hidden and (kind != "text_delta" or self._hidden[index] != "thinking")):
            return
        block = self._open
        if block is None or block.upstream_index != index or not fits(kind, block.kind):
            block = self._opened_for(kind, index, out)
        if block is None:
            if kind == "input_json_delta" and index in self._closed_calls and delta.get("partial_json"):
                self._fail("malformed", "a tool call went on after its arguments were complete")
            return
        if kind == "signature_delta":
            block.signature = (value, data)
            return
        field = DELTA_FIELDS.get(kind)
        text = delta.get(field) if field else None
        if field and not isinstance(text, str):
            if kind != "input_json_delta" or not isinstance(text, dict):
                return
            text = dumps_text(text)
            value, data = {**value, "delta": {**delta, field: text}}, b""
        if isinstance(text, str):
            self._note(block, kind, text)
        whole = value if value.get("index") == block.index else {**value, "index": block.index}
        out.append(written(whole, data if whole is value else b""))

    def _opened_for(self, kind: str, index: int, out: list[bytes]) -> OpenBlock | None:
        """A block for a delta that has none of its kind open; None if it can't be known which."""
        wanted = {"text_delta": "text", "thinking_delta": "thinking"}.get(kind)
        if wanted is None:
            return None
        if self._open is not None:
            if self._open.upstream_index == index and self._open.kind not in ("text", "thinking"):
                return None
            self._stop(out)
        self._start({"type": "content_block_start", "content_block": empty_block(wanted)}, b"", index, out)
        return self._open

    def _note(self, block: OpenBlock, kind: str, text: str) -> None:
        if not text:
            return
        self.has_output = True
        self.output_chars += len(text)
        if kind == "input_json_delta":
            block.filled = ""
            block.add(text)
            if block.size > MAX_ARGUMENT_CHARS:
                self._fail("too_large", "the arguments of a tool call are larger than can be held")

    def _stop(self, out: list[bytes], value: Value | None = None, data: bytes = b"") -> None:
        block = self._open
        if block is None:
            return
        if block.filled:
            delta, index = {"type": "input_json_delta", "partial_json": block.filled}, block.upstream_index
            self._delta({"type": "content_block_delta", "index": index, "delta": delta}, b"", index, out)
        if block.signature is not None:
            out.append(written(*relayed_signature(block, self._stamp.origin)))
        if block.is_call and block.size and not is_json(block.text()):
            self._has_broken_call = True
        self._open = None
        if block.is_call and value is None:
            self._closed_calls.add(block.upstream_index)
        whole = {**(value or {"type": "content_block_stop"}), "index": block.index}
        out.append(written(whole, data if whole == value else b""))

    def _message_delta(self, value: Value, data: bytes, out: list[bytes]) -> None:
        del out
        delta = value.get("delta")
        delta = delta if isinstance(delta, dict) else {}
        merge_counts(self._counts, value.get("usage"))
        word = word if isinstance(word := delta.get("stop_reason"), str) else ""
        if finish.is_breakdown(word):
            self._fail_as(ErrorFields(code=word))
            return
        if self._last is not None:
            before = self._last[0]
            known = {key: item for key, item in delta.items() if item is not None}
            value, data = {**before, **value, "delta": {**before["delta"], **known}}, b""
        elif not isinstance(value.get("delta"), dict):
            value, data = {**value, "delta": delta}, b""
        self._last = (value, data)
        self._word = word or self._word

    def _message_stop(self, value: Value, data: bytes, out: list[bytes]) -> None:
        self._complete(out, is_marked=True, stop=written(value, data))

    def _complete(self, out: list[bytes], *, is_marked: bool, stop: bytes = b"") -> None:
        if not self._word and not is_marked:
            self._fail("cut", "the stream ended without a stop reason")
            return
        while self.failure is None and (self._open is not None or self._held):
            self._stop(out)
            self._replay(out)
        reason = reason_of(self._word)
        if self._has_broken_call and reason not in finish.CUTTING:
            self._fail("malformed" if is_marked else "cut", "the arguments of a tool call are not JSON")
        self.usage = from_messages(self._counts)
        if self.failure is None and not self.has_output:
            self.failure = finish.empty_failure(reason, self.usage)
        if self.failure is not None:
            return
        self._begin(out)
        self.finish = settled(reason, has_calls=self._has_calls)
        out.append(self._ending())
        out.append(stop or sse({"type": "message_stop"}))
        self.is_finished = True

    def _ending(self) -> bytes:
        """The ``message_delta`` as it came if it says all it should, else mended."""
        value, data = self._last or ({"type": "message_delta", "delta": {}}, b"")
        known = self.usage or estimated_usage(self.request, self.output_chars)
        if not known.in_total:
            # llama.cpp leaves `message_start` out where its first token is half a character.
            known = replace(known, in_total=estimated_usage(self.request, 0).in_total)
        is_counted = known == self.usage and bool(data)
        whole = mended_ending(value, stop_word(self._word, has_calls=self._has_calls), known, is_counted=is_counted)
        return written(whole, data if whole == value else b"")
