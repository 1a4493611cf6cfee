"""From an attempt to the provider's HTTP call: body, headers, address, time-outs.

Nothing of the client's framing or identity goes along: the headers are ours, the credential is the provider's.
"""

import hashlib

from adapters.base import credential_headers, no_headers
from freetheai.config import TimeoutSettings
from freetheai.routing import Attempt
from freetheai.upstream import CallTimeouts, UpstreamCall
from freetheai.wire.request import ChatRequest


def make_call(attempt: Attempt, request: ChatRequest, user_id: str) -> UpstreamCall:
    """The call for one attempt. Raises ``ApiError`` for what this target can't carry."""
    upstream = attempt.adapter.upstream
    write = upstream.rewrite if upstream.name == request.format else upstream.build
    headers = ["Content-Type: application/json"]
    headers.append("Accept: text/event-stream" if request.stream else "Accept: application/json")
    headers += credential_headers(attempt.adapter.auth, attempt.credential.secret)
    if attempt.adapter.headers is not no_headers:
        extra = attempt.adapter.headers(request, _conversation(request, user_id))
        headers.extend(f"{name}: {value}" for name, value in extra.items())
    return UpstreamCall(
        method="POST",
        url=attempt.url(stream=request.stream),
        headers=headers,
        body=write(request, attempt.target, attempt.adapter.quirks),
        timeouts=call_timeouts(attempt.provider.settings.timeouts),
    )


def call_timeouts(settings: TimeoutSettings) -> CallTimeouts:
    """A provider's time-outs as the transport takes them (seconds)."""
    return CallTimeouts(
        connect_s=settings.connect,
        first_byte_s=settings.first_byte,
        idle_s=settings.idle,
        total_s=settings.total,
    )


def _conversation(request: ChatRequest, user_id: str) -> str:
    """An opaque id that stays the same through a conversation: for providers that route or cache by it."""
    first = next((turn for turn in request.turns if turn.role == "user"), None)
    material = f"{user_id}\0{request.model}\0{first.parts[:1] if first else ''}"
    return hashlib.sha256(material.encode(errors="replace")).hexdigest()[:32]
