"""Responses of OpenAI and of servers that speak all of it."""

from adapters.base import Adapter
from adapters.openai.codes import CODES
from freetheai.wire import responses
from freetheai.wire.formats import Quirks

ADAPTER = Adapter(
    family="openai",
    upstream=responses.UPSTREAM,
    path="/responses",
    codes=CODES,
    quirks=Quirks(
        # System messages in the middle are `developer` here. Case: tests/wire_responses/test_build.py.
        developer_role="developer",
        strict_tools=True,
        # Unsigned reasoning items are refused; the encrypted ones go back to their maker. Same tests.
        replay_reasoning="never",
    ),
)
