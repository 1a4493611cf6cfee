"""OpenAI Chat Completions, as a client's format and as an upstream's.

Format: https://platform.openai.com/docs/api-reference/chat
"""

from freetheai.wire.chat.body import relay_body
from freetheai.wire.chat.build import build
from freetheai.wire.chat.decode import ChatDecoder, decode_body
from freetheai.wire.chat.encode import ChatEncoder, encode_body
from freetheai.wire.chat.parse import parse
from freetheai.wire.chat.relay import ChatRelay
from freetheai.wire.chat.rewrite import needs_translation, rewrite
from freetheai.wire.formats import ByteStream, ClientFormat, Quirks, Stamp, UpstreamFormat
from freetheai.wire.request import ChatRequest
from freetheai.wire.translate import Translation


def relay(request: ChatRequest, stamp: Stamp, quirks: Quirks) -> ByteStream:
    """A relay; a translation of the format into itself for what a relay can't do."""
    if needs_translation(request) or quirks.raw_think:
        return Translation(request, ChatDecoder(request, quirks), ChatEncoder(request, stamp))
    return ChatRelay(request, stamp)


CLIENT = ClientFormat(
    name="chat",
    id_prefix="chatcmpl-",
    parse=parse,
    encoder=ChatEncoder,
    encode_body=encode_body,
    relay=relay,
    relay_body=relay_body,
)
UPSTREAM = UpstreamFormat(
    name="chat",
    build=build,
    rewrite=rewrite,
    decoder=ChatDecoder,
    decode_body=decode_body,
)
