"""Messages of OpenCode Zen and Go: Claude, and the open models that are offered in this format."""

import re
from collections.abc import Mapping
from dataclasses import replace

from adapters.anthropic import messages as anthropic
from adapters.base import Adapter
from adapters.opencode import zen
from adapters.opencode.codes import CODES
from freetheai.wire import messages
from freetheai.wire.formats import Quirks
from freetheai.wire.request import ChatRequest


def headers(request: ChatRequest, conversation: str) -> Mapping[str, str]:
    """The session, and the version our requests are written for."""
    return {"anthropic-version": anthropic.VERSION, **zen.headers(request, conversation)}


def claude_headers(request: ChatRequest, conversation: str) -> Mapping[str, str]:
    """The same with a relayed body's own version and betas."""
    return {**anthropic.headers(request, conversation), **zen.headers(request, conversation)}


# Cases: tests/adapters/test_opencode_requests.py.
OPEN = Adapter(
    family="opencode",
    upstream=messages.UPSTREAM,
    path="/v1/messages",
    # Of its routes this one reads the key there.
    auth="x-api-key",
    codes=CODES,
    headers=headers,
    speaks=zen.speaker("messages"),
    # Open models (Qwen, MiniMax) know the format's first version.
    quirks=Quirks(messages_extras=False, json_schema=False),
)
# Anthropic's own get all of it.
CLAUDE = replace(OPEN, headers=claude_headers, quirks=anthropic.ADAPTER.quirks)
ADAPTER = replace(OPEN, variants=((re.compile(r"claude"), CLAUDE),))
