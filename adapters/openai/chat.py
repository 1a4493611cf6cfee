"""Chat Completions of OpenAI and of every server that speaks it without peculiarities."""

import re
from typing import Final

from adapters.base import Adapter, with_quirks
from adapters.openai.codes import CODES
from freetheai.wire import chat
from freetheai.wire.formats import Quirks

# OpenAI's own reasoning models; not their chat variants, nor the open ones.
REASONING_MODELS: Final = re.compile(r"^(openai/)?(gpt-([5-9]|\d\d)(?!.*chat)|o[1-9](-|$))")

# Cases: tests/adapters/test_openai_requests.py.
ADAPTER = with_quirks(
    Adapter(family="openai", upstream=chat.UPSTREAM, path="/chat/completions", codes=CODES),
    (
        REASONING_MODELS,
        Quirks(
            # `max_tokens` is a 400 there.
            max_tokens_field="max_completion_tokens",
            developer_role="developer",
            # Refused while they reason. Stop strings are cut here.
            drop_fields=frozenset({"temperature", "top_p", "presence_penalty", "frequency_penalty"}),
            max_stop=0,
            strict_tools=True,
            # An unknown field there, and a 400.
            replay_reasoning="never",
        ),
    ),
)
