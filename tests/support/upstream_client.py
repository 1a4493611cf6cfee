"""An upstream client and a scripted provider for one test, and calls between them."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

from fakes.upstream import ScriptedUpstream
from freetheai.upstream import CallTimeouts, Upstream, UpstreamCall

PATIENT = CallTimeouts(connect_s=10, first_byte_s=20, idle_s=20, total_s=60)


@contextlib.asynccontextmanager
async def client_and_provider(**options: Any) -> AsyncIterator[tuple[Upstream, ScriptedUpstream]]:
    """Both, closed at the end; whatever a test did, no transfer may be left over."""
    async with ScriptedUpstream() as provider:
        client = Upstream(**options)
        try:
            yield client, provider
            assert client.active == 0, "transfers were left over"
        finally:
            client.close()


def post(
    url: str, body: bytes = b"{}", timeouts: CallTimeouts = PATIENT, headers: tuple[str, ...] = ()
) -> UpstreamCall:
    """A JSON POST."""
    lines = ["Content-Type: application/json", *headers]
    return UpstreamCall(method="POST", url=url, headers=lines, body=body, timeouts=timeouts)
