"""Responses of llama.cpp's server, which turns them into chat messages for the model's template."""

from adapters.base import Adapter
from adapters.llamacpp.codes import CODES
from freetheai.wire import responses
from freetheai.wire.formats import Quirks

ADAPTER = Adapter(
    family="llamacpp",
    upstream=responses.UPSTREAM,
    path="/responses",
    codes=CODES,
    quirks=Quirks(
        # Any other type of tool is refused with 400, and items it does not know too: its own clients are translated.
        # Case: tests/wire_responses/test_build.py, "functions only".
        only_functions=True,
        # Tool outputs are read as strings only.
        text_tool_results=True,
        reasoning_style="template",
        # Many templates raise on a system message that is not the first, which the server answers with 500.
        system_first_only=True,
    ),
)
