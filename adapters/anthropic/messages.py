"""Messages of Anthropic, and of servers that speak all of its format."""

from collections.abc import Mapping

from adapters.anthropic.codes import CODES
from adapters.base import Adapter
from freetheai.wire import messages
from freetheai.wire.formats import Quirks
from freetheai.wire.request import ChatRequest

# Demanded by Anthropic; the version our translated requests are written for.
VERSION = "2023-06-01"


def headers(request: ChatRequest, conversation: str) -> Mapping[str, str]:
    """The version and betas of a client whose body is relayed; they belong together. Ours for a translated one."""
    del conversation
    sent = {"anthropic-version": VERSION}
    if request.format == "messages":
        sent |= request.client_headers
    return sent


ADAPTER = Adapter(
    family="anthropic",
    upstream=messages.UPSTREAM,
    path="/v1/messages",
    auth="x-api-key",
    codes=CODES,
    headers=headers,
    quirks=Quirks(
        # Which models follow schemas and how they are told to think: freetheai/wire/messages/models.py.
        json_schema=True,
    ),
)
