"""Relay Responses to Responses: every event that is in order passes as it came.

Strategy: an event is parsed once and checked against what has been sent of its item. If nothing has to be changed its
bytes pass; else it is written anew. The events that carry the whole response are always written anew: id, model, echo.

Mended:
- ``event:`` lines and ``sequence_number``: there, equal to the type, from 0 by 1;
- created and in_progress first and once; items added before their parts, parts before their pieces, all done once: what
  the upstream left out is made of what it sent; places counted 0, 1, 2 … without holes;
- ids: one for an item in all its events, one call id for each call; the arguments of a call `{}` where there are none;
- the terminal event carries every item; ``store`` is false; tokens are there, estimated where they were not counted.
Encrypted reasoning leaves tagged with its origin. Other events (pings, rate limits, prices) are dropped.
"""

from collections.abc import Callable
from typing import Any, Final

import orjson

from freetheai.errors import ApiError
from freetheai.wire import finish
from freetheai.wire.error_body import ErrorFields, error_fields, failure_from
from freetheai.wire.events import FinishReason
from freetheai.wire.formats import Stamp
from freetheai.wire.jsontext import loads
from freetheai.wire.relay import FrameRelay
from freetheai.wire.request import ChatRequest
from freetheai.wire.responses.decode import MAX_ITEMS, event_error, finish_reason, is_error_event
from freetheai.wire.responses.encode import error_tail
from freetheai.wire.responses.mend import (
    CALL_KINDS,
    CHANNELS,
    TEXT,
    Channel,
    ItemState,
    PartState,
    done_item,
    part_index,
    shown_response,
    whole_parts,
)
from freetheai.wire.responses.objects import ItemIds, Json, failed, message_item, response_object
from freetheai.wire.sse import Frame
from freetheai.wire.toolcalls import answer_seed, made_call_id
from freetheai.wire.translate import estimated_usage
from freetheai.wire.usage import from_responses, to_responses

_PREFIXES: Final = {
    "message": "msg_",
    "reasoning": "rs_",
    "function_call": "fc_",
    "custom_tool_call": "ctc_",
}
_TERMINAL: Final = ("response.completed", "response.incomplete", "response.failed", "response.cancelled")
_LIFECYCLE: Final = ("response.created", "response.in_progress", "response.queued")
_WITH_RESPONSE: Final = frozenset((*_TERMINAL, *_LIFECYCLE))


_EMPTY: Final[Json] = {
    "content": [],
    "summary": [],
    "arguments": "",
    "input": "",
    "result": None,
    # What the item is added with may be a part of it only: the whole comes with its done event.
    "encrypted_content": None,
}


