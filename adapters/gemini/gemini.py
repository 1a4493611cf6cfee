"""Google's Gemini API, and servers that speak its generateContent: ``base_url`` ends in ``/v1beta``."""

from adapters.base import Adapter
from adapters.gemini.codes import CODES
from freetheai.wire import gemini
from freetheai.wire.formats import Quirks

ADAPTER = Adapter(
    family="gemini",
    upstream=gemini.UPSTREAM,
    path="/models/{model}:generateContent",
    # Without `alt=sse` a stream is one JSON array, readable only at its end.
    stream_path="/models/{model}:streamGenerateContent?alt=sse",
    auth="x-goog-api-key",
    codes=CODES,
    # Calls are held to their schemas (mode VALIDATED). Case: tests/wire_gemini/test_build.py, "a strict tool".
    quirks=Quirks(strict_tools=True),
)
