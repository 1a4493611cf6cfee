"""Join a decoder and an encoder, and choose between translating and relaying.

Strategy: ``GuardedStream`` is what every ``ByteStream`` of ours is built on: it holds what the handler reads, and the
one broad ``except`` of ``wire``, which makes a bug of a codec one more ``UpstreamFailure`` with its traceback for the
log. ``Translation`` is a decoder and an encoder behind it; the relays of equal formats derive from it through
``relay.py``.

Rules:
- one join for all that one upstream read produced;
- a failure is kept, not judged and not written: the handler calls ``error``;
- an upstream that counts no tokens gets an estimate written for it (clients compact their context by these numbers),
  while ``usage`` stays None, so that nobody takes it for the provider's word.
"""

import sys
from dataclasses import dataclass, replace

from freetheai.errors import ApiError
from freetheai.log.traces import trace_of
from freetheai.wire.citations import placed
from freetheai.wire.events import (
    BlockDelta,
    BlockEnd,
    BlockStart,
    Citations,
    Event,
    Failed,
    FailurePhase,
    Finish,
    FinishReason,
    UpstreamFailure,
    Usage,
)
from freetheai.wire.fold import fold
from freetheai.wire.formats import (
    Block,
    ByteStream,
    ClientFormat,
    Quirks,
    Response,
    Stamp,
    StreamDecoder,
    StreamEncoder,
    UpstreamFormat,
)
from freetheai.wire.jsontext import is_too_deep
from freetheai.wire.request import ChatRequest
from freetheai.wire.tokens import estimate_request

# What four characters of output are taken for where nothing was counted.
_CHARS_PER_TOKEN = 4


