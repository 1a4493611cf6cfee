"""Requests for Messages upstreams, translated from chat clients, and from Messages clients to chat upstreams."""

from typing import Any

import orjson
import pytest

from freetheai.errors import ApiError
from freetheai.wire import chat, messages
from freetheai.wire.formats import Quirks, Target
from freetheai.wire.signature import tag
from support import claude_code

OLD = Target(model="claude-sonnet-4-5-20250929", origin="anthropic:old", max_output_tokens=64000)
NEW = Target(model="claude-opus-5", origin="anthropic:new", max_output_tokens=64000)
OTHER = Target(model="some-model", origin="anthropic:other")
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
USER = {"role": "user", "content": "Hi"}


def built(target: Target = OTHER, quirks: Quirks | None = None, **body: Any) -> dict[str, Any]:
    whole = {"model": "pre/alias", "messages": [USER], **body}
    request = chat.CLIENT.parse(orjson.dumps(whole))
    result: dict[str, Any] = orjson.loads(messages.UPSTREAM.build(request, target, quirks or Quirks()))
    return result


def call(call_id: str, arguments: str = "{}") -> dict[str, Any]:
    return {"id": call_id, "type": "function", "function": {"name": "f", "arguments": arguments}}


def result(call_id: str, content: Any = "ok") -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": call_id, "content": content}


def roles(body: dict[str, Any]) -> list[str]:
    return [message["role"] for message in body["messages"]]


def check_pairing(body: dict[str, Any]) -> None:
    """What Anthropic checks: user first, roles in turn, results first and one for each call right before them."""
    assert roles(body) == ["user" if number % 2 == 0 else "assistant" for number in range(len(body["messages"]))]
    waiting: list[str] = []
    for message in body["messages"]:
        blocks = message["content"]
        assert blocks
        kinds = [block["type"] for block in blocks]
        results = [block["tool_use_id"] for block in blocks if block["type"] == "tool_result"]
        assert sorted(results) == sorted(waiting)
        assert kinds[: len(results)] == ["tool_result"] * len(results)
        waiting = [block["id"] for block in blocks if block["type"] == "tool_use"]
        assert all(block["text"].strip() for block in blocks if block["type"] == "text")
    assert not waiting


def test_the_parts_of_a_request():
    body = built(
        messages=[
            {"role": "system", "content": "A"},
            {"role": "developer", "content": "B"},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "Hi"},
                    {"type": "image_url", "image_url": {"url": "https://a/b.png"}},
                ],
            },
            {"role": "assistant", "content": "Let me see", "tool_calls": [call("c1", '{"x":1}'), call("c2", "")]},
            result("c1"),
            result("c2", [{"type": "text", "text": "two"}]),
            {"role": "user", "content": "and?"},
        ],
        tools=[TOOL],
        temperature=1.5,
        stop=["END", " "],
        max_tokens=100,
        user="someone",
        stream=True,
    )
    check_pairing(body)
    assert body["system"] == [{"type": "text", "text": "A"}, {"type": "text", "text": "B"}]
    assert body["messages"][0]["content"][1] == {"type": "image", "source": {"type": "url", "url": "https://a/b.png"}}
    assert body["messages"][1]["content"][1:] == [
        {"type": "tool_use", "id": "c1", "name": "f", "input": {"x": 1}},
        {"type": "tool_use", "id": "c2", "name": "f", "input": {}},
    ]
    assert body["messages"][2]["content"][-1] == {"type": "text", "text": "and?"}
    assert body["temperature"] == 1
    assert body["stop_sequences"] == ["END"]
    assert (body["max_tokens"], body["stream"], body["model"]) == (100, True, "some-model")
    assert "user" not in body and "metadata" not in body


