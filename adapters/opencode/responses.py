"""Responses of OpenCode Zen: GPT, Grok and Muse."""

import re
from dataclasses import replace

from adapters.base import with_quirks
from adapters.openai import responses as openai
from adapters.openai.chat import REASONING_MODELS
from adapters.opencode.codes import CODES
from adapters.opencode.zen import headers, speaker
from adapters.xai.responses import ADAPTER as XAI

# Models keep their ways behind Zen. Cases: tests/adapters/test_opencode_requests.py.
ADAPTER = with_quirks(
    replace(openai.ADAPTER, family="opencode", codes=CODES, headers=headers, speaks=speaker("responses")),
    (REASONING_MODELS, openai.REASONING_QUIRKS),
    (re.compile(r"^grok"), XAI.quirks),
)