def estimated_usage(request: ChatRequest, output_chars: int) -> Usage:
    """Tokens where the upstream counted none: of the request, and of so many characters of output."""
    return Usage(in_total=estimate_request(request), out_total=-(-output_chars // _CHARS_PER_TOKEN))


def output_chars(response: Response) -> int:
    """Characters of output in an answer, or in all of several."""
    blocks = (block for answer in (response, *response.others) for block in answer.blocks)
    return sum(len(block.text) + (len(block.call.arguments) if block.call else 0) for block in blocks)


def counted(response: Response, request: ChatRequest) -> Response:
    """The answer with token counts, estimated where the upstream gave none."""
    if response.usage is not None:
        return response
    return replace(response, usage=estimated_usage(request, output_chars(response)))


def internal_failure(phase: FailurePhase = "stream") -> UpstreamFailure:
    """The exception being handled, as a failure with its traceback."""
    error = sys.exception()
    if error is not None and is_too_deep(error):
        return UpstreamFailure(kind="malformed", phase=phase, message="nested too deep")
    return UpstreamFailure(kind="internal", phase=phase, trace="" if error is None else trace_of(error))


class GuardedStream:
    """A ``ByteStream`` whose ``_feed``, ``_end`` and ``_error`` may raise. See ``formats.ByteStream``."""

    def __init__(self, request: ChatRequest) -> None:
        self.request = request
        self.has_output = False
        self.is_finished = False
        self.failure: UpstreamFailure | None = None
        self.usage: Usage | None = None
        self.output_chars = 0
        self.finish: FinishReason | None = None
        self._has_error = False

    def feed(self, data: bytes) -> bytes:
        """Client bytes for one upstream read; "" once finished or failed."""
        if self.is_finished or self.failure is not None:
            return b""
        try:
            return self._feed(data)
        except Exception:
            self.failure = internal_failure()
            return b""

    def end(self) -> bytes:
        """The last events; or ``failure`` is set."""
        if self.is_finished or self.failure is not None:
            return b""
        try:
            return self._end()
        except Exception:
            self.failure = internal_failure()
            return b""

    def error(self, error: ApiError) -> bytes:
        """The error event and end marker, once; nothing after a good end."""
        if self.is_finished or self._has_error:
            return b""
        self._has_error = True
        return self._error(error)

    def _feed(self, data: bytes) -> bytes:
        raise NotImplementedError

    def _end(self) -> bytes:
        raise NotImplementedError

    def _error(self, error: ApiError) -> bytes:
        raise NotImplementedError


class Translation(GuardedStream):
    """One upstream format to another client format."""

    def __init__(self, request: ChatRequest, decoder: StreamDecoder, encoder: StreamEncoder) -> None:
        super().__init__(request)
        self._decoder = decoder
        self._encoder = encoder
        self._decode = decoder.feed
        self._encode = encoder.encode
        # Where the open block begins in the output, and how much of all text came before it and is its own.
        self._begin = self._text_at = self._text_size = 0
        self._is_text = False

    def _feed(self, data: bytes) -> bytes:
        events = self._decode(data)
        if len(events) == 1 and type(event := events[0]) is BlockDelta:
            self.has_output = True
            self.output_chars += len(event.text)
            return self._encode(event)
        return self._write(events) if events else b""

    def _end(self) -> bytes:
        return self._write(self._decoder.end())

    def _error(self, error: ApiError) -> bytes:
        return self._encoder.error(error)

    def _write(self, events: list[Event]) -> bytes:
        encode = self._encode
        out: list[bytes] = []
        for event in events:
            if type(event) is BlockDelta:
                self.has_output = True
                self.output_chars += len(event.text)
            elif isinstance(event, BlockStart):
                self.has_output = True
                self._begin, self._is_text = self.output_chars, event.kind == "text"
            elif isinstance(event, BlockEnd):
                if self._is_text:
                    self._text_at += self._text_size
                    self._text_size = self.output_chars - self._begin
            elif isinstance(event, Citations):
                event = placed(event, self._text_at, self._text_size)
            elif isinstance(event, Failed):
                self.failure = event.failure
                break
            elif isinstance(event, Usage):
                self.usage = event
            elif isinstance(event, Finish):
                if self.usage is None:
                    out.append(encode(estimated_usage(self.request, self.output_chars)))
                self.finish = event.reason
                self.is_finished = True
            out.append(encode(event))
        return b"".join(out)


def open_stream(
    client: ClientFormat, upstream: UpstreamFormat, request: ChatRequest, stamp: Stamp, quirks: Quirks
) -> ByteStream:
    """One upstream stream on its way to one client: relayed between equal formats, else translated."""
    if client.name == upstream.name:
        return client.relay(request, stamp, quirks)
    return Translation(request, upstream.decoder(request, quirks), client.encoder(request, stamp))


@dataclass(slots=True, kw_only=True)
class BodyResult:
    """A plain answer for the client. ``data`` is empty exactly when ``response.failure`` is set."""

    data: bytes
    response: Response

    @property
    def failure(self) -> UpstreamFailure | None:
        """The upstream's fault, if it was one."""
        return self.response.failure

    @property
    def usage(self) -> Usage | None:
        """Tokens as the upstream counted them."""
        return self.response.usage

    @property
    def finish(self) -> FinishReason | None:
        """Why it ended; None when it failed."""
        return None if self.response.failure is not None else self.response.reason

    @property
    def has_output(self) -> bool:
        """Whether there is any text, reasoning, call or media."""
        return any(block.text or block.call is not None for block in self._blocks())

    @property
    def output_chars(self) -> int:
        """Characters of output, for estimates where the upstream counts nothing."""
        return output_chars(self.response)

    def _blocks(self) -> list[Block]:
        return [block for answer in (self.response, *self.response.others) for block in answer.blocks]


def convert_body(
    client: ClientFormat,
    upstream: UpstreamFormat,
    request: ChatRequest,
    stamp: Stamp,
    quirks: Quirks,
    data: bytes,
) -> BodyResult:
    """A plain upstream answer as the client's format: relayed between equal formats, else translated. Total."""
    try:
        if client.name == upstream.name and client.relay_usual is not None:
            usual = client.relay_usual(data, request, stamp, quirks)
            if usual is not None:
                return BodyResult(data=usual[0], response=usual[1])
        response = fold(upstream.decode_body(data, request, quirks))
        result = BodyResult(data=b"", response=response)
        if response.failure is not None:
            return result
        if client.name == upstream.name:
            result.data = client.relay_body(data, request, stamp, quirks)
        else:
            result.data = client.encode_body(counted(response, request), request, stamp)
    except Exception:
        return BodyResult(data=b"", response=Response(failure=internal_failure("body")))
    return result
