"""Anthropic Messages, as a client's format and as an upstream's.

Format: https://platform.claude.com/docs/en/api/messages
"""

from freetheai.wire.formats import ByteStream, ClientFormat, Quirks, Stamp, UpstreamFormat
from freetheai.wire.messages.body import relay_body
from freetheai.wire.messages.build import build
from freetheai.wire.messages.decode import MessagesDecoder, decode_body
from freetheai.wire.messages.encode import PING, MessagesEncoder, encode_body
from freetheai.wire.messages.parse import parse
from freetheai.wire.messages.relay import MessagesRelay
from freetheai.wire.messages.rewrite import needs_translation, rewrite
from freetheai.wire.request import ChatRequest
from freetheai.wire.translate import Translation


def relay(request: ChatRequest, stamp: Stamp, quirks: Quirks) -> ByteStream:
    """A relay; a translation of the format into itself for what a relay can't do."""
    if needs_translation(request, quirks):
        return Translation(request, MessagesDecoder(request, quirks), MessagesEncoder(request, stamp))
    return MessagesRelay(request, stamp, quirks)


CLIENT = ClientFormat(
    name="messages",
    id_prefix="msg_",
    parse=parse,
    encoder=MessagesEncoder,
    encode_body=encode_body,
    relay=relay,
    relay_body=relay_body,
    keep_alive=PING,
)
UPSTREAM = UpstreamFormat(
    name="messages",
    build=build,
    rewrite=rewrite,
    decoder=MessagesDecoder,
    decode_body=decode_body,
)
