"""Speech and transcripts on their way to the client as they come.

Strategy: each class is a ``MediaStream``. ``RawAudio`` passes bytes,
``EventRelay`` a provider's own events, ``AudioEvents`` makes events of what another stream gives.

Rules:
- bytes have no end mark of their own: the transport's clean end is the answer's, and nothing at all is a failure;
- events are whole only with their `done` event; after it comes one ``[DONE]``, whatever the provider sends;
- a failure among events is an event; among bytes only a broken connection can tell.
"""

import base64
from typing import Any, Final

import orjson

from freetheai.errors import ApiError
from freetheai.wire import usage as counts
from freetheai.wire.error_body import error_fields, failure_from, is_error_body
from freetheai.wire.events import FailureKind, UpstreamFailure, Usage
from freetheai.wire.jsontext import try_loads
from freetheai.wire.media import MediaStream
from freetheai.wire.sse import Frame, SseSplitter

EVENT_STREAM: Final = "text/event-stream; charset=utf-8"
DONE_EVENT: Final = b"data: [DONE]\n\n"


class RawAudio:
    """Audio as the provider sends it."""

    __slots__ = ("content_type", "failure", "has_output", "is_finished", "usage")

    def __init__(self, content_type: str) -> None:
        self.content_type = content_type
        self.has_output = False
        self.is_finished = False
        self.failure: UpstreamFailure | None = None
        self.usage: Usage | None = None

    def feed(self, data: bytes) -> bytes:
        """The same bytes."""
        self.has_output = self.has_output or bool(data)
        return data

    def end(self) -> bytes:
        """Whole, if anything came."""
        if not self.has_output:
            self.failure = stream_failure("empty")
        return b""

    def error(self, error: ApiError) -> None:
        """Bytes can't tell."""
        del error


class EventRelay:
    """A provider's own events: `….delta` and one `….done`."""

    __slots__ = ("_splitter", "content_type", "failure", "has_output", "is_finished", "usage")

    def __init__(self) -> None:
        self.content_type = EVENT_STREAM
        self.has_output = False
        self.is_finished = False
        self.failure: UpstreamFailure | None = None
        self.usage: Usage | None = None
        self._splitter = SseSplitter()

    def feed(self, data: bytes) -> bytes:
        """The events that ``data`` completed."""
        out = bytearray()
        for frame in self._splitter.feed(data):
            out += self._take(frame)
            if self.is_finished or self.failure is not None:
                break
        if self._splitter.is_overflowing and self.failure is None and not self.is_finished:
            self.failure = stream_failure("too_large")
        return bytes(out)

    def end(self) -> bytes:
        """Without its `done` it was cut."""
        if not self.is_finished and self.failure is None:
            self.failure = stream_failure("cut" if self.has_output else "empty")
        return b""

    def error(self, error: ApiError) -> bytes:
        """The error as the last event."""
        return error_events(error)

    def _take(self, frame: Frame) -> bytes:
        if frame.data == b"[DONE]":
            return b""  # Ours follows the done event.
        value = try_loads(frame.data)
        if not isinstance(value, dict):
            return b""
        kind = str(value.get("type", ""))
        if frame.is_error or is_error_body(value):
            self.failure = failure_from(error_fields(value))
            return b""
        if kind.endswith(".done"):
            self.is_finished = True
            self.has_output = self.has_output or bool(value.get("text"))
            self.usage = counts.from_responses(value.get("usage"))
        elif kind.endswith((".delta", ".segment")):
            self.has_output = True
        raw = frame.raw if not frame.is_bare else b"data: " + frame.data
        return raw + b"\n\n" + (DONE_EVENT if self.is_finished else b"")


class AudioEvents:
    """Bytes of another stream as `speech.audio.delta` events, with `speech.audio.done` at their end."""

    __slots__ = ("_inner", "content_type", "is_finished")

    def __init__(self, inner: MediaStream) -> None:
        self._inner = inner
        self.content_type = EVENT_STREAM
        self.is_finished = False

    @property
    def has_output(self) -> bool:
        """Whether any audio came."""
        return self._inner.has_output

    @property
    def failure(self) -> UpstreamFailure | None:
        """The provider's fault."""
        return self._inner.failure

    @property
    def usage(self) -> Usage | None:
        """Tokens, where the provider counts them."""
        return self._inner.usage

    def feed(self, data: bytes) -> bytes:
        """An event for what came."""
        return _delta(self._inner.feed(data))

    def end(self) -> bytes:
        """What is left, and the end."""
        rest = _delta(self._inner.end())
        if self._inner.failure is not None:
            return rest
        tokens = self._inner.usage or Usage()
        used = {"input_tokens": tokens.in_total, "output_tokens": tokens.out_total}
        used["total_tokens"] = tokens.in_total + tokens.out_total
        return rest + event({"type": "speech.audio.done", "usage": used}) + DONE_EVENT

    def error(self, error: ApiError) -> bytes:
        """The error as the last event."""
        return error_events(error)


def event(value: dict[str, Any]) -> bytes:
    """One event that holds ``value``."""
    return b"data: %b\n\n" % orjson.dumps(value)


def error_events(error: ApiError) -> bytes:
    """An error in a stream, and its end."""
    return event(error.envelope()) + DONE_EVENT


def stream_failure(kind: FailureKind, message: str = "") -> UpstreamFailure:
    """A failure after a good status."""
    return UpstreamFailure(kind=kind, phase="stream", status=200, message=message)


def _delta(audio: bytes) -> bytes:
    if not audio:
        return b""
    return event({"type": "speech.audio.delta", "audio": base64.b64encode(audio).decode()})