@pytest.mark.parametrize(
    "history",
    [
        pytest.param([{"role": "assistant", "content": "Hello"}, USER], id="the assistant first"),
        pytest.param([USER, USER, USER], id="the user three times"),
        pytest.param(
            [USER, {"role": "assistant", "content": "", "tool_calls": [call("c1")]}, USER], id="a lost result"
        ),
        pytest.param([USER, result("gone")], id="a result without a call"),
        pytest.param([USER, {"role": "assistant", "tool_calls": [call("c1")]}], id="an open call at the end"),
        pytest.param(
            [USER, {"role": "assistant", "tool_calls": [call("c1")]}, result("c1"), result("c1")], id="a result twice"
        ),
        pytest.param(
            [USER, {"role": "assistant", "tool_calls": [call("a:b.c"), call("a")]}, result("a"), result("a:b.c")],
            id="results in another order, odd ids",
        ),
        pytest.param(
            [USER, {"role": "assistant", "tool_calls": [call("c1")]}, {"role": "system", "content": "x"}, result("c1")],
            id="a system message between call and result",
        ),
        pytest.param([{"role": "user", "content": ""}, {"role": "assistant", "content": " "}, USER], id="empty texts"),
        pytest.param([{"role": "system", "content": "only"}], id="only system"),
    ],
)
def test_whatever_the_history_the_pairing_holds(history):
    body = built(messages=history, tools=[TOOL])
    check_pairing(body)
    for block in (block for message in body["messages"] for block in message["content"]):
        if block["type"] == "tool_use":
            assert block["id"].replace("_", "").replace("-", "").isalnum()


def test_a_system_message_in_between_stays_where_it_is():
    body = built(messages=[USER, {"role": "assistant", "content": "a"}, USER, {"role": "system", "content": "note"}])
    assert body["messages"][-1]["content"][-1]["text"] == "<system>\nnote\n</system>"


@pytest.mark.parametrize(
    ("target", "last"),
    [
        pytest.param(OLD, {"role": "assistant", "content": [{"type": "text", "text": "Once upon"}]}, id="carried on"),
        pytest.param(NEW, {"role": "user", "content": [{"type": "text", "text": "Continue."}]}, id="asked for"),
    ],
)
def test_a_last_assistant_message(target, last):
    assert built(target, messages=[USER, {"role": "assistant", "content": "Once upon  \n"}])["messages"][-1] == last


@pytest.mark.parametrize(
    ("target", "asked", "fields"),
    [
        pytest.param(OTHER, {}, {}, id="nothing said"),
        pytest.param(OLD, {"reasoning_effort": "none"}, {}, id="none"),
        pytest.param(
            OLD,
            {"reasoning_effort": "high"},
            {"thinking": {"type": "enabled", "budget_tokens": 16384}},
            id="a budget",
        ),
        pytest.param(OLD, {"reasoning_effort": "high", "max_tokens": 1000}, {}, id="no room"),
        pytest.param(
            Target(model="claude-opus-4-5"),
            {"reasoning_effort": "high", "max_tokens": 1000},
            {"output_config": {"effort": "high"}},
            id="no room, but an effort",
        ),
        pytest.param(
            NEW,
            {"reasoning_effort": "xhigh"},
            {"thinking": {"type": "adaptive", "display": "summarized"}, "output_config": {"effort": "xhigh"}},
            id="adaptive",
        ),
        pytest.param(
            NEW,
            {"reasoning_effort": "high", "tools": [TOOL], "tool_choice": "required"},
            {"output_config": {"effort": "high"}},
            id="a forced call and thinking exclude each other",
        ),
    ],
)
def test_thinking(target, asked, fields):
    body = built(target, **asked)
    assert {key: body[key] for key in ("thinking", "output_config") if key in body} == fields
    assert body["max_tokens"] > body.get("thinking", {}).get("budget_tokens", 0)


