"""Messages of Z.ai and BigModel (base `https://api.z.ai/api/anthropic`): the coding plan's own flavour."""

from collections.abc import Mapping

from adapters import messages as shared
from adapters.base import Adapter
from adapters.zai.codes import CODES
from freetheai.wire import messages
from freetheai.wire.request import ChatRequest


def headers(request: ChatRequest, conversation: str) -> Mapping[str, str]:
    """Errors come in Chinese otherwise."""
    return {**shared.headers(request, conversation), "Accept-Language": "en-US,en"}


ADAPTER = Adapter(
    family="zai",
    upstream=messages.UPSTREAM,
    path="/v1/messages",
    codes=CODES,
    headers=headers,
    speaks=shared.not_at(r"/paas/v4/?$"),
    quirks=shared.QUIRKS,
)
