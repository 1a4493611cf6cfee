"""Gemini's generateContent, as an upstream's format only.

Format: https://ai.google.dev/api/generate-content
"""

from freetheai.wire.events import Event
from freetheai.wire.formats import Quirks, StreamDecoder, UpstreamFormat
from freetheai.wire.gemini.build import MAX_STOP, build
from freetheai.wire.gemini.decode import GeminiDecoder
from freetheai.wire.gemini.decode import decode_body as read_body
from freetheai.wire.request import ChatRequest
from freetheai.wire.stops import StopDecoder, cut_answer


def decoder(request: ChatRequest, quirks: Quirks) -> StreamDecoder:
    """A decoder; one that cuts at the stop strings where the client gave more than this format takes."""
    inner = GeminiDecoder(request, quirks)
    return StopDecoder(inner, request.stop) if len(request.stop) > MAX_STOP else inner


def decode_body(data: bytes, request: ChatRequest, quirks: Quirks) -> list[Event]:
    """Read a plain answer, cut at stop strings as its stream would be."""
    events = read_body(data, request, quirks)
    return cut_answer(events, request.stop) if len(request.stop) > MAX_STOP else events


UPSTREAM = UpstreamFormat(
    name="gemini",
    build=build,
    # No client speaks this format, so nothing of it is ever relayed.
    rewrite=build,
    decoder=decoder,
    decode_body=decode_body,
)
