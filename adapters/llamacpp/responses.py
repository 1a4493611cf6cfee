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
        # Other types of tools are taken and never called; their calls in the history, and reasoning without text, are
        # refused with 400 ("Cannot determine type of 'item'"): its own clients are translated too.
        # Case: tests/wire_responses/test_build.py, "functions only".
        only_functions=True,
        reasoning_style="template",
        # Many templates raise on a system message that is not the first, which the server answers with 500.
        system_first_only=True,
    ),
)
