"""What the four formats of OpenCode Zen and Go have in common: the session header, and which model is spoken to how.

Rules:
- a model asked for in another than its own format is a 401 (ModelError), so the table below counts at OpenCode's own
  addresses; elsewhere nothing is known and what is configured counts;
- the session header goes along always: without it Go answers 400 (MissingSessionID), and Zen's newer addresses too.

Source: the documentation's pages "Zen" and "Go", read November 2026.
"""

import re
from collections.abc import Mapping
from typing import Final

from adapters.base import Speaks
from freetheai.wire.formats import UpstreamFormatName
from freetheai.wire.request import ChatRequest

SESSION: Final = "x-opencode-session"

_HOME: Final = re.compile(r"^https://([a-z0-9.-]+\.)?opencode\.ai/")
# In this order; chat for all others.
_MODELS: Final[tuple[tuple[re.Pattern[str], UpstreamFormatName], ...]] = (
    (re.compile(r"-free$"), "chat"),
    (re.compile(r"^(gpt|grok|muse)\b"), "responses"),
    (re.compile(r"^claude|^qwen.*(plus|flash)"), "messages"),
    (re.compile(r"^gemini"), "gemini"),
)
# The plan serves these otherwise than Zen.
_GO_MODELS: Final = ((re.compile(r"^(minimax|qwen)"), "messages"), *_MODELS)
# Zen's newer addresses have one for each maker's formats.
_ADDRESSES: Final[tuple[tuple[str, frozenset[str]], ...]] = (
    ("/openai/", frozenset({"chat", "responses"})),
    ("/anthropic/", frozenset({"messages"})),
    ("/google/", frozenset({"gemini"})),
)


def headers(request: ChatRequest, conversation: str) -> Mapping[str, str]:
    """The conversation's id: sticky routing and prompt caches go by it."""
    del request
    return {SESSION: conversation}


def speaker(format_name: UpstreamFormatName) -> Speaks:
    """``Adapter.speaks`` for this format."""

    def speaks(base_url: str, model: str) -> bool:
        if not _HOME.match(base_url):
            return True
        path = base_url.rstrip("/") + "/"
        if any(part in path and format_name not in formats for part, formats in _ADDRESSES):
            return False
        models = _GO_MODELS if "/go/" in path else _MODELS
        return not model or format_name == next((name for found, name in models if found.search(model.lower())), "chat")

    return speaks
