"""What the relay of Responses streams has sent of each item, and the writing of what an upstream left out.

Rules: an item is added before its parts, a part before its pieces, all are done once; places count 0, 1, 2 … and events
are numbered as they are written; bytes that need no change pass as they came.
"""

from typing import Final

import orjson

from freetheai.wire.formats import Stamp
from freetheai.wire.relay import FrameRelay
from freetheai.wire.request import ChatRequest
from freetheai.wire.responses.decode import MAX_ITEMS, VOLATILE
from freetheai.wire.responses.mend import (
    CALL_KINDS,
    TEXT,
    Channel,
    ItemState,
    PartState,
    done_item,
    part_index,
    whole_parts,
)
from freetheai.wire.responses.objects import ItemIds, Json, message_item, response_object
from freetheai.wire.sse import Frame
from freetheai.wire.toolcalls import answer_seed, made_call_id

_PREFIXES: Final = {
    "message": "msg_",
    "reasoning": "rs_",
    "function_call": "fc_",
    "custom_tool_call": "ctc_",
}
_EMPTY: Final[Json] = {
    "content": [],
    "summary": [],
    "arguments": "",
    "input": "",
    "result": None,
    # What the item is added with may be a part of it only: the whole comes with its done event.
    "encrypted_content": None,
}


class ItemRelay(FrameRelay):
    """The half of a relay that keeps items and writes events."""

    def __init__(self, request: ChatRequest, stamp: Stamp) -> None:
        super().__init__(request, VOLATILE)
        self._stamp = stamp
        self._ids = ItemIds(stamp)
        self._response = response_object(request, stamp)
        self._sequence = 0
        self._has_created = self._has_progress = False
        self._items: list[ItemState] = []
        self._by_index: dict[int, ItemState] = {}
        self._call_ids: set[str] = set()
        # Places of calls that sent arguments before anyone said their name.
        self._nameless: set[int] = set()
        self._seed = answer_seed(request, stamp.id)

    def _begin(self, out: list[bytes]) -> None:
        """Created and in progress, before anything else."""
        if not self._has_created:
            self._has_created = True
            self._tell(out, "response.created", {"response": self._response})
        if not self._has_progress:
            self._has_progress = True
            self._tell(out, "response.in_progress", {"response": self._response})

    def _add(self, given: Json, event: Json, frame: Frame | None, out: list[bytes]) -> ItemState | None:
        """An item begins; ``frame`` is its own event, None where that is missing."""
        self._begin(out)
        if len(self._items) >= MAX_ITEMS:
            self._fail("too_large", "the answer has more items than can be held")
            return None
        kind, index = _word(given.get("type")) or "message", len(self._items)
        if kind in CALL_KINDS and not _word(given.get("name")):
            self._fail("malformed", "a tool call has no name")
            return None
        item_id = _word(given.get("id"))
        if not item_id or any(item_id == known.item_id for known in self._items):
            item_id = self._ids.item_id(_PREFIXES.get(kind, "item_"), index)
        head = {key: value for key, value in given.items() if key not in ("id", "type", "status")}
        # A call may have no id of its own: its pieces then name its call id.
        item = ItemState(index, item_id, kind, head, _word(given.get("id")) or _word(given.get("call_id")))
        self._items.append(item)
        upstream_index = index_of(event)
        place = upstream_index if upstream_index >= 0 else index
        if place in self._by_index:
            # Its pieces look like those of the item that was there before.
            self._templates.forget()
        self._by_index[place] = item
        self._nameless.discard(upstream_index)
        if kind in CALL_KINDS:
            self.has_output = True
            head["call_id"] = self._call_id(given, index)
        shown = {**_head(given), "id": item_id, "type": kind}
        if kind in CALL_KINDS:
            shown |= {"call_id": head["call_id"], "arguments" if kind == "function_call" else "input": ""}
        if frame is None:
            self._tell(out, "response.output_item.added", {"output_index": index, "item": shown})
        else:
            self._pass(event, frame, out, {"output_index": index, "item": shown})
        return item

    def _call_id(self, given: Json, index: int) -> str:
        call_id = _word(given.get("call_id"))
        if not call_id or call_id in self._call_ids:
            call_id = made_call_id(self._seed + call_id, index)
        self._call_ids.add(call_id)
        return call_id

    def _item(self, event: Json, kind: str, out: list[bytes]) -> ItemState | None:
        """The open item of an event; one is begun if the upstream forgot to."""
        item = self._known(event, kind)
        if item is None:
            head: Json = {"id": event.get("item_id"), "type": kind}
            if kind in CALL_KINDS:
                # Its name is not known: told when the item is done, which says it.
                self._nameless.add(index_of(event))
                return None
            empty: Json = {"summary": []} if kind == "reasoning" else {"role": "assistant", "content": []}
            item = self._add({**head, "status": "in_progress", **empty}, event, None, out)
        # A piece that does not fit its item says nothing that could be shown.
        return item if item is None or item.kind == kind else None

    def _known(self, event: Json, kind: str, given: Json | None = None) -> ItemState | None:
        """The item an event means, by its place; llama.cpp's server tells none: by its id, else what is open."""
        index = index_of(event)
        if index >= 0 or not self._items:
            return self._by_index.get(index)
        wanted = event.get("item_id")
        for item in self._items:
            if (given is not None and is_same(item, given)) or (wanted and wanted in (item.item_id, item.upstream_id)):
                return item
        newest = self._items[-1]
        return newest if newest.done is None and newest.kind == kind else None

    def _part(self, item: ItemState, channel: Channel, event: Json, out: list[bytes]) -> PartState | None:
        """The part of an event, begun if the upstream forgot to; None if another kind of part has its place."""
        part = item.part(channel, part_index(event))
        if part is None:
            part = item.new_part(channel, part_index(event))
            if channel.part_kind:
                told = {**item.place(part), "part": part.part("")}
                self._tell(out, f"{channel.part_stem}.added", told)
        return part if part.channel is channel else None

    def _close(self, item: ItemState, given: Json, out: list[bytes]) -> None:
        """All of an item but its last event: parts that no event told, and the ends that are missing."""
        for channel, index, text in whole_parts(given):
            told = self._part(item, channel, {channel.place or "content_index": index}, out)
            if told is not None:
                self._close_text(item, told, text, out)
        for part in item.parts.values():
            self._close_text(item, part, "", out)
            if part.channel.part_kind and not part.is_done:
                part.is_done = True
                self._tell(out, f"{part.channel.part_stem}.done", {**item.place(part), "part": part.part(part.text())})
        if given.get("result") or given.get("encrypted_content"):
            self.has_output = True
        item.done = done_item(item.mended(given), item.item_id, _word(item.head.get("call_id")), self._stamp.origin)
        if item.kind in CALL_KINDS and not item.done.get("name"):
            self._fail("malformed", "a tool call has no name")
        item.parts.clear()

    def _close_text(self, item: ItemState, part: PartState, text: str, out: list[bytes]) -> None:
        if part.is_told:
            return
        part.is_told = True
        if not part.is_nothing(text) and not part.pieces:
            self._whole_delta(item, part, text, out)
        channel = part.channel
        told = {**item.place(part), channel.member: part.whole()}
        if channel is TEXT:
            told["logprobs"] = []
        self._tell(out, f"{channel.stem}.done", told)

    def _take(self, part: PartState, text: str) -> None:
        """A piece of output, kept until its item is done."""
        if text:
            part.pieces.append(text)
            self.has_output = True
            self.output_chars += len(text)

    def _whole_delta(self, item: ItemState, part: PartState, text: str, out: list[bytes]) -> None:
        """A text that came only whole, as the one piece clients show."""
        self._take(part, text)
        told = {**item.place(part), "delta": text}
        if part.channel is TEXT:
            told["logprobs"] = []
        self._tell(out, f"{part.channel.stem}.delta", told)

    def _close_all(self, response: Json, status: str, out: list[bytes]) -> None:
        """Items that only the final output tells, and those that were never said to be done."""
        output = response.get("output")
        for index, given in enumerate(output if isinstance(output, list) else ()):
            if not isinstance(given, dict) or any(is_same(item, given) for item in self._items if item.done):
                continue
            item = next((known for known in self._items if is_same(known, given)), None)
            known = self._by_index.get(index)
            if item is None and known is not None and known.kind == given.get("type"):
                if known.done is not None:
                    continue
                item = known
            self._end_item(item or self._add(given, {}, None, out), given, out)
        if not self._items:
            # Clients index the output: an answer without any is an empty message.
            self._add(message_item("", [], status), {}, None, out)
            self._part(self._items[0], TEXT, {}, out)
        for item in self._items:
            if item.done is None:
                self._end_item(item, item.whole(status), out)

    def _end_item(self, item: ItemState | None, given: Json, out: list[bytes]) -> None:
        if item is not None and self.failure is None:
            self._close(item, given, out)
            self._tell(out, "response.output_item.done", {"output_index": item.index, "item": item.done})

    def _pass(self, event: Json, frame: Frame, out: list[bytes], changes: Json) -> bool:
        """An event with these members, in its own bytes if it has them already; whether it has all but its number."""
        kind = event["type"].encode()
        is_as_it_came = all(event.get(name) == value for name, value in changes.items())
        if is_as_it_came:
            head = b"event: " + kind + b"\ndata: "
            is_as_it_came = len(frame.raw) == len(head) + len(frame.data) and frame.raw.startswith(head)
        if is_as_it_came and event.get("sequence_number") == self._sequence:
            self._sequence += 1
            out.append(frame.raw + b"\n\n")
        else:
            self._tell(out, event["type"], {**event, **changes})
        return is_as_it_came

    def _tell(self, out: list[bytes], kind: str, fields: Json) -> None:
        event = {"type": kind, **fields, "sequence_number": self._sequence}
        self._sequence += 1
        out.append(b"event: " + kind.encode() + b"\ndata: " + orjson.dumps(event) + b"\n\n")


def index_of(event: Json) -> int:
    """The place an event names; -1 if it names none."""
    index = event.get("output_index")
    return index if type(index) is int else -1


def _head(given: Json) -> Json:
    """A whole item as it is when it is added: in progress and empty."""
    filled = [key for key in _EMPTY if given.get(key)]
    status = {"status": "in_progress"} if given.get("status") in ("completed", "incomplete") else {}
    return {**given, **{key: _EMPTY[key] for key in filled}, **status}


def is_same(item: ItemState, given: Json) -> bool:
    """Whether a whole item is the one that was sent: by its call id, else by its id."""
    if item.kind != given.get("type"):
        return False
    if item.kind in CALL_KINDS and given.get("call_id"):
        return bool(item.head.get("call_id") == given["call_id"])
    return bool(given.get("id")) and given.get("id") == item.item_id


def _word(value: object) -> str:
    return value if isinstance(value, str) else ""