class ResponsesRelay(FrameRelay):
    """One stream. See ``formats.ByteStream``."""

    def __init__(self, request: ChatRequest, stamp: Stamp) -> None:
        super().__init__(request)
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
        self._deltas = {f"{channel.stem}.delta": channel for channel in CHANNELS}
        self._wholes = {f"{channel.stem}.done": channel for channel in CHANNELS}
        self._by_type: dict[str, Callable[[Json, Frame, list[bytes]], None]] = {
            **dict.fromkeys(_LIFECYCLE, self._lifecycle),
            **dict.fromkeys(_TERMINAL, self._terminal),
            **dict.fromkeys(self._wholes, self._text_done),
            "response.output_item.added": self._item_added,
            "response.output_item.done": self._item_done,
            "response.content_part.added": self._part_added,
            "response.reasoning_summary_part.added": self._part_added,
            "response.content_part.done": self._part_done,
            "response.reasoning_summary_part.done": self._part_done,
        }

    def _error(self, error: ApiError) -> bytes:
        out: list[bytes] = []
        self._begin(out)
        output = [item.whole("incomplete") if item.done is None else item.done for item in self._items]
        usage = None if self.usage is None else to_responses(self.usage)
        self._tell(out, "response.failed", {"response": failed(self._response, error, output, usage)})
        return b"".join(out) + error_tail(error)

    def _frame(self, frame: Frame, out: list[bytes]) -> None:
        if frame.data.strip() == b"[DONE]":
            self._finish(out)
            return
        try:
            event = loads(frame.data)
        except ValueError:
            if not frame.is_cut:
                self._fail("malformed", "an event is not JSON")
            return
        if frame.is_error or frame.event == b"error" or (isinstance(event, dict) and is_error_event(event)):
            self._fail_as(event_error(event))
        elif isinstance(event, dict):
            self._event(event, frame, out)
        elif isinstance(event, list) and (fields := error_fields(event)):
            self._fail_as(fields)

    def _finish(self, out: list[bytes]) -> None:
        del out
        self._fail("cut", "the stream ended without response.completed")

    def _event(self, event: Json, frame: Frame, out: list[bytes]) -> None:
        kind = event.get("type")
        if not isinstance(kind, str):
            kind = event["type"] = frame.event.decode("ascii", "replace")
        if "response" in event and kind not in _WITH_RESPONSE:
            # It would tell of the upstream: the event goes on without it, in bytes of ours.
            del event["response"]
            frame.raw = b""
        if (channel := self._deltas.get(kind)) is not None:
            self._delta(channel, event, frame, out)
        elif (read := self._by_type.get(kind)) is not None:
            read(event, frame, out)
        elif kind.startswith("response."):
            self._other(event, frame, out)

    def _lifecycle(self, event: Json, frame: Frame, out: list[bytes]) -> None:
        del frame
        response = event.get("response")
        if isinstance(response, dict) and not self._has_created:
            created = response.get("created_at")
            base = self._response
            if isinstance(created, int | float) and 0 < created < 1e12:
                base = {**base, "created_at": int(created)}
            self._response = shown_response(response, base, self.request)
            self._response |= {"status": "in_progress", "output": [], "error": None}
        if event["type"] == "response.in_progress":
            self._begin(out)
        elif not self._has_created:
            self._has_created = True
            self._tell(out, "response.created", {"response": self._response})

    def _begin(self, out: list[bytes]) -> None:
        """Created and in progress, before anything else."""
        if not self._has_created:
            self._has_created = True
            self._tell(out, "response.created", {"response": self._response})
        if not self._has_progress:
            self._has_progress = True
            self._tell(out, "response.in_progress", {"response": self._response})

    def _item_added(self, event: Json, frame: Frame, out: list[bytes]) -> None:
        given = event.get("item")
        if not isinstance(given, dict):
            return
        if given.get("type") in CALL_KINDS and not _word(given.get("name")):
            return
        known = self._by_index.get(_index(event))
        if known is not None and known.kind == given.get("type") and (known.done is None or _is_same(known, given)):
            return  # added twice, or after its first piece
        self._add(given, event, frame, out)

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
        item = ItemState(index, item_id, kind, head)
        self._items.append(item)
        upstream_index = _index(event)
        self._by_index[upstream_index if upstream_index >= 0 else index] = item
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
        index = _index(event)
        item = self._by_index.get(index)
        if item is None and index < 0 and self._items:
            wanted = event.get("item_id")
            item = next((known for known in self._items if known.item_id == wanted), self._items[-1])
        if item is None:
            head: Json = {"id": event.get("item_id"), "type": kind}
            if kind in CALL_KINDS:
                # Its name is not known: told when the item is done, which says it.
                self._nameless.add(index)
                return None
            empty: Json = {"summary": []} if kind == "reasoning" else {"role": "assistant", "content": []}
            item = self._add({**head, "status": "in_progress", **empty}, event, None, out)
        # A piece that does not fit its item says nothing that could be shown.
        return item if item is None or item.kind == kind else None

    def _part(self, item: ItemState, channel: Channel, event: Json, out: list[bytes]) -> PartState | None:
        """The part of an event, begun if the upstream forgot to; None if another kind of part has its place."""
        part = item.part(channel, part_index(event))
        if part is None:
            part = item.new_part(channel, part_index(event))
            if channel.part_kind:
                told = {**item.place(part), "part": part.part("")}
                self._tell(out, f"{channel.part_stem}.added", told)
        return part if part.channel is channel else None

    def _part_added(self, event: Json, frame: Frame, out: list[bytes]) -> None:
        channel = self._channel(event)
        item = None if channel is None else self._item(event, channel.item_kind, out)
        if (
            channel is None
            or item is None
            or item.done is not None
            or item.part(channel, part_index(event)) is not None
        ):
            return
        part = item.new_part(channel, part_index(event))
        given = event["part"]
        told = given if not given.get(channel.part_member) else part.part("")
        self._pass(event, frame, out, {**item.place(part), "part": told})

    def _channel(self, event: Json) -> Channel | None:
        part = event.get("part")
        kind = part.get("type") if isinstance(part, dict) else None
        stem = event["type"].rpartition(".")[0]
        return next((channel for channel in CHANNELS if channel.part_stem == stem and channel.part_kind == kind), None)

    def _delta(self, channel: Channel, event: Json, frame: Frame, out: list[bytes]) -> None:
        text = event.get("delta")
        item = self._item(event, channel.item_kind, out)
        if item is None or not isinstance(text, str):
            return
        if item.done is not None:
            if text:
                self._fail("malformed", "an item went on after it was done")
            return
        part = self._part(item, channel, event, out)
        if part is None or part.is_told:
            return
        if text:
            part.pieces.append(text)
            self.has_output = True
            self.output_chars += len(text)
        changes = item.place(part)
        if channel is TEXT and not isinstance(event.get("logprobs"), list):
            changes["logprobs"] = []
        self._pass(event, frame, out, changes)

    def _text_done(self, event: Json, frame: Frame, out: list[bytes]) -> None:
        channel = self._wholes[event["type"]]
        text = event.get(channel.member)
        item = self._item(event, channel.item_kind, out)
        if item is None or item.done is not None:
            return
        part = self._part(item, channel, event, out)
        if part is None or part.is_told:
            return
        if isinstance(text, str) and text and not part.pieces:
            self._whole_delta(item, part, text, out)
        part.is_told = True
        changes = {**item.place(part), channel.member: part.whole()}
        if channel is TEXT and not isinstance(event.get("logprobs"), list):
            changes["logprobs"] = []
        self._pass(event, frame, out, changes)

    def _part_done(self, event: Json, frame: Frame, out: list[bytes]) -> None:
        channel = self._channel(event)
        item = None if channel is None else self._item(event, channel.item_kind, out)
        if channel is None or item is None or item.done is not None:
            return
        part = self._part(item, channel, event, out)
        if part is None or part.is_done:
            return
        self._close_text(item, part, _word(event["part"].get(channel.part_member)), out)
        part.is_done = True
        self._pass(event, frame, out, {**item.place(part), "part": part.mended(event["part"])})

    def _item_done(self, event: Json, frame: Frame, out: list[bytes]) -> None:
        given = event.get("item")
        if not isinstance(given, dict):
            return
        item = self._by_index.get(_index(event))
        if item is None or item.kind != given.get("type") or (item.done is not None and not _is_same(item, given)):
            item = self._add(given, event, None, out)
        if item is None or item.done is not None:
            return
        self._close(item, given, out)
        self._pass(event, frame, out, {"output_index": item.index, "item": item.done})

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
                self._tell(
                    out, f"{part.channel.part_stem}.done", {**item.place(part), "part": part.part(part.text())}
                )
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
        if text and not part.pieces:
            self._whole_delta(item, part, text, out)
        channel = part.channel
        told = {**item.place(part), channel.member: part.whole()}
        if channel is TEXT:
            told["logprobs"] = []
        self._tell(out, f"{channel.stem}.done", told)

    def _whole_delta(self, item: ItemState, part: PartState, text: str, out: list[bytes]) -> None:
        """A text that came only whole, as the one piece clients show."""
        part.pieces.append(text)
        self.has_output = True
        self.output_chars += len(text)
        told = {**item.place(part), "delta": text}
        if part.channel is TEXT:
            told["logprobs"] = []
        self._tell(out, f"{part.channel.stem}.delta", told)

    def _terminal(self, event: Json, frame: Frame, out: list[bytes]) -> None:
        del frame
        response, kind = event.get("response"), event["type"]
        response = response if isinstance(response, dict) else {}
        if kind in ("response.failed", "response.cancelled") or response.get("error"):
            self._fail_as(error_fields(response) if response.get("error") else ErrorFields(code="failed"))
            return
        status = kind.rpartition(".")[2]
        reason = finish_reason({**response, "status": status})
        self._begin(out)
        self._close_all(response, "completed" if status == "completed" else "incomplete", out)
        if self.failure is not None or not self._is_good(response, reason):
            return
        ended = shown_response(response, self._response, self.request)
        ended |= {"status": status, "output": [item.done for item in self._items], "error": None}
        if status == "incomplete" and not isinstance(ended.get("incomplete_details"), dict):
            ended["incomplete_details"] = {"reason": finish.TO_RESPONSES[reason][1] or "max_output_tokens"}
        ended["usage"] = to_responses(self.usage or estimated_usage(self.request, self.output_chars))
        has_calls = any(item.kind in CALL_KINDS for item in self._items)
        self.finish = finish.settled(reason, has_calls=has_calls)
        self._tell(out, kind, {"response": ended})
        self.is_finished = True

    def _is_good(self, response: Json, reason: FinishReason) -> bool:
        """Whether the end is a good one: something came, and no call is broken that no limit cut."""
        self.usage = from_responses(response.get("usage"))
        if not self.has_output and (failure := finish.empty_failure(reason, self.usage)) is not None:
            self.failure = failure
        broken = (
            item.kind == "function_call" and item.done is not None and item.done.get("status") == "incomplete"
            for item in self._items
        )
        if reason not in finish.CUTTING and self._nameless:
            self._fail("malformed", "a tool call has no name")
        if reason not in finish.CUTTING and any(broken):
            self._fail("malformed", "the arguments of a tool call are not JSON")
        return self.failure is None

    def _close_all(self, response: Json, status: str, out: list[bytes]) -> None:
        """Items that only the final output tells, and those that were never said to be done."""
        output = response.get("output")
        for index, given in enumerate(output if isinstance(output, list) else ()):
            if not isinstance(given, dict) or any(_is_same(item, given) for item in self._items if item.done):
                continue
            item = next((known for known in self._items if _is_same(known, given)), None)
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

    def _other(self, event: Json, frame: Frame, out: list[bytes]) -> None:
        """An event of a tool the provider runs, an annotation and so on: passed if its item is known."""
        item = self._by_index.get(_index(event))
        if item is None or item.done is not None:
            return
        self._pass(
            event, frame, out, {"output_index": item.index, **({"item_id": item.item_id} if "item_id" in event else {})}
        )

    def _pass(self, event: Json, frame: Frame, out: list[bytes], changes: Json) -> None:
        """An event with these members, in its own bytes if it has them already."""
        kind = event["type"].encode()
        is_same = event.get("sequence_number") == self._sequence
        if is_same and all(event.get(name) == value for name, value in changes.items()):
            head = b"event: " + kind + b"\ndata: "
            if len(frame.raw) == len(head) + len(frame.data) and frame.raw.startswith(head):
                self._sequence += 1
                out.append(frame.raw + b"\n\n")
                return
        self._tell(out, event["type"], {**event, **changes})

    def _tell(self, out: list[bytes], kind: str, fields: Json) -> None:
        event = {"type": kind, **fields, "sequence_number": self._sequence}
        self._sequence += 1
        out.append(b"event: " + kind.encode() + b"\ndata: " + orjson.dumps(event) + b"\n\n")

    def _fail_as(self, fields: ErrorFields) -> None:
        if self.failure is None:
            self.failure = failure_from(fields)


def _index(event: Json) -> int:
    index = event.get("output_index")
    return index if type(index) is int else -1


def _head(given: Json) -> Json:
    """A whole item as it is when it is added: in progress and empty."""
    filled = [key for key in _EMPTY if given.get(key)]
    status = {"status": "in_progress"} if given.get("status") in ("completed", "incomplete") else {}
    return {**given, **{key: _EMPTY[key] for key in filled}, **status}


def _is_same(item: ItemState, given: Json) -> bool:
    if item.kind != given.get("type"):
        return False
    if item.kind in CALL_KINDS and given.get("call_id"):
        return bool(item.head.get("call_id") == given["call_id"])
    return bool(given.get("id")) and given.get("id") == item.item_id


def _word(value: Any) -> str:
    return value if isinstance(value, str) else ""
