"""What a provider would be sent for a client's request: address, headers and body, as the handlers make them."""

from dataclasses import dataclass
from typing import Any, cast

import orjson

from adapters.base import Adapter
from freetheai.config import ProviderSettings, Secret
from freetheai.providers import Provider
from freetheai.routing import Attempt
from freetheai.wire import chat, messages, responses
from freetheai.wire.formats import ClientFormat, Target
from handlers.calls import make_call

CLIENTS: dict[str, ClientFormat] = {"chat": chat.CLIENT, "messages": messages.CLIENT, "responses": responses.CLIENT}
PROMPTS: dict[str, dict[str, Any]] = {
    "chat": {"messages": [{"role": "user", "content": "Hi"}]},
    "messages": {"max_tokens": 100, "messages": [{"role": "user", "content": "Hi"}]},
    "responses": {"input": "Hi"},
}


@dataclass(frozen=True)
class Sent:
    """One request as it goes out; header names in lower case."""

    url: str
    headers: dict[str, str]
    body: dict[str, Any]
    adapter: Adapter


def provider_of(family: str, base_url: str, formats: tuple[str, ...] = ()) -> Provider:
    settings = ProviderSettings(adapter=family, base_url=base_url, api_keys=(Secret("the-key"),), formats=formats)
    return Provider("pre", settings)


def sent(
    provider: Provider,
    model: str,
    client: str,
    /,
    *,
    target: dict[str, Any] | None = None,
    client_headers: dict[str, str] | None = None,
    **body: Any,
) -> Sent:
    """The request to ``provider`` for an upstream model when a client of that format asks; ``body``: further fields."""
    request = CLIENTS[client].parse(orjson.dumps({"model": f"pre/{model}", **PROMPTS[client], **body}))
    request.client_headers = client_headers or {}
    adapter = provider.adapter_for(client, model)
    assert adapter is not None
    attempt = Attempt(
        model=cast("Any", None),
        provider=provider,
        credential=provider.credentials[0],
        adapter=adapter,
        target=Target(model=model, origin=f"{adapter.family}:{model}", **(target or {})),
    )
    call = make_call(attempt, request, "user-1")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in call.headers)}
    return Sent(call.url, headers, orjson.loads(call.body), adapter)


def tool_history(client: str) -> dict[str, Any]:
    """A history in which the model called a tool without saying why, and the client's answer to the call."""
    if client == "messages":
        return {
            "messages": [
                {"role": "user", "content": "go"},
                {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": "f", "input": {}}]},
                {
                    "role": "user",
                    "content": [
                        {"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": "ok"}]}
                    ],
                },
            ],
            "tools": [{"name": "f", "input_schema": {"type": "object", "properties": {}}}],
        }
    call = {"id": "t1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    return {
        "messages": [
            {"role": "user", "content": "go"},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "t1", "content": [{"type": "text", "text": "ok"}]},
        ],
        "tools": [{"type": "function", "function": {"name": "f"}}],
    }
