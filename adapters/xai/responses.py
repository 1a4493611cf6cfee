"""Responses of xAI: the way it prefers."""

from adapters.base import Adapter, with_quirks
from adapters.xai.chat import PLAIN_MODELS
from adapters.xai.codes import CODES
from freetheai.wire import responses
from freetheai.wire.formats import Quirks

ADAPTER = with_quirks(
    Adapter(
        family="xai",
        upstream=responses.UPSTREAM,
        path="/responses",
        codes=CODES,
        # Cases: tests/adapters/test_xai_requests.py.
        quirks=Quirks(
            # Reasoning models answer 400 to these; the format has none, but clients send what they know from chat.
            drop_fields=frozenset({"presence_penalty", "frequency_penalty", "stop"}),
            # none, low, medium, high, xhigh.
            reasoning_style="effort_to_xhigh",
            # A reasoning item that it did not encrypt itself is refused.
            replay_reasoning="never",
        ),
    ),
    (PLAIN_MODELS, Quirks(reasoning_style="none", replay_reasoning="never")),
)
