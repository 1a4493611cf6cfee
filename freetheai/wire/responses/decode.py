"""Decode Responses answers, streams and plain ones, into events.

Strategy: ``FrameDecoder`` cuts frames; an event is dispatched on its ``type`` to the item it names by ``output_index``,
and the item opens, feeds and closes blocks of ``BlockQueue``, which brings parallel ones into order. Whole items
(``done`` events, the output of the terminal event, a plain answer) are read by the same code, for what no delta told.

Rules:
- only ``response.completed`` and ``response.incomplete`` are a good end; without one the stream was cut, ``[DONE]`` or
  not;
- a call is told when its name is known; its arguments are checked at the end: broken ones are only right where a limit
  cut;
- reasoning is told once: as it first comes, or in full where text and summary come at once; ``encrypted_content`` is
  the block's signature, and without any words a block of its own;
- links that a text cites are told behind it, once;
- unknown events and items are left out, and so is what comes after the end.

Format: https://platform.openai.com/docs/api-reference/responses-streaming
"""

from collections.abc import Callable
from typing import Any, Final

from freetheai.wire import finish
from freetheai.wire.blocks import BlockQueue
from freetheai.wire.decoding import FrameDecoder
from freetheai.wire.error_body import ErrorFields, error_fields, failure_from, is_error_body
from freetheai.wire.events import (
    Event,
    Failed,
    Finish,
    FinishReason,
    ResponseStart,
    UpstreamFailure,
    Usage,
)
from freetheai.wire.formats import Quirks
from freetheai.wire.jsontext import loads
from freetheai.wire.request import ChatRequest
from freetheai.wire.responses.reading import ItemReader, Reading, part_index
from freetheai.wire.sse import Frame
from freetheai.wire.template import TextMatch, volatile
from freetheai.wire.toolcalls import answer_seed
from freetheai.wire.usage import from_responses

Json = dict[str, Any]

# Members of an event that may change with every event and tell us nothing.
VOLATILE: Final = volatile("sequence_number", "obfuscation")
# Events that are a piece of something, and what of.
_DELTAS: Final = {
    "response.output_text.delta": "text",
    "response.refusal.delta": "refusal",
    "response.reasoning_text.delta": "reasoning",
    "response.reasoning_summary_text.delta": "summary",
    "response.function_call_arguments.delta": "arguments",
    "response.custom_tool_call_input.delta": "input",
}
# More items than any answer has: a broken upstream.
MAX_ITEMS: Final = 1024


