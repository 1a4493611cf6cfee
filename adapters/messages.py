"""What Messages adapters of makers with a chat of their own share: the format's first version, thinking by a switch.

Rules: the version our requests are written for goes along whatever the client's own was; at the address of the maker's
chat this format would be a 404.
"""

import re
from collections.abc import Mapping
from typing import Final

from adapters.anthropic.messages import VERSION
from adapters.base import Speaks
from freetheai.wire.formats import Quirks
from freetheai.wire.request import ChatRequest

# Cases: tests/adapters/test_mimo_requests.py, and "GLM is told to think by a switch" in
# tests/wire_messages/test_rewrite.py.
QUIRKS: Final = Quirks(
    # The format's first version, and no schemas.
    messages_extras=False,
    json_schema=False,
    # Thinking is a switch without budgets.
    reasoning_style="thinking",
)


def headers(request: ChatRequest, conversation: str) -> Mapping[str, str]:
    """The version our requests are written for."""
    del request, conversation
    return {"anthropic-version": VERSION}


def not_at(chat_address: str) -> Speaks:
    """Not at addresses whose end this expression finds: they are of the maker's chat, which is another one."""
    pattern = re.compile(chat_address)

    def speaks(base_url: str, model: str) -> bool:
        del model
        return not pattern.search(base_url)

    return speaks
