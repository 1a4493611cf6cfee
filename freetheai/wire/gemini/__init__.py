"""Gemini's generateContent, as an upstream's format only.

Format: https://ai.google.dev/api/generate-content
"""

from freetheai.wire.formats import UpstreamFormat
from freetheai.wire.gemini.build import build
from freetheai.wire.gemini.decode import GeminiDecoder, decode_body

UPSTREAM = UpstreamFormat(
    name="gemini",
    build=build,
    # No client speaks this format, so nothing of it is ever relayed.
    rewrite=build,
    decoder=GeminiDecoder,
    decode_body=decode_body,
)
