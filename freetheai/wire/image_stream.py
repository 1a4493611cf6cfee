"""Relay a stream of images that comes piece by piece: partial images, then the whole ones.

A provider that answers a wish for pieces with the whole at once is given as the events of whole images.

Rules:
- events pass byte-identical, but for what would tell who served; comments and what is no JSON are dropped;
- a stream is complete once a whole image has come and the body has ended, or at its ``[DONE]``; anything else is cut;
- an error in band, or an image held back by the provider, ends it as a failure.

Format: https://platform.openai.com/docs/api-reference/images-streaming
"""

from typing import Any, Final

import orjson

from freetheai.errors import ApiError
from freetheai.wire.error_body import error_fields, failure_from, is_error_body
from freetheai.wire.events import FailureKind, UpstreamFailure, Usage
from freetheai.wire.images import read_images, read_usage
from freetheai.wire.jsontext import try_loads
from freetheai.wire.sse import Frame, SseSplitter

_HIDDEN: Final = frozenset({"id", "model", "provider", "cost", "cost_in_usd_ticks", "request_id"})
_DONE: Final = b"[DONE]"
# What is gathered of an answer that does not come in pieces (bytes).
_MAX_WHOLE_BYTES: Final = 128 * 1024 * 1024
CONTENT_TYPE: Final = "text/event-stream; charset=utf-8"


class ImageStream:
    """One streamed answer: a ``MediaStream``."""

    content_type = CONTENT_TYPE

    def __init__(self) -> None:
        self.has_output = False
        self.is_finished = False
        self.failure: UpstreamFailure | None = None
        self.usage: Usage | None = None
        self._splitter = SseSplitter()
        self._whole_images = 0

    def feed(self, data: bytes) -> bytes:
        """What the client gets of one read."""
        out = [self._frame(frame) for frame in self._splitter.feed(data)]
        if self._splitter.is_overflowing and not self.is_finished:
            self._fail("too_large", "an event is too large")
        return b"".join(out)

    def end(self) -> bytes:
        """The body is over: well, if a whole image has come."""
        out = b"".join(self._frame(frame) for frame in self._splitter.end())
        if self.failure is None and not self.is_finished:
            if self._whole_images:
                self.is_finished = True
            else:
                self._fail("cut" if self.has_output else "empty", "the stream ended without a whole image")
        return out

    def error(self, error: ApiError) -> bytes:
        """The last events after a failure."""
        return _error_events(error)

    def _frame(self, frame: Frame) -> bytes:
        if self.is_finished or self.failure is not None:
            return b""
        if frame.data == _DONE:
            return self._done()
        event = try_loads(frame.data)
        if not isinstance(event, dict):
            return b""
        if frame.is_error or is_error_body(event):
            self.failure = failure_from(error_fields(event))
            return b""
        return self._event(event, frame)

    def _done(self) -> bytes:
        if not self._whole_images:
            self._fail("empty", "the end came without a whole image")
            return b""
        self.is_finished = True
        return b"data: [DONE]\n\n"

    def _event(self, event: dict[str, Any], frame: Frame) -> bytes:
        if event.get("b64_json") or event.get("url"):
            self.has_output = True
            if str(event.get("type", "")).endswith(".completed"):
                self._whole_images += 1
                self.usage = read_usage(event.get("usage")) or self.usage
        if frame.is_bare or not _HIDDEN.isdisjoint(event):
            shown = {name: value for name, value in event.items() if name not in _HIDDEN}
            head = b"event: " + frame.event + b"\n" if frame.event else b""
            return head + b"data: " + orjson.dumps(shown) + b"\n\n"
        return frame.raw + b"\n\n"

    def _fail(self, kind: FailureKind, message: str) -> None:
        self.failure = UpstreamFailure(kind=kind, phase="stream", status=200, message=message)


class WholeImages:
    """A plain answer as a stream: a ``MediaStream``. ``kind`` begins its events' names (`image_generation`)."""

    content_type = CONTENT_TYPE

    def __init__(self, kind: str) -> None:
        self.has_output = False
        self.is_finished = False
        self.failure: UpstreamFailure | None = None
        self.usage: Usage | None = None
        self._kind = kind
        self._pieces: list[bytes] = []
        self._size_bytes = 0

    def feed(self, data: bytes) -> bytes:
        """Nothing, until all has come."""
        self._size_bytes += len(data)
        if self._size_bytes > _MAX_WHOLE_BYTES:
            self.failure = UpstreamFailure(kind="too_large", phase="stream", status=200)
        elif self.failure is None:
            self._pieces.append(data)
        return b""

    def end(self) -> bytes:
        """One event for each image."""
        answer = read_images(try_loads(b"".join(self._pieces)), 200)
        self._pieces.clear()
        if isinstance(answer, UpstreamFailure):
            self.failure = answer
            return b""
        self.has_output = self.is_finished = True
        self.usage = read_usage(answer.get("usage"))
        common = {name: value for name, value in answer.items() if name not in ("data", "created")}
        about = {"type": f"{self._kind}.completed", "created_at": answer.get("created"), **common}
        return b"".join(_event({**about, **image}) for image in answer["data"])

    def error(self, error: ApiError) -> bytes:
        """The last events after a failure."""
        return _error_events(error)


def _event(event: dict[str, Any]) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (event["type"].encode(), orjson.dumps(event))


def _error_events(error: ApiError) -> bytes:
    return b"data: " + orjson.dumps(error.envelope()) + b"\n\ndata: [DONE]\n\n"
