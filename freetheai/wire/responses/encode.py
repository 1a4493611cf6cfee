"""Encode events as a Responses stream, and a folded answer as a plain one.

Strategy: ``Output`` numbers the events and keeps the items that are done; the open item is one small object of its kind
(``writers.py``) that writes its own beginning, pieces and end. A plain answer is driven through the same code, and its
last event's response is the answer: both ways agree by construction.

Rules:
- ``sequence_number`` counts from 0 by 1; ``response.created`` and ``response.in_progress`` first, one terminal event
  last, carrying the whole output; no ``[DONE]`` after a good end;
- neighbouring text is one message; a message stays open until something else begins, so that the one a limit cut is
  ``incomplete``;
- an error is ``response.failed``, then the error envelope, then ``[DONE]``: what is open is not called done, since
  clients act on calls that are.

Format: https://platform.openai.com/docs/api-reference/responses-streaming
"""

from collections.abc import Callable, Iterator
from typing import Any, Final

import orjson

from freetheai.errors import ApiError
from freetheai.wire import finish
from freetheai.wire.events import BlockDelta, BlockEnd, BlockStart, Citations, Event, Finish, ResponseStart, Usage
from freetheai.wire.formats import Response, Stamp
from freetheai.wire.request import ChatRequest
from freetheai.wire.responses.objects import Json, ended, failed, response_object
from freetheai.wire.responses.writers import ItemWriter, MessageWriter, Output, Writers
from freetheai.wire.usage import to_responses

DONE_EVENT: Final = b"data: [DONE]\n\n"


class ResponsesEncoder:
    """One stream. See ``formats.StreamEncoder``. ``response`` is the object as it was last told."""

    def __init__(self, request: ChatRequest, stamp: Stamp, *, is_silent: bool = False) -> None:
        self.response = response_object(request, stamp)
        self._out = Output(is_silent=is_silent)
        self._writers = Writers(request, stamp, self._out)
        self._open: ItemWriter | None = None
        self._has_started = self._is_over = False
        self._usage: Json | None = None
        self._by_type: dict[type, Callable[[Any], bytes]] = {
            ResponseStart: self._start,
            BlockStart: self._block_start,
            BlockEnd: self._block_end,
            Citations: self._cite,
            Usage: self._keep_usage,
            Finish: self._finish,
        }

    def encode(self, event: Event) -> bytes:
        """The events for one event."""
        if type(event) is BlockDelta:
            return b"" if self._open is None else self._open.add(event)
        return self._by_type[type(event)](event)

    def error(self, error: ApiError) -> bytes:
        """The failure, the envelope and the end marker; nothing if the stream has ended."""
        if self._is_over:
            return b""
        self._is_over = True
        out = self._start(None)
        output = list(self._out.items)
        if self._open is not None:
            output.append(self._open.item("incomplete"))
        self.response = failed(self.response, error, output, self._usage)
        return out + self._out.event("response.failed", {"response": self.response}) + error_tail(error)

    def _start(self, event: ResponseStart | None) -> bytes:
        del event
        if self._has_started:
            return b""
        self._has_started = True
        told = {"response": self.response}
        return self._out.event("response.created", told) + self._out.event("response.in_progress", told)

    def _block_start(self, event: BlockStart) -> bytes:
        out = self._start(None)
        if isinstance(self._open, MessageWriter) and event.kind in ("text", "refusal"):
            return out + self._open.go_on(event)
        out += self._close()
        self._open = self._writers.writer(event)
        return out + self._open.begin()

    def _block_end(self, event: BlockEnd) -> bytes:
        if self._open is None or isinstance(self._open, MessageWriter):
            return b""
        self._open.signature = event.signature
        return self._close()

    def _cite(self, event: Citations) -> bytes:
        return self._open.cite(event) if isinstance(self._open, MessageWriter) else b""

    def _close(self, status: str = "completed") -> bytes:
        writer, self._open = self._open, None
        return b"" if writer is None else writer.end(status)

    def _keep_usage(self, event: Usage) -> bytes:
        self._usage = to_responses(event)
        return b""

    def _finish(self, event: Finish) -> bytes:
        if self._is_over:
            return b""
        self._is_over = True
        status, reason = finish.TO_RESPONSES[event.reason]
        out = self._start(None)
        if self._open is None and not self._out.items:
            # Clients index the output: an answer without any is an empty message.
            self._open = self._writers.writer(BlockStart(0, "text"))
            out += self._open.begin()
        out += self._close(status)
        self.response = ended(self.response, status, reason, self._out.items, self._usage)
        return out + self._out.event(f"response.{status}", {"response": self.response})


def error_tail(error: ApiError) -> bytes:
    """What every route sends at a bad end: the envelope, and the end marker."""
    return b"data: " + orjson.dumps(error.envelope()) + b"\n\n" + DONE_EVENT


def encode_body(response: Response, request: ChatRequest, stamp: Stamp) -> bytes:
    """A plain answer of a folded one."""
    encoder = ResponsesEncoder(request, stamp, is_silent=True)
    for event in _unfolded(response):
        encoder.encode(event)
    return orjson.dumps(encoder.response)


def _unfolded(response: Response) -> Iterator[Event]:
    """The events that fold into ``response``."""
    at = 0
    for index, block in enumerate(response.blocks):
        call = block.call
        if call is None:
            yield BlockStart(index, block.kind, name=block.media_type)  # type: ignore[arg-type]
            yield BlockDelta(index, block.text, block.logprobs)
            yield BlockEnd(index, block.signature)
            if block.cited:
                yield Citations(index, block.cited, at, len(block.text))
            at += len(block.text) if block.kind == "text" else 0
            continue
        yield BlockStart(index, "tool_call", call.call_id, call.name, call.custom)
        yield BlockDelta(index, call.arguments)
        yield BlockEnd(index, call.signature)
    if response.usage is not None:
        yield response.usage
    yield Finish(response.reason, response.stop_sequence)
