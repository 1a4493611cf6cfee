"""Messages of Z.ai and BigModel (base `https://api.z.ai/api/anthropic`): the coding plan's own flavour."""

import re
from collections.abc import Mapping

from adapters.base import Adapter
from adapters.zai.codes import CODES
from freetheai.wire import messages
from freetheai.wire.formats import Quirks
from freetheai.wire.request import ChatRequest


def headers(request: ChatRequest, conversation: str) -> Mapping[str, str]:
    """Errors come in Chinese otherwise."""
    del request, conversation
    return {"anthropic-version": "2023-06-01", "Accept-Language": "en-US,en"}


def speaks(base_url: str, model: str) -> bool:
    """Not at the addresses of chat: there it would be a 404."""
    del model
    return not re.search(r"/paas/v4/?$", base_url)


ADAPTER = Adapter(
    family="zai",
    upstream=messages.UPSTREAM,
    path="/v1/messages",
    codes=CODES,
    headers=headers,
    speaks=speaks,
    quirks=Quirks(
        # The format's first version, and no schemas. Case: tests/wire_messages/test_rewrite.py.
        messages_extras=False,
        json_schema=False,
        # Thinking is a switch without budgets. Case: "GLM is told to think by a switch" there.
        reasoning_style="thinking",
    ),
)
