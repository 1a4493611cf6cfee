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
from typing import Final

from freetheai.errors import ApiError
from freetheai.wire import finish
from freetheai.wire.error_body import ErrorFields, error_fields
from freetheai.wire.events import FinishReason
from freetheai.wire.expected import TextRun, TextTemplate
from freetheai.wire.formats import Stamp
from freetheai.wire.jsontext import loads
from freetheai.wire.request import ChatRequest
from freetheai.wire.responses.decode import event_error, finish_reason, is_error_event
from freetheai.wire.responses.encode import error_tail
from freetheai.wire.responses.mend import (
    CALL_KINDS,
    CHANNELS,
    TEXT,
    Channel,
    part_index,
    shown_response,
)
from freetheai.wire.responses.objects import Json, failed
from freetheai.wire.responses.order import ItemRelay, index_of, is_same
from freetheai.wire.responses.parts import word
from freetheai.wire.sse import Frame
from freetheai.wire.translate import estimated_usage
from freetheai.wire.usage import from_responses, to_responses

_TERMINAL: Final = ("response.completed", "response.incomplete", "response.failed", "response.cancelled")
_LIFECYCLE: Final = ("response.created", "response.in_progress", "response.queued")
_WITH_RESPONSE: Final = frozenset((*_TERMINAL, *_LIFECYCLE))


class ResponsesRelay(ItemRelay):
    """One stream. See ``formats.ByteStream``."""

    def __init__(self, request: ChatRequest, stamp: Stamp) -> None:
        super().__init__(request, stamp)
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

    def _is_current(self, template: TextTemplate) -> bool:
        """A part's first piece is read in full: it may be one that says nothing."""
        item, part = template.owner
        return bool(part.pieces) and not part.is_told and item.done is None

    def _passed(self, template: TextTemplate, body: bytes, text: str, number: int, event: bytes) -> bytes:
        """A delta like an earlier one, with our number."""
        if number < 0:
            return b""
        if text:
            template.owner[1].pieces.append(text)
            self.output_chars += len(text)
        wanted = self._sequence
        self._sequence = wanted + 1
        return event if number == wanted else template.renumbered(event, number, wanted)

    def _passed_run(self, template: TextTemplate, run: TextRun, number: int, data: bytes) -> bytes:
        if number != self._sequence:
            return b""
        bodies, texts, chars = run
        self._sequence += len(bodies)
        template.owner[1].pieces.extend(filter(None, texts))
        self.output_chars += chars
        return data

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

    def _item_added(self, event: Json, frame: Frame, out: list[bytes]) -> None:
        given = event.get("item")
        if not isinstance(given, dict):
            return
        if given.get("type") in CALL_KINDS and not word(given.get("name")):
            return
        known = self._known(event, "", given)
        if known is not None and known.kind == given.get("type") and (known.done is None or is_same(known, given)):
            return  # added twice, or after its first piece
        self._add(given, event, frame, out)

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
        if part is None or part.is_told or (text and part.is_nothing(text)):
            return
        self._take(part, text)
        changes = item.place(part)
        if channel is TEXT and not isinstance(event.get("logprobs"), list):
            changes["logprobs"] = []
        index = index_of(event)
        if self._pass(event, frame, out, changes) and index >= 0:
            self._templates.learn(frame.raw, "delta", (item, part))

    def _text_done(self, event: Json, frame: Frame, out: list[bytes]) -> None:
        channel = self._wholes[event["type"]]
        text = event.get(channel.member)
        item = self._item(event, channel.item_kind, out)
        if item is None or item.done is not None:
            return
        part = self._part(item, channel, event, out)
        if part is None or part.is_told:
            return
        if isinstance(text, str) and not part.is_nothing(text) and not part.pieces:
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
        self._close_text(item, part, word(event["part"].get(channel.part_member)), out)
        part.is_done = True
        self._pass(event, frame, out, {**item.place(part), "part": part.mended(event["part"])})

    def _item_done(self, event: Json, frame: Frame, out: list[bytes]) -> None:
        given = event.get("item")
        if not isinstance(given, dict):
            return
        item = self._known(event, word(given.get("type")), given)
        if item is None or item.kind != given.get("type") or (item.done is not None and not is_same(item, given)):
            item = self._add(given, event, None, out)
        if item is None or item.done is not None:
            return
        self._close(item, given, out)
        self._pass(event, frame, out, {"output_index": item.index, "item": item.done})

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
        told = ended.get("incomplete_details") if status == "incomplete" else None
        if status == "incomplete" and not isinstance(told, dict):
            told = {"reason": finish.TO_RESPONSES[reason][1] or "max_output_tokens"}
        ended["incomplete_details"] = told
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

    def _other(self, event: Json, frame: Frame, out: list[bytes]) -> None:
        """An event of a tool the provider runs, an annotation and so on: passed if its item is known."""
        item = self._known(event, "")
        if item is None or item.done is not None:
            return
        self._pass(
            event, frame, out, {"output_index": item.index, **({"item_id": item.item_id} if "item_id" in event else {})}
        )
