"""Messages of llama.cpp's server, which turns them into its own chat and applies the model's template."""

from adapters.base import Adapter
from adapters.llamacpp.codes import CODES
from freetheai.wire import messages
from freetheai.wire.formats import Quirks

ADAPTER = Adapter(
    family="llamacpp",
    upstream=messages.UPSTREAM,
    path="/v1/messages",
    codes=CODES,
    quirks=Quirks(
        # The format's first version. Case: "a plain server gets
        # the first version" in tests/wire_messages/test_rewrite.py.
        messages_extras=False,
        json_schema=False,
    ),
)