class ResponsesDecoder(FrameDecoder):
    """One stream. See ``formats.StreamDecoder``."""

    def __init__(self, request: ChatRequest, quirks: Quirks) -> None:
        del quirks
        super().__init__(VOLATILE)
        self._request = request
        self._blocks = BlockQueue()
        self._reading = Reading(request, self._blocks)
        self._items: list[ItemReader] = []
        self._by_index: dict[int, ItemReader] = {}
        self._has_started = False
        self._by_type: dict[str, Callable[[Json, list[Event]], None]] = {
            "response.created": self._begin,
            "response.in_progress": self._begin,
            "response.queued": self._begin,
            "response.output_item.added": self._item_added,
            "response.output_item.done": self._item_done,
            **{kind: self._piece(channel, "delta") for kind, channel in _DELTAS.items()},
            "response.output_text.annotation.added": self._annotation,
            "response.output_text.done": self._piece("text", "text", is_whole=True),
            "response.refusal.done": self._piece("refusal", "refusal", is_whole=True),
            "response.reasoning_text.done": self._piece("reasoning", "text", is_whole=True),
            "response.reasoning_summary_text.done": self._piece("summary", "text", is_whole=True),
            "response.function_call_arguments.done": self._piece("arguments", "arguments", is_whole=True),
            "response.custom_tool_call_input.done": self._piece("input", "input", is_whole=True),
            "response.completed": self._end_event,
            "response.incomplete": self._end_event,
            "response.failed": self._end_event,
            "response.cancelled": self._end_event,
        }

    def _read(self, value: Json, frame: Frame, events: list[Event]) -> None:
        self.event(value, frame.event.decode("ascii", "replace"), events)
        if not self._is_over and is_plain_delta(value) and (known := self._by_index.get(value["output_index"])):
            place = (_DELTAS[value["type"]], part_index(value))
            self._templates.learn(frame.raw, "delta", (value, known, place))

    def _ended(self, events: list[Event], *, is_marked: bool) -> None:
        del is_marked  # `[DONE]` is no mark of this format
        self._fail(events, "cut", "the stream ended without response.completed")

    def _is_error(self, value: Any) -> bool:
        return isinstance(value, dict) and is_error_event(value)

    def _error_fields(self, value: Any) -> ErrorFields:
        return event_error(value)

    def _matched(self, match: TextMatch, events: list[Event]) -> None:
        """A delta like an earlier one; what it belongs to is looked up as for any other."""
        if self._is_over:
            return
        owner: tuple[Json, ItemReader, tuple[str, int]] = match[0].owner
        event, reader, place = owner
        if self._by_index.get(event["output_index"]) is reader and reader.go_on(place, match[2], events):
            if self._reading.is_overflowing:
                self._fail(events, "too_large", "the answer's items are larger than can be held")
            return
        event["delta"] = match[2]
        self._by_type[event["type"]](event, events)
        if self._blocks.is_overflowing or self._reading.is_overflowing:
            self._fail(events, "too_large", "the answer's items are larger than can be held")

    def event(self, event: Json, name: str, events: list[Event]) -> None:
        """Read one event; ``name`` is what its ``event:`` line says, for those without a type."""
        kind = event.get("type") or name
        if event.get("object") == "response" and "output" in event:
            self.whole(event, events)
        elif isinstance(kind, str) and (read := self._by_type.get(kind)) is not None:
            read(event, events)
            if self._blocks.is_overflowing or self._reading.is_overflowing:
                self._fail(events, "too_large", "the answer's items are larger than can be held")

    def whole(self, response: Json, events: list[Event]) -> None:
        """Read a whole response: a plain answer, or the terminal event's."""
        self._start(response, events)
        status = response.get("status")
        if status in ("failed", "cancelled") or response.get("error"):
            fields = error_fields(response) if response.get("error") else ErrorFields(code=str(status))
            self._fail_as(events, fields)
            return
        if status in ("in_progress", "queued"):
            self._fail(events, "malformed", f"the answer is {status}")
            return
        output = response.get("output")
        for index, item in enumerate(output if isinstance(output, list) else ()):
            if isinstance(item, dict) and not self._is_over:
                self._whole_item(index, item, events)
        self._complete(response, events)

    def _begin(self, event: Json, events: list[Event]) -> None:
        self._start(_object(event.get("response")), events)

    def _start(self, response: Json, events: list[Event]) -> None:
        if self._has_started:
            return
        self._has_started = True
        answer_id, model, created = response.get("id"), response.get("model"), response.get("created_at")
        start = ResponseStart(
            answer_id if isinstance(answer_id, str) else "",
            model if isinstance(model, str) else "",
            int(created) if isinstance(created, int | float) and 0 < created < 1e12 else 0,
        )
        self._reading.seed = answer_seed(self._request, start.id)
        events.append(start)

    def _item_added(self, event: Json, events: list[Event]) -> None:
        if (reader := self._told_item(event, events, is_done=False)) is not None:
            reader.tell(event["item"], events)

    def _item_done(self, event: Json, events: list[Event]) -> None:
        if (reader := self._told_item(event, events, is_done=True)) is not None:
            reader.whole(event["item"], events)

    def _told_item(self, event: Json, events: list[Event], *, is_done: bool) -> ItemReader | None:
        """The item that an event carries; a new one if another stands at its place."""
        self._start({}, events)
        item, index = event.get("item"), event.get("output_index")
        if not isinstance(item, dict):
            return None
        reader = self._by_index.get(index) if type(index) is int else None
        if reader is None or reader.is_another(item):
            reader = next((known for known in self._items if known.is_same(item)), None)
        if reader is None and is_done and type(index) is not int and self._items and self._items[-1].is_open(item):
            reader = self._items[-1]
        return reader or self._new(index, events)

    def _whole_item(self, index: int, item: Json, events: list[Event]) -> None:
        """An item of the final output, read only as far as it was not told before."""
        reader = next((known for known in self._items if known.is_same(item)), None) or self._by_index.get(index)
        if reader is None or not (reader.is_same(item) or reader.could_be(item)):
            reader = self._new(None, events)
        if reader is not None:
            reader.whole(item, events)

    def _piece(self, channel: str, member: str, *, is_whole: bool = False) -> Callable[[Json, list[Event]], None]:
        def read(event: Json, events: list[Event]) -> None:
            text = event.get(member)
            if not isinstance(text, str):
                return
            self._start({}, events)
            reader = self._item(event, events)
            if reader is not None and not reader.piece(channel, event, text, events, is_whole=is_whole):
                self._fail(events, "malformed", "an item went on after it was done")

        return read

    def _annotation(self, event: Json, events: list[Event]) -> None:
        self._start({}, events)
        if (reader := self._item(event, events)) is not None:
            reader.cite(part_index(event), [event.get("annotation")])

    def _item(self, event: Json, events: list[Event]) -> ItemReader | None:
        """The item an event belongs to: by its place, or by its id where the place is not told, else the newest."""
        index = event.get("output_index")
        if type(index) is int:
            return self._by_index.get(index) or self._new(index, events)
        item_id = event.get("item_id")
        item_id = item_id if isinstance(item_id, str) else ""
        known = next((reader for reader in self._items if item_id and reader.is_called(item_id)), None)
        if known is not None:
            return known
        return self._items[-1] if self._items else self._new(None, events)

    def _new(self, index: Any, events: list[Event]) -> ItemReader | None:
        if len(self._items) >= MAX_ITEMS:
            self._fail(events, "too_large", "the answer has more items than can be held")
            return None
        reader = ItemReader(self._reading, len(self._items))
        self._items.append(reader)
        if type(index) is int:
            self._by_index[index] = reader
        return reader

    def _end_event(self, event: Json, events: list[Event]) -> None:
        response = _object(event.get("response"))
        if event.get("type") in ("response.failed", "response.cancelled"):
            self._start(response, events)
            fields = error_fields(response) if response.get("error") else ErrorFields(code="failed")
            self._fail_as(events, fields)
            return
        status = "incomplete" if event.get("type") == "response.incomplete" else "completed"
        self.whole({**response, "status": status}, events)

    def _complete(self, response: Json, events: list[Event]) -> None:
        if self._is_over:
            return
        reason = finish_reason(response)
        readers = self._items
        if reason not in finish.CUTTING and any(reader.is_broken() for reader in readers):
            self._fail(events, "malformed", "the arguments of a tool call are not JSON")
            return
        if reason not in finish.CUTTING and any(reader.is_nameless() for reader in readers):
            self._fail(events, "malformed", "a tool call has no name")
            return
        for reader in readers:
            reader.close(events)
        self._blocks.close_all(events)
        usage: Usage | None = from_responses(response.get("usage"))
        self._is_over = True
        if not self._blocks.has_output and (failure := finish.empty_failure(reason, usage)) is not None:
            events.append(Failed(failure))
            return
        if usage is not None:
            events.append(usage)
        events.append(Finish(finish.settled(reason, has_calls=any(reader.is_call for reader in readers))))


