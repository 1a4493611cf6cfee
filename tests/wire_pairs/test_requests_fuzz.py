"""Any JSON sent to a client's route is read or refused with a 400; what is read can be sent to every upstream or not.

Bodies come from two sides: JSON made of the words the formats use, and good requests with something in them changed.
"""

from copy import deepcopy
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freetheai import errors
from freetheai.errors import ApiError
from freetheai.wire.formats import Quirks, Target
from freetheai.wire.request import ChatRequest
from freetheai.wire.tokens import estimate_request
from support import claude_code
from support.pairs import CLIENTS, ORIGIN, UPSTREAMS, stamp

Json = dict[str, Any]

TARGETS = [
    Target(model="up/model", origin=ORIGIN, max_output_tokens=100),
    Target(model="claude-sonnet-4-5", supports_image_input=False, supports_audio=False, supports_files=False),
    Target(model="gemini-2.5-pro", origin=ORIGIN, supports_reasoning=False),
    Target(model="gemini-3-flash", supports_tools=False),
]
QUIRKS = [
    Quirks(),
    Quirks(
        json_schema=False,
        strict_alternation=True,
        system_first_only=True,
        text_tool_results=True,
        parallel_tool_calls=False,
        null_content=False,
        only_functions=True,
        messages_extras=False,
        replay_reasoning="always",
        reasoning_style="thinking",
        max_stop=1,
    ),
    Quirks(strict_tools=True, replay_reasoning="never", reasoning_style="openrouter", top_k=True, stream_usage=False),
]
PIXEL = "data:image/png;base64,iVBORw0KGgo="
_CHAT_FUNCTION = {"name": "get", "description": "Gets.", "parameters": {"type": "object", "properties": {"a": {}}}}

CHAT: Json = {
    "model": "pre/alias",
    "stream": True,
    "stream_options": {"include_usage": True},
    "max_completion_tokens": 50,
    "temperature": 0.5,
    "top_p": 1,
    "seed": 7,
    "stop": ["a", "b"],
    "n": 1,
    "logprobs": True,
    "top_logprobs": 2,
    "reasoning_effort": "low",
    "reasoning": {"max_tokens": 5},
    "user": "me",
    "tools": [
        {"type": "function", "function": {**_CHAT_FUNCTION, "strict": True}},
        {"type": "custom", "custom": {"name": "patch", "format": {"type": "grammar", "grammar": {"syntax": "lark"}}}},
        {"type": "web_search"},
    ],
    "tool_choice": {"type": "function", "function": {"name": "get"}},
    "response_format": {"type": "json_schema", "json_schema": {"name": "out", "schema": {"type": "object"}}},
    "messages": [
        {"role": "system", "content": "Be good."},
        {
            "role": "user",
            "content": [{"type": "text", "text": "Hi"}, {"type": "image_url", "image_url": {"url": PIXEL}}],
        },
        {
            "role": "assistant",
            "content": None,
            "reasoning_content": "Hm",
            "reasoning_details": [{"type": "reasoning.encrypted", "data": "fta1.b3Ro.sig", "index": 0}],
            "tool_calls": [
                {"id": "c0", "type": "function", "function": {"name": "get", "arguments": '{"a":1}'}},
                {"id": "c1", "type": "custom", "custom": {"name": "patch", "input": "*** Begin"}},
            ],
        },
        {"role": "tool", "tool_call_id": "c0", "content": [{"type": "text", "text": "1"}]},
        {"role": "tool", "tool_call_id": "c1", "content": "done"},
        {"role": "developer", "content": "Mid."},
        {
            "role": "user",
            "content": [
                {"type": "file", "file": {"file_data": "data:application/pdf;base64,QUJD", "filename": "a.pdf"}},
                {"type": "input_audio", "input_audio": {"data": "QUJD", "format": "wav"}},
            ],
        },
        {"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]},
    ],
}
OLD_CHAT: Json = {
    "model": "pre/alias",
    "functions": [_CHAT_FUNCTION],
    "function_call": {"name": "get"},
    "messages": [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "function_call": {"name": "get", "arguments": "{}"}},
        {"role": "function", "name": "get", "content": "1"},
    ],
}
FIXTURES: dict[str, list[Json]] = {
    "chat": [CHAT, OLD_CHAT],
    "messages": [claude_code.body() | {"tools": claude_code.body()["tools"][-2:], "stop_sequences": ["x"]}],
    "responses": [orjson.loads((Path(__file__).parents[1] / "wire_responses" / "codex_request.json").read_bytes())],
}


def _words_of(value: Any) -> set[str]:
    if isinstance(value, dict):
        return set(value).union(*map(_words_of, value.values()))
    if isinstance(value, list):
        return set().union(*map(_words_of, value))
    return {value} if isinstance(value, str) and len(value) < 40 else set()


_scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.sampled_from([2**53, -(2**63), 2**64 - 1, 1e308, -0.5, 0.0]),
    st.sampled_from(
        ["", " ", "x", "auto", "none", "é🎉", "\u0000", "data:image/png;base64,QUJD", "https://x.example/a"]
    ),
)


