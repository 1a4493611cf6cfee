"""Chat Completions of llama.cpp's server, which applies the model's own chat template."""

from adapters.base import Adapter
from adapters.llamacpp.codes import CODES
from freetheai.wire import chat
from freetheai.wire.formats import Quirks

ADAPTER = Adapter(
    family="llamacpp",
    upstream=chat.UPSTREAM,
    path="/chat/completions",
    codes=CODES,
    quirks=Quirks(
        # Thinking is a switch of the template. Case: tests/wire/test_chat_build.py, "llama.cpp thinks by its template".
        reasoning_style="template",
        # Many templates raise on a system message that is not the first, which the server answers with 500.
        system_first_only=True,
        top_k=True,
    ),
)
