"""OpenAI Responses, as a client's format and as an upstream's.

Format: https://platform.openai.com/docs/api-reference/responses
"""

from freetheai.wire.events import Event
from freetheai.wire.formats import ByteStream, ClientFormat, Quirks, Stamp, StreamDecoder, UpstreamFormat
from freetheai.wire.request import ChatRequest
from freetheai.wire.responses.body import relay_body
from freetheai.wire.responses.build import build
from freetheai.wire.responses.decode import ResponsesDecoder
from freetheai.wire.responses.decode import decode_body as read_body
from freetheai.wire.responses.encode import ResponsesEncoder, encode_body
from freetheai.wire.responses.parse import parse, parse_object
from freetheai.wire.responses.relay import ResponsesRelay
from freetheai.wire.responses.rewrite import needs_translation, rewrite
from freetheai.wire.stops import StopDecoder, cut_answer
from freetheai.wire.translate import Translation

# Reads a parsed body that came on another route (Cursor posts such bodies to the chat route).
read_input = parse_object


def relay(request: ChatRequest, stamp: Stamp, quirks: Quirks) -> ByteStream:
    """A relay; a translation of the format into itself for servers that know a part of it, and where stops are cut."""
    if needs_translation(quirks) or request.stop:
        return Translation(request, decoder(request, quirks), ResponsesEncoder(request, stamp))
    return ResponsesRelay(request, stamp)


def decoder(request: ChatRequest, quirks: Quirks) -> StreamDecoder:
    """A decoder; one that cuts at stop strings where the client gave some, since this format has no field for them."""
    inner = ResponsesDecoder(request, quirks)
    return StopDecoder(inner, request.stop) if request.stop else inner


def decode_body(data: bytes, request: ChatRequest, quirks: Quirks) -> list[Event]:
    """Read a plain answer, cut at stop strings as its stream would be."""
    events = read_body(data, request, quirks)
    return cut_answer(events, request.stop) if request.stop else events


CLIENT = ClientFormat(
    name="responses",
    id_prefix="resp_",
    parse=parse,
    encoder=ResponsesEncoder,
    encode_body=encode_body,
    relay=relay,
    relay_body=relay_body,
)
UPSTREAM = UpstreamFormat(
    name="responses",
    build=build,
    rewrite=rewrite,
    decoder=decoder,
    decode_body=decode_body,
)
