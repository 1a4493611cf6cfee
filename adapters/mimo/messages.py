"""Messages of Xiaomi MiMo (`https://api.xiaomimimo.com/anthropic`)."""

import re
from collections.abc import Mapping

from adapters.base import Adapter
from adapters.mimo.codes import CODES
from freetheai.wire import messages
from freetheai.wire.formats import Quirks
from freetheai.wire.request import ChatRequest


def headers(request: ChatRequest, conversation: str) -> Mapping[str, str]:
    """The version our requests are written for."""
    del request, conversation
    return {"anthropic-version": "2023-06-01"}


def speaks(base_url: str, model: str) -> bool:
    """Not at the address of chat, which is the provider's own other one."""
    del model
    return not re.search(r"xiaomimimo\.com/v1/?$", base_url)


ADAPTER = Adapter(
    family="mimo",
    upstream=messages.UPSTREAM,
    path="/v1/messages",
    codes=CODES,
    headers=headers,
    speaks=speaks,
    # Cases: tests/adapters/test_mimo_requests.py.
    quirks=Quirks(
        # The format's first version, and no schemas.
        messages_extras=False,
        json_schema=False,
        # Thinking is a switch without budgets.
        reasoning_style="thinking",
    ),
)