@pytest.mark.parametrize(
    ("target", "asked", "tokens"),
    [
        pytest.param(OTHER, {}, 8192, id="nothing known"),
        pytest.param(OLD, {}, 32000, id="the model's bound, capped"),
        pytest.param(OTHER, {"max_tokens": 50}, 50, id="the client's"),
        pytest.param(OLD, {"max_tokens": 10**6}, 64000, id="the client's, clamped"),
        pytest.param(OLD, {"reasoning_effort": "xhigh"}, 36864, id="room for the budget"),
    ],
)
def test_max_tokens(target, asked, tokens):
    assert built(target, **asked)["max_tokens"] == tokens


@pytest.mark.parametrize(
    ("target", "sent"),
    [
        pytest.param(OTHER, {"temperature": 0.5, "top_p": 0.9}, id="any model"),
        pytest.param(OLD, {"temperature": 0.5}, id="Claude takes one of the two"),
        pytest.param(NEW, {}, id="new Claudes take none"),
    ],
)
def test_sampling(target, sent):
    body = built(target, temperature=0.5, top_p=0.9, seed=1, presence_penalty=1)
    assert {key: body[key] for key in ("temperature", "top_p", "top_k", "seed") if key in body} == sent


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        pytest.param({"tool_choice": "auto"}, {"type": "auto"}, id="auto"),
        pytest.param({"tool_choice": "required"}, {"type": "any"}, id="required"),
        pytest.param({"tool_choice": "none"}, {"type": "none"}, id="none"),
        pytest.param(
            {"tool_choice": {"type": "function", "function": {"name": "f"}}}, {"type": "tool", "name": "f"}, id="named"
        ),
        pytest.param({"parallel_tool_calls": False}, {"type": "auto", "disable_parallel_tool_use": True}, id="serial"),
        pytest.param(
            {"tool_choice": "required", "parallel_tool_calls": False},
            {"type": "any", "disable_parallel_tool_use": True},
            id="serial and required",
        ),
    ],
)
def test_tool_choice(choice, sent):
    assert built(tools=[TOOL], **choice)["tool_choice"] == sent


@pytest.mark.parametrize(
    ("schema", "sent"),
    [
        pytest.param(None, {"type": "object", "properties": {}}, id="none"),
        pytest.param({"properties": {"a": {}}}, {"type": "object", "properties": {"a": {}}}, id="no type"),
        pytest.param(
            {"anyOf": [{"properties": {"a": {}}, "required": ["a"]}, {"properties": {"b": {}}}]},
            {"type": "object", "properties": {"a": {}, "b": {}}},
            id="alternatives at the top",
        ),
    ],
)
def test_schemas_have_an_object_at_their_top(schema, sent):
    tool = {"type": "function", "function": {"name": "f", "parameters": schema}}
    assert built(tools=[tool])["tools"][0]["input_schema"] == sent


def test_calls_in_the_history_without_tools_get_their_tools_back():
    body = built(messages=[USER, {"role": "assistant", "tool_calls": [call("c")]}, result("c")])
    assert [tool["name"] for tool in body["tools"]] == ["f"]
    assert body["tool_choice"] == {"type": "none"}


SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}}
FORMAT = {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA}}


def test_a_schema_goes_to_models_that_follow_it():
    assert built(NEW, response_format=FORMAT)["output_config"]["format"] == {"type": "json_schema", "schema": SCHEMA}


def test_a_schema_becomes_a_tool_where_the_model_follows_none_and_its_input_comes_back_as_text():
    body = built(OTHER, response_format=FORMAT)
    assert body["tools"][0]["input_schema"] == SCHEMA
    assert body["tool_choice"] == {"type": "tool", "name": body["tools"][0]["name"]}
    request = chat.CLIENT.parse(orjson.dumps({"model": "m", "messages": [USER], "response_format": FORMAT}))
    block = {"type": "tool_use", "id": "t", "name": body["tools"][0]["name"], "input": {"a": 1}}
    answer = {"type": "message", "role": "assistant", "content": [block], "stop_reason": "tool_use"}
    events = messages.UPSTREAM.decode_body(orjson.dumps(answer), request, Quirks())
    assert [type(event).__name__ for event in events][1:] == ["BlockStart", "BlockDelta", "BlockEnd", "Finish"]
    assert (events[1].kind, events[2].text, events[-1].reason) == ("text", '{"a":1}', "stop")


