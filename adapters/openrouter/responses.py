"""Responses of OpenRouter, which keeps nothing: every request carries its whole history."""

from adapters.base import Adapter
from adapters.openrouter.codes import CODES
from freetheai.wire import responses
from freetheai.wire.formats import Quirks

ADAPTER = Adapter(
    family="openrouter",
    upstream=responses.UPSTREAM,
    path="/responses",
    codes=CODES,
    # Cases: tests/adapters/test_openrouter_requests.py.
    quirks=Quirks(
        # Unsigned reasoning items are refused by the models that sign theirs.
        replay_reasoning="never",
    ),
)
