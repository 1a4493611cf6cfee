"""Requests relayed to chat upstreams: the client's own body with only what must change changed (`rewrite`)."""

from typing import Any

import orjson
import pytest

from freetheai.wire import chat
from freetheai.wire.formats import Quirks, Target

TARGET = Target(model="up/model")


def rewritten(target: Target = TARGET, quirks: Quirks | None = None, **body: Any) -> dict[str, Any]:
    sent = {"model": "a/b", "messages": [{"role": "user", "content": "Hi"}], **body}
    request = chat.CLIENT.parse(orjson.dumps(sent))
    before = orjson.dumps(request.body)
    out = orjson.loads(chat.UPSTREAM.rewrite(request, target, quirks or Quirks()))
    assert orjson.dumps(request.body) == before, "another attempt must find the body as it was"
    return out


def test_rewriting_changes_only_what_must():
    body = {
        "messages": [
            {"role": "developer", "content": "Be brief."},
            {"role": "user", "content": [{"type": "text", "text": "Hi", "odd": 1}], "name": "bob"},
        ],
        "min_p": 0.05,
        "unknown": {"deep": [1.50, None]},
        "temperature": 0.7,
        "stop": "END",
        "logit_bias": {"5": 1},
        "n": 2,
    }
    assert rewritten(**body) == {
        **body,
        "model": "up/model",
        "messages": [{"role": "system", "content": "Be brief."}, body["messages"][1]],
    }
    assert rewritten(quirks=Quirks(developer_role="developer"), **body)["messages"][0]["role"] == "developer"


def test_rewriting_leaves_out_who_the_client_is_and_what_says_nothing():
    left_out = {
        "user": "u",
        "metadata": {"a": "b"},
        "store": True,
        "safety_identifier": "s",
        "prompt_cache_key": "k",
        "service_tier": "priority",
        "models": ["other"],
        "stop": None,
        "tools": [],
        "tool_choice": "auto",
        "seed": None,
        "stream_options": {"include_usage": False},
    }
    assert rewritten(**left_out).keys() == {"model", "messages"}


def test_usage_is_always_asked_of_a_stream():
    assert rewritten(stream=True)["stream_options"] == {"include_usage": True}
    asked = rewritten(stream=True, stream_options={"include_usage": False, "include_obfuscation": True})
    assert asked["stream_options"] == {"include_usage": True}
    assert "stream_options" not in rewritten(stream=True, quirks=Quirks(stream_usage=False))


def test_messages_are_mended_one_by_one():
    body = rewritten(
        quirks=Quirks(null_content=False, text_tool_results=True),
        messages=[
            {"role": "user", "content": [{"type": "image_url", "image_url": "https://x/i.png"}]},
            {
                "role": "ai",
                "content": None,
                "refusal": None,
                "annotations": [],
                "tool_calls": [{"id": "a", "index": 0, "function": {"name": "f", "arguments": ""}}],
            },
            {
                "role": "tool",
                "tool_call_id": "a",
                "content": [{"type": "text", "text": "1"}, {"type": "text", "text": "2"}],
            },
            {"role": "assistant", "content": "x", "tool_calls": []},
        ],
    )
    assert body["messages"] == [
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://x/i.png"}}]},
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [{"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
        },
        {"role": "tool", "tool_call_id": "a", "content": "1\n2"},
        {"role": "assistant", "content": "x"},
    ]


def test_a_broken_history_is_rebuilt_in_relaying_too():
    video = {"type": "video_url", "video_url": {"url": "https://x/v"}}
    body = rewritten(
        messages=[
            {"role": "tool", "tool_call_id": "gone", "content": "1"},
            {"role": "user", "content": [video]},
        ],
        min_p=0.1,
    )
    assert body["messages"] == [
        {"role": "user", "content": [{"type": "text", "text": "[result of an earlier tool call] 1"}, video]}
    ]
    assert body["min_p"] == 0.1


@pytest.mark.parametrize(
    ("style", "sent", "expected"),
    [
        ("effort", {"reasoning_effort": "xhigh"}, {"reasoning_effort": "xhigh"}),
        ("thinking", {"reasoning_effort": "high"}, {"thinking": {"type": "enabled"}}),
        (
            "thinking",
            {"thinking": {"type": "enabled", "clear_thinking": False}},
            {"thinking": {"type": "enabled", "clear_thinking": False}},
        ),
        ("template", {"enable_thinking": False}, {"chat_template_kwargs": {"enable_thinking": False}}),
        ("effort", {"reasoning": {"effort": "low"}}, {"reasoning_effort": "low"}),
        ("effort", {}, {}),
    ],
)
def test_thinking_is_told_in_the_providers_way(style, sent, expected):
    body = rewritten(quirks=Quirks(reasoning_style=style), **sent)
    del body["model"], body["messages"]
    assert body == expected


def test_a_model_that_cannot_think_is_not_told_to():
    target = Target(model="m", supports_reasoning=False)
    assert rewritten(target, reasoning_effort="high").keys() == {"model", "messages"}


def test_old_functions_are_translated():
    body = rewritten(functions=[{"name": "f"}], function_call="auto", min_p=0.1)
    assert body["tools"][0]["function"]["name"] == "f"
    assert body["tool_choice"] == "auto"
    assert body["min_p"] == 0.1
    assert not {"functions", "function_call"} & body.keys()


def test_flat_tools_are_nested_and_strict_is_dropped_where_unknown():
    tools = [
        {"type": "function", "name": "f", "parameters": {}},
        {"type": "function", "function": {"name": "g", "strict": True}},
        {"type": "web_search", "x": 1},
    ]
    assert rewritten(tools=tools)["tools"] == [
        {"type": "function", "function": {"name": "f", "parameters": {}}},
        {"type": "function", "function": {"name": "g"}},
        {"type": "web_search", "x": 1},
    ]
    assert rewritten(tools=tools, quirks=Quirks(strict_tools=True))["tools"][1] == tools[1]
