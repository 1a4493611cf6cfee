"""Chat Completions of OpenCode Zen (`https://opencode.ai/zen/v1`) and Go (`…/zen/go/v1`): the open models."""

import re
from dataclasses import replace

from adapters.base import Adapter, with_quirks
from adapters.mimo.chat import MIMO
from adapters.opencode.codes import CODES
from adapters.opencode.zen import headers, speaker
from adapters.zai.chat import GLM, NEW_MODELS, OLD_GLM
from freetheai.wire import chat
from freetheai.wire.formats import Quirks

# Bodies go on to makers of all kinds, of which some refuse null content.
PLAIN = Quirks(null_content=False)

# Models keep their ways behind Zen. Cases: tests/adapters/test_opencode_requests.py.
ADAPTER = with_quirks(
    Adapter(
        family="opencode",
        upstream=chat.UPSTREAM,
        path="/chat/completions",
        codes=CODES,
        headers=headers,
        speaks=speaker("chat"),
        quirks=PLAIN,
    ),
    (NEW_MODELS, replace(GLM, null_content=False)),
    (re.compile(r"glm"), replace(OLD_GLM, null_content=False)),
    (re.compile(r"mimo"), MIMO),
    # DeepSeek refuses a history with an assistant's message that has no `reasoning_content`, be it empty.
    (re.compile(r"deepseek"), replace(PLAIN, reasoning_style="thinking_effort", replay_reasoning="always")),
    (re.compile(r"kimi"), replace(PLAIN, reasoning_style="thinking")),
)
