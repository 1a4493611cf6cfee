"""Messages of OpenRouter: `https://openrouter.ai/api`, or the same with `/v1` as for its other formats."""

import re
from collections.abc import Mapping
from dataclasses import replace

from adapters.anthropic import messages as anthropic
from adapters.base import Adapter
from adapters.openrouter.codes import CODES
from freetheai.wire import messages
from freetheai.wire.formats import Quirks
from freetheai.wire.request import ChatRequest


def headers(request: ChatRequest, conversation: str) -> Mapping[str, str]:
    """The version our requests are written for."""
    del request, conversation
    return {"anthropic-version": anthropic.VERSION}


# Cases: tests/adapters/test_openrouter_requests.py.
OTHERS = Adapter(
    family="openrouter",
    upstream=messages.UPSTREAM,
    path="/v1/messages",
    codes=CODES,
    headers=headers,
    # Most models behind it know the format's first version only: what came later is not theirs to understand.
    quirks=Quirks(messages_extras=False, json_schema=False),
)
# Anthropic's own get all of it.
CLAUDE = replace(OTHERS, headers=anthropic.headers, quirks=anthropic.ADAPTER.quirks)
ADAPTER = replace(OTHERS, variants=((re.compile(r"claude"), CLAUDE),))
