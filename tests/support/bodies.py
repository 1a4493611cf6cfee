"""Requests in every client's format, and the bodies upstreams get of them: for tests of what is carried over."""

from typing import Any

import orjson
import pytest

from freetheai.errors import ApiError
from freetheai.wire.formats import Quirks, Target
from support import chat_streams
from support.pairs import CLIENTS, ORIGIN, UPSTREAMS

Json = dict[str, Any]

# What the upstreams' models are called: some things depend on it.
MODELS = {"chat": "glm-5", "messages": "claude-sonnet-4-5", "responses": "gpt-6", "gemini": "gemini-3-pro"}
PNG = "iVBORw0KGgo="


def body(client: str, **more: Any) -> Json:
    """A request of this format."""
    prompt: Json = {"input": "Hi"} if client == "responses" else {"messages": [{"role": "user", "content": "Hi"}]}
    return {"model": "pre/alias", **prompt, **more}


def said(client: str, *parts: Json) -> Json:
    """A request in which the user sends these content parts."""
    message = {"role": "user", "content": [*parts]}
    return body(client, **({"input": [message]} if client == "responses" else {"messages": [message]}))


def built(client: str, upstream: str, sent: Json, quirks: Quirks | None = None, **target: Any) -> Json:
    """The body an upstream gets."""
    made = UPSTREAMS[upstream]
    write = made.rewrite if client == upstream else made.build
    wanted = Target(**{"model": MODELS[upstream], "origin": ORIGIN, **target})
    found: Json = orjson.loads(write(CLIENTS[client].parse(orjson.dumps(sent)), wanted, quirks or Quirks()))
    return found


def refused(client: str, upstream: str, sent: Json, **target: Any) -> str:
    """What the 400 says."""
    with pytest.raises(ApiError) as refusal:
        built(client, upstream, sent, **target)
    assert refusal.value.status == 400
    return refusal.value.message


def others(client: str) -> list[str]:
    """The upstream formats that are not the client's."""
    return [upstream for upstream in UPSTREAMS if upstream != client]


def text(value: Json) -> str:
    """A body as text, to look for words in."""
    return orjson.dumps(value).decode()


def function(name: str, **more: Any) -> Json:
    return {"type": "function", "function": {"name": name, **more}}


def chat_call(name: str, arguments: str) -> bytes:
    """A chat upstream's stream that calls one tool."""
    call = {"index": 0, "id": "c0", "type": "function", "function": {"name": name, "arguments": arguments}}
    return chat_streams.stream(chat_streams.chunk({"tool_calls": [call]}), chat_streams.chunk({}, "tool_calls"))


def history(arguments: str = "{}", result: Any = "ok") -> list[Json]:
    """A chat conversation with a call and its result."""
    call = {"id": "c0", "type": "function", "function": {"name": "get", "arguments": arguments}}
    return [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c0", "content": result},
    ]
