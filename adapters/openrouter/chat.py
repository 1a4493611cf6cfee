"""Chat Completions of OpenRouter, and of gateways that answer like it (Kilo)."""

from adapters.base import Adapter
from adapters.openrouter.codes import CODES
from freetheai.wire import chat
from freetheai.wire.formats import Quirks

ADAPTER = Adapter(
    family="openrouter",
    upstream=chat.UPSTREAM,
    path="/chat/completions",
    codes=CODES,
    # Who we are (`HTTP-Referer`, `X-Title`) is not told. Cases: tests/adapters/test_openrouter_requests.py.
    quirks=Quirks(
        # One object for all models behind it: an effort, a budget, or off.
        reasoning_style="openrouter",
        # Hands caching hints on to the models that read them (Claude, Gemini).
        cache_control=True,
        top_k=True,
    ),
)
