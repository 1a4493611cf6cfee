"""Responses of OpenAI and of servers that speak all of it."""

from dataclasses import replace
from typing import Final

from adapters.base import Adapter, with_quirks
from adapters.openai.chat import REASONING_MODELS
from adapters.openai.codes import CODES
from freetheai.wire import responses
from freetheai.wire.formats import Quirks

QUIRKS: Final = Quirks(
    # System messages in the middle are `developer` here. Case: tests/wire_responses/test_build.py.
    developer_role="developer",
    strict_tools=True,
    # Unsigned reasoning items are refused; the encrypted ones go back to their maker. Same tests.
    replay_reasoning="never",
)
# How to sample is refused while they reason. Case: tests/adapters/test_openai_requests.py.
REASONING_QUIRKS: Final = replace(QUIRKS, drop_fields=frozenset({"temperature", "top_p"}))

ADAPTER = with_quirks(
    Adapter(family="openai", upstream=responses.UPSTREAM, path="/responses", codes=CODES, quirks=QUIRKS),
    (REASONING_MODELS, REASONING_QUIRKS),
)