def test_a_schema_beside_tools_is_an_instruction():
    body = built(OTHER, response_format=FORMAT, tools=[TOOL])
    assert len(body["tools"]) == 1
    assert '"integer"' in body["system"][-1]["text"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        pytest.param({"n": 2}, "n greater than 1", id="two answers"),
        pytest.param(
            {
                "messages": [
                    {
                        "role": "user",
                        "content": [{"type": "input_audio", "input_audio": {"data": "QQ==", "format": "wav"}}],
                    }
                ]
            },
            "audio",
            id="audio",
        ),
        pytest.param(
            {"messages": [{"role": "user", "content": [{"type": "video_url", "video_url": {"url": "x"}}]}]},
            "video_url",
            id="a part this format has not",
        ),
        pytest.param(
            {"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "gone"}}},
            "gone",
            id="unknown tool",
        ),
    ],
)
def test_what_the_format_cannot_carry_is_refused_by_name(body, words):
    with pytest.raises(ApiError, match=words):
        built(**body)


def test_thinking_of_a_chat_client_goes_back_only_to_who_signed_it():
    def history(signature: str) -> list[dict[str, Any]]:
        details = [{"type": "reasoning.encrypted", "data": signature}]
        said = {"role": "assistant", "content": "a", "reasoning_content": "hm", "reasoning_details": details}
        return [USER, said, USER]

    own = built(NEW, messages=history(tag(NEW.origin, "c2ln/+=")))["messages"][1]["content"]
    assert own[0] == {"type": "thinking", "thinking": "hm", "signature": "c2ln/+="}
    for foreign in (tag("anthropic:another", "c2ln"), "c2ln", ""):
        content = built(NEW, messages=history(foreign))["messages"][1]["content"]
        assert [block["type"] for block in content] == ["text"]


def test_redacted_thinking_that_a_chat_client_sends_back_as_a_bare_signature_is_left_out():
    details = [{"type": "reasoning.encrypted", "data": tag(NEW.origin, "b64")}]
    said = {"role": "assistant", "content": "a", "reasoning_details": details}
    assert built(NEW, messages=[USER, said, USER])["messages"][1]["content"] == [{"type": "text", "text": "a"}]


def test_a_claude_code_request_to_a_chat_upstream_is_clean_and_paired():
    request = messages.CLIENT.parse(orjson.dumps(claude_code.body()))
    data = chat.UPSTREAM.build(request, Target(model="glm-5", max_output_tokens=32000), Quirks())
    body = orjson.loads(data)
    for word in (
        b"billing",
        b"cache_control",
        b"context_management",
        b"user_abc",
        b"defer_loading",
        b"web_search",
        claude_code.SIGNATURE.encode(),
        b"caller",
        b"eager",
    ):
        assert word not in data
    assert [message["role"] for message in body["messages"]] == [
        "system",
        "user",
        "system",
        "assistant",
        "tool",
        "tool",
        "user",
    ]
    assert body["messages"][0]["content"] == "You are Claude Code.\n\nTone: short."
    assistant, first, second, last = body["messages"][3:]
    assert [item["id"] for item in assistant["tool_calls"]] == ["toolu_01", "toolu_02"]
    assert [first["tool_call_id"], second["tool_call_id"]] == ["toolu_01", "toolu_02"]
    assert second["content"] == "Error: No such file"
    assert last["content"][1]["image_url"]["url"] == f"data:image/png;base64,{claude_code.PIXEL}"
    assert last["content"][-1]["text"].startswith("<system-reminder>")
    assert assistant["reasoning_content"] == "Two files."
    assert len(body["tools"]) == 29
    assert body["max_tokens"] == 32000
    assert body["reasoning_effort"] == "high"
