"""Anthropic Messages, as a client's format and as an upstream's.

Format: https://platform.claude.com/docs/en/api/messages
"""

from freetheai.wire.events import Event
from freetheai.wire.fold import fold
from freetheai.wire.formats import ByteStream, ClientFormat, Quirks, Stamp, StreamDecoder, UpstreamFormat
from freetheai.wire.messages.body import relay_body
from freetheai.wire.messages.build import build
from freetheai.wire.messages.decode import MessagesDecoder
from freetheai.wire.messages.decode import decode_body as read_body
from freetheai.wire.messages.encode import PING, MessagesEncoder, encode_body
from freetheai.wire.messages.parse import parse
from freetheai.wire.messages.relay import MessagesRelay
from freetheai.wire.messages.rewrite import needs_translation, rewrite
from freetheai.wire.outgoing import has_blank_stop
from freetheai.wire.request import ChatRequest
from freetheai.wire.stops import StopDecoder, cut_answer
from freetheai.wire.translate import Translation, counted


def relay(request: ChatRequest, stamp: Stamp, quirks: Quirks) -> ByteStream:
    """A relay; a translation of the format into itself for what a relay can't do."""
    if needs_translation(request, quirks) or has_blank_stop(request):
        return Translation(request, decoder(request, quirks), MessagesEncoder(request, stamp))
    return MessagesRelay(request, stamp, quirks)


def relay_plain(data: bytes, request: ChatRequest, stamp: Stamp, quirks: Quirks) -> bytes:
    """The client's plain answer from the upstream's."""
    if has_blank_stop(request):
        return encode_body(counted(fold(decode_body(data, request, quirks)), request), request, stamp)
    return relay_body(data, request, stamp, quirks)


def decoder(request: ChatRequest, quirks: Quirks) -> StreamDecoder:
    """A decoder; one that cuts at the stop strings where some of them are blank: this format refuses those."""
    inner = MessagesDecoder(request, quirks)
    return StopDecoder(inner, request.stop) if has_blank_stop(request) else inner


def decode_body(data: bytes, request: ChatRequest, quirks: Quirks) -> list[Event]:
    """Read a plain answer, cut at stop strings as its stream would be."""
    events = read_body(data, request, quirks)
    return cut_answer(events, request.stop) if has_blank_stop(request) else events


CLIENT = ClientFormat(
    name="messages",
    id_prefix="msg_",
    parse=parse,
    encoder=MessagesEncoder,
    encode_body=encode_body,
    relay=relay,
    relay_body=relay_plain,
    keep_alive=PING,
)
UPSTREAM = UpstreamFormat(
    name="messages",
    build=build,
    rewrite=rewrite,
    decoder=decoder,
    decode_body=decode_body,
)
