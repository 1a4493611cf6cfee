"""Chat Completions of xAI: its older way, which still takes all of its chat models."""

import re
from typing import Final

from adapters.base import Adapter, with_quirks
from adapters.xai.codes import CODES
from freetheai.wire import chat
from freetheai.wire.formats import Quirks

# The few that do not reason take what the others refuse.
PLAIN_MODELS: Final = re.compile(r"non-reasoning")

ADAPTER = with_quirks(
    Adapter(
        family="xai",
        upstream=chat.UPSTREAM,
        path="/chat/completions",
        codes=CODES,
        # Cases: tests/adapters/test_xai_requests.py.
        quirks=Quirks(
            # Reasoning models answer 400 to these. Penalties are dropped, stop strings cut here.
            drop_fields=frozenset({"presence_penalty", "frequency_penalty"}),
            max_stop=0,
            # none, low, medium, high, xhigh.
            reasoning_style="effort_to_xhigh",
        ),
    ),
    (PLAIN_MODELS, Quirks(reasoning_style="none")),
)
