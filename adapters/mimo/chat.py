"""Chat Completions of Xiaomi MiMo, pay as you go (`https://api.xiaomimimo.com/v1`) and of its token plans."""

import re
from typing import Final

from adapters.base import Adapter
from adapters.mimo.codes import CODES
from freetheai.wire import chat
from freetheai.wire.formats import Quirks

# MiMo's own ways, whoever serves it. Cases: tests/adapters/test_mimo_requests.py.
MIMO: Final = Quirks(
    reasoning_style="thinking",
    # "The reasoning_content in the thinking mode must be passed back to the API": 400 for a call without it.
    needs_reasoning=True,
    # An assistant's `content: null` is refused: "`text` is not set".
    null_content=False,
    # A tool's content must be a string.
    text_tool_results=True,
)


def speaks(base_url: str, model: str) -> bool:
    """Not at the address of the Anthropic flavour."""
    del model
    return not re.search(r"/anthropic(/v1)?/?$", base_url)


ADAPTER = Adapter(
    family="mimo",
    upstream=chat.UPSTREAM,
    path="/chat/completions",
    codes=CODES,
    quirks=MIMO,
    speaks=speaks,
)