def _values(words: list[str]) -> st.SearchStrategy[Any]:
    return st.recursive(
        st.one_of(_scalars, st.sampled_from(words)),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(words), inner, max_size=4)
        ),
        max_leaves=8,
    )


WORDS = {client: sorted(_words_of(fixtures)) for client, fixtures in FIXTURES.items()}
VALUES = {client: _values(words) for client, words in WORDS.items()}


@st.composite
def changed(draw: st.DrawFn, client: str) -> Json:
    """A good request in which some values were exchanged, taken out, doubled or put elsewhere."""
    body = deepcopy(draw(st.sampled_from(FIXTURES[client])))
    for _ in range(draw(st.integers(1, 4))):
        places = list(_places(body))
        holder, key = draw(st.sampled_from(places))
        what = draw(st.sampled_from(["change", "change", "drop", "move", "wrap"]))
        if what == "drop":
            del holder[key]
        elif what == "wrap":
            holder[key] = draw(st.sampled_from([[holder[key]], {"type": holder[key]}, {"content": holder[key]}]))
        elif what == "move":
            other, there = draw(st.sampled_from(places))
            holder[key] = deepcopy(other[there])
        else:
            holder[key] = draw(VALUES[client])
    return body


def _places(value: Any) -> Any:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inner:
        yield value, key
        yield from _places(item)


def check(client: str, data: bytes) -> None:
    """Read, and for what is read: built for each upstream; nothing but a 400 is raised."""
    try:
        request = CLIENTS[client].parse(data)
    except ApiError as error:
        assert error.status == 400
        assert error.message
        return
    assert isinstance(request, ChatRequest)
    assert request.format == client
    assert request.model
    assert estimate_request(request) > 0
    for name, upstream in UPSTREAMS.items():
        write = upstream.rewrite if name == client else upstream.build
        for target in TARGETS:
            for quirks in QUIRKS:
                _check_body(write, request, target, quirks)
    # What answers are written with depends on the request too: an error can follow at once.
    encoder = CLIENTS[client].encoder(request, stamp(client))
    assert encoder.error(ApiError(errors.PROVIDER_ERROR)).endswith(b"data: [DONE]\n\n")


def _check_body(write: Any, request: ChatRequest, target: Target, quirks: Quirks) -> None:
    before = orjson.dumps(request.body)
    try:
        body = orjson.loads(write(request, target, quirks))
    except ApiError as error:
        assert error.status == 400
        assert error.message
    else:
        assert isinstance(body, dict)
    assert orjson.dumps(request.body) == before, "the client's body is left as it came: another attempt may follow"


clients = pytest.mark.parametrize("client", CLIENTS)


@clients
def test_the_fixtures_themselves_can_be_sent_on(client):
    for body in FIXTURES[client]:
        request = CLIENTS[client].parse(orjson.dumps(body))
        for name, upstream in UPSTREAMS.items():
            write = upstream.rewrite if name == client else upstream.build
            if name == "messages" and client == "chat" and body is CHAT:
                continue  # holds audio, which that format has no block for
            assert orjson.loads(write(request, TARGETS[0], Quirks()))


@clients
@settings(max_examples=300)
@given(data=st.data())
def test_a_changed_request_is_sent_on_or_refused_with_a_400(client, data):
    check(client, orjson.dumps(data.draw(changed(client))))


@clients
@settings(max_examples=150)
@given(data=st.data())
def test_any_json_is_sent_on_or_refused_with_a_400(client, data):
    prompt = "input" if client == "responses" else "messages"
    values = VALUES[client]
    body = data.draw(
        st.one_of(
            values,
            st.fixed_dictionaries(
                {"model": st.just("a/b"), prompt: st.one_of(st.just("Hi"), st.lists(values, min_size=1, max_size=3))},
                optional={name: values for name in FIXTURES[client][0] if name not in ("model", prompt)},
            ),
        )
    )
    check(client, orjson.dumps(body))


@clients
@settings(max_examples=50)
@given(data=st.binary(max_size=100))
def test_any_bytes_are_refused_with_a_400(client, data):
    with pytest.raises(ApiError) as refusal:
        CLIENTS[client].parse(data)
    assert refusal.value.status == 400


@clients
@pytest.mark.parametrize("place", ["whole", "prompt", "tools", "schema"])
def test_json_that_nests_deep_is_sent_on_or_refused_with_a_400(client, place):
    deep = b"[" * 900 + b"]" * 900
    deep_object = b'{"a":' * 250 + b"1" + b"}" * 250
    prompt = b"input" if client == "responses" else b"messages"
    tools = {
        "chat": b'[{"type":"function","function":{"name":"a","parameters":%b}}]',
        "messages": b'[{"name":"a","input_schema":%b}]',
        "responses": b'[{"type":"function","name":"a","parameters":%b}]',
    }[client]
    check(
        client,
        {
            "whole": deep,
            "prompt": b'{"model":"a","%b":%b}' % (prompt, deep),
            "tools": b'{"model":"a","%b":[{"role":"user","content":"Hi"}],"tools":%b}' % (prompt, deep),
            "schema": b'{"model":"a","%b":[{"role":"user","content":"Hi"}],"tools":%b}' % (prompt, tools % deep_object),
        }[place],
    )
