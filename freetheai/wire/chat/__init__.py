"""OpenAI Chat Completions, as a client's format and as an upstream's.

Format: https://platform.openai.com/docs/api-reference/chat
"""

from freetheai.wire.chat.body import relay_body
from freetheai.wire.chat.body import relay_usual as relay_usual_body
from freetheai.wire.chat.build import build
from freetheai.wire.chat.decode import ChatDecoder
from freetheai.wire.chat.decode import decode_body as read_body
from freetheai.wire.chat.encode import ChatEncoder, encode_body
from freetheai.wire.chat.parse import parse
from freetheai.wire.chat.relay import ChatRelay
from freetheai.wire.chat.rewrite import needs_translation, rewrite
from freetheai.wire.events import Event
from freetheai.wire.fold import fold
from freetheai.wire.formats import ByteStream, ClientFormat, Quirks, Response, Stamp, StreamDecoder, UpstreamFormat
from freetheai.wire.request import ChatRequest
from freetheai.wire.stops import StopDecoder, cut_answer
from freetheai.wire.translate import Translation, counted


def relay(request: ChatRequest, stamp: Stamp, quirks: Quirks) -> ByteStream:
    """A relay; a translation of the format into itself for what a relay can't do."""
    if needs_translation(request) or quirks.raw_think or _stops_here(request, quirks):
        return Translation(request, decoder(request, quirks), ChatEncoder(request, stamp))
    return ChatRelay(request, stamp)


def relay_plain(data: bytes, request: ChatRequest, stamp: Stamp, quirks: Quirks) -> bytes:
    """The client's plain answer from the upstream's."""
    if _stops_here(request, quirks):
        return encode_body(counted(fold(decode_body(data, request, quirks)), request), request, stamp)
    return relay_body(data, request, stamp, quirks)


def relay_usual(data: bytes, request: ChatRequest, stamp: Stamp, quirks: Quirks) -> tuple[bytes, Response] | None:
    """The usual plain answer, parsed once; None for what needs more than that."""
    if quirks.raw_think or _stops_here(request, quirks):
        return None
    return relay_usual_body(data, request, stamp)


def decoder(request: ChatRequest, quirks: Quirks) -> StreamDecoder:
    """A decoder; one that cuts at the stop strings where the upstream knows none, or fewer than the client gave."""
    inner = ChatDecoder(request, quirks)
    return StopDecoder(inner, request.stop) if _stops_here(request, quirks) else inner


def decode_body(data: bytes, request: ChatRequest, quirks: Quirks) -> list[Event]:
    """Read a plain answer, cut at stop strings as its stream would be."""
    events = read_body(data, request, quirks)
    return cut_answer(events, request.stop) if _stops_here(request, quirks) else events


def _stops_here(request: ChatRequest, quirks: Quirks) -> bool:
    # Of several answers only the upstream could cut each (`refuse_several_cuts`).
    return len(request.stop) > quirks.max_stop and request.n == 1


CLIENT = ClientFormat(
    name="chat",
    id_prefix="chatcmpl-",
    parse=parse,
    encoder=ChatEncoder,
    encode_body=encode_body,
    relay=relay,
    relay_body=relay_plain,
    relay_usual=relay_usual,
)
UPSTREAM = UpstreamFormat(
    name="chat",
    build=build,
    rewrite=rewrite,
    decoder=decoder,
    decode_body=decode_body,
)
