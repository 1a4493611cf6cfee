"""Chat Completions of Z.ai and BigModel: GLM.

The general address (`https://api.z.ai/api/paas/v4`) and the coding plan's (`…/api/coding/paas/v4`) differ in nothing
but which balance pays, and so only in the configured ``base_url``.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from adapters.base import Adapter, with_quirks
from adapters.zai.codes import CODES
from freetheai.wire import chat
from freetheai.wire.formats import Quirks
from freetheai.wire.request import ChatRequest

# GLM-5.2 and later: they take an effort beside the switch.
NEW_MODELS: Final = re.compile(r"glm-(5\.([2-9]|\d\d)|[6-9]|\d\d)")

# GLM's own ways, whoever serves it. Cases: tests/adapters/test_zai_requests.py.
OLD_GLM: Final = Quirks(
    # Told to think by a switch; reasoning that goes back is read only when asked to be kept.
    reasoning_style="glm",
    # Older models refuse a second stop string (1214): the rest is cut here.
    max_stop=1,
    # 0 to 1, else 1210.
    max_temperature=1.0,
    several_answers=False,
    # JSON mode only, on all but the newest.
    json_schema=False,
)
GLM: Final = replace(OLD_GLM, reasoning_style="glm_effort")

# Arguments of calls are streamed only when asked to be: without it they come at once, at the end.
_TOOL_STREAM: Final = {"tool_stream": True}


def headers(request: ChatRequest, conversation: str) -> Mapping[str, str]:
    """Errors come in Chinese otherwise."""
    del request, conversation
    return {"Accept-Language": "en-US,en"}


def speaks(base_url: str, model: str) -> bool:
    """Not at the address of the Anthropic flavour."""
    del model
    return not re.search(r"/api/anthropic(/v1)?/?$", base_url)


ADAPTER = with_quirks(
    Adapter(
        family="zai",
        upstream=chat.UPSTREAM,
        path="/chat/completions",
        codes=CODES,
        headers=headers,
        speaks=speaks,
        quirks=replace(OLD_GLM, extra_body=_TOOL_STREAM),
    ),
    (NEW_MODELS, replace(GLM, extra_body=_TOOL_STREAM)),
)
