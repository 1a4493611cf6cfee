"""Messages of OpenRouter: `https://openrouter.ai/api`, or the same with `/v1` as for its other formats."""

import re
from dataclasses import replace

from adapters.anthropic import messages as anthropic
from adapters.base import Adapter
from adapters.messages import headers
from adapters.openrouter.codes import CODES
from freetheai.wire import messages
from freetheai.wire.formats import Quirks

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