def finish_reason(response: Json) -> FinishReason:
    """Why a whole response ended; an incomplete one that does not say why met a limit."""
    if response.get("status") != "incomplete":
        return "stop"
    reason = _object(response.get("incomplete_details")).get("reason")
    return finish.FROM_RESPONSES_INCOMPLETE.get(reason, "length") if isinstance(reason, str) else "length"


def is_error_event(event: Json) -> bool:
    """Whether an event is an error: flat, or the envelope."""
    kind = event.get("type")
    if isinstance(kind, str) and kind.startswith("response."):
        return bool(event.get("error"))
    return event.get("object") != "response" and is_error_body(event)


def event_error(event: Any) -> ErrorFields:
    """The fields of an error event; its own ``type`` says nothing."""
    fields = error_fields(event)
    if fields.type == "error":
        fields.type = ""
    return fields


def is_plain_delta(event: Json) -> bool:
    """Whether an event is a piece of text, reasoning or arguments of an item whose place it tells, and nothing else."""
    kind = event.get("type")
    if not (isinstance(kind, str) and kind in _DELTAS and type(event.get("output_index")) is int):
        return False
    return isinstance(event.get("delta"), str) and "object" not in event and not event.get("logprobs")


def decode_body(data: bytes, request: ChatRequest, quirks: Quirks) -> list[Event]:
    """Read a plain answer: the same events as its stream. Total; a stream sent all the same is read as one."""
    decoder = ResponsesDecoder(request, quirks)
    events: list[Event] = []
    try:
        body = loads(data.strip())
    except ValueError:
        if data.lstrip()[:5] in (b"data:", b"event", b"error") or data.lstrip().startswith(b":"):
            return decoder.feed(data) + decoder.end()
        return [Failed(UpstreamFailure(kind="malformed", phase="body", message="the answer is not JSON"))]
    if isinstance(body, dict) and body.get("object") != "response" and is_error_body(body):
        return [Failed(failure_from(error_fields(body), phase="body"))]
    if not isinstance(body, dict) or not isinstance(body.get("output"), list):
        if isinstance(body, dict) and body.get("error"):
            return [Failed(failure_from(error_fields(body), phase="body"))]
        return [Failed(UpstreamFailure(kind="malformed", phase="body", message="the answer is no response"))]
    decoder.whole(body, events)
    return events


def _object(value: Any) -> Json:
    return value if isinstance(value, dict) else {}
