"""Messages of Xiaomi MiMo (`https://api.xiaomimimo.com/anthropic`)."""

from adapters.base import Adapter
from adapters.messages import QUIRKS, headers, not_at
from adapters.mimo.codes import CODES
from freetheai.wire import messages

ADAPTER = Adapter(
    family="mimo",
    upstream=messages.UPSTREAM,
    path="/v1/messages",
    codes=CODES,
    headers=headers,
    speaks=not_at(r"xiaomimimo\.com/v1/?$"),
    quirks=QUIRKS,
)
