"""What upstreams are sent: Responses clients elsewhere, other clients to Responses, and Responses to Responses."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from adapters.llamacpp import responses as llamacpp
from adapters.openai import responses as openai
from freetheai.errors import ApiError
from freetheai.wire import chat, responses
from freetheai.wire.events import BlockDelta, BlockEnd, BlockStart, Finish, ResponseStart, Usage
from freetheai.wire.formats import Quirks, Stamp, Target
from freetheai.wire.request import ChatRequest
from freetheai.wire.responses.encode import ResponsesEncoder
from freetheai.wire.signature import tag
from support.responses_rules import check_responses_stream

CODEX = (Path(__file__).parent / "codex_request.json").read_bytes()
TARGET = Target(model="up-1", origin="openai/up-1", max_output_tokens=1000)
STAMP = Stamp(id="resp_ours", created_s=1800000000, model="pre/alias", origin="openai/up-1")
QUIRKS = openai.ADAPTER.quirks


def from_chat(**body: Any) -> dict[str, Any]:
    request = chat.CLIENT.parse(orjson.dumps({"model": "m", "messages": [{"role": "user", "content": "Hi"}]} | body))
    return orjson.loads(responses.UPSTREAM.build(request, TARGET, QUIRKS))


def asked(**body: Any) -> ChatRequest:
    return responses.CLIENT.parse(orjson.dumps({"model": "pre/alias", "input": "Hi"} | body))


def rewritten(quirks: Quirks = QUIRKS, **body: Any) -> dict[str, Any]:
    return orjson.loads(responses.UPSTREAM.rewrite(asked(**body), TARGET, quirks))


def test_codex_on_a_chat_upstream():
    body = orjson.loads(chat.UPSTREAM.build(responses.CLIENT.parse(CODEX), TARGET, Quirks()))
    tuning = {"tool_choice", "parallel_tool_calls", "reasoning_effort", "stream", "stream_options"}
    assert body.keys() - {"verbosity"} == {"model", "messages", "tools", *tuning}
    assert [tool["function"]["name"] for tool in body["tools"]] == ["exec_command", "mcp__files__read", "apply_patch"]
    assert body["tools"][2]["function"]["parameters"]["required"] == ["input"]
    assert "start: begin_patch" in body["tools"][2]["function"]["description"]
    roles = [message["role"] for message in body["messages"]]
    assert roles == ["system", "user", "user", "assistant", "tool", "tool", "assistant", "tool", "user"]
    call = body["messages"][3]
    assert call["reasoning_content"] == "Look at the file first."
    assert call["content"] == "Looking."
    assert [item["function"]["name"] for item in call["tool_calls"]] == ["exec_command", "mcp__files__read"]
    assert orjson.loads(body["messages"][6]["tool_calls"][0]["function"]["arguments"]) == {
        "input": "*** Begin Patch\n*** End Patch"
    }
    sent = orjson.dumps(body)
    assert not any(word in sent for word in (b"gAAAA", b"secret", b"conversation-1", b"priority", b"web_search"))


def test_codex_on_a_responses_upstream():
    body = orjson.loads(responses.UPSTREAM.rewrite(responses.CLIENT.parse(CODEX), TARGET, QUIRKS))
    assert body["model"] == "up-1"
    assert body["store"] is False
    assert body["include"] == ["reasoning.encrypted_content"]
    assert body["tools"] == orjson.loads(CODEX)["tools"]
    assert body["text"] == {"verbosity": "low"}
    assert body["reasoning"] == {"effort": "medium", "summary": "auto"}
    assert not {"client_metadata", "prompt_cache_key", "service_tier"} & body.keys()
    kinds = [item["type"] for item in body["input"]]
    assert "reasoning" not in kinds, "another provider's encrypted reasoning stays here"
    assert kinds.count("function_call_output") == 2
    assert "custom_tool_call" in kinds
    assert "web_search_call" in kinds


def test_chat_becomes_items():
    call = {"id": "c" * 70, "type": "function", "function": {"name": "get", "arguments": ""}}
    body = from_chat(
        messages=[
            {"role": "system", "content": "one"},
            {"role": "developer", "content": "two"},
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://a/b.png"}}]},
            {"role": "assistant", "content": "Looking.", "reasoning_content": "unsigned", "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "c" * 70, "content": "found"},
            {"role": "system", "content": "three"},
        ],
        tools=[{"type": "function", "function": {"name": "get", "parameters": {"type": "object"}, "strict": True}}],
        tool_choice={"type": "function", "function": {"name": "get"}},
        max_tokens=5,
        stop=["END"],
        seed=1,
        presence_penalty=0.5,
        user="someone",
        metadata={"a": "b"},
        reasoning_effort="high",
        response_format={"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}},
        stream=True,
    )
    call_id = body["input"][2]["call_id"]
    assert len(call_id) <= 64
    assert body == {
        "model": "up-1",
        "store": False,
        "instructions": "one\n\ntwo",
        "input": [
            {
                "type": "message",
                "role": "user",
                "content": [{"type": "input_image", "image_url": "https://a/b.png", "detail": "auto"}],
            },
            {
                "type": "message",
                "role": "assistant",
                "content": [{"type": "output_text", "text": "Looking.", "annotations": []}],
            },
            {"type": "function_call", "call_id": call_id, "name": "get", "arguments": "{}"},
            {"type": "function_call_output", "call_id": call_id, "output": "found"},
            {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "three"}]},
        ],
        "tools": [{"type": "function", "name": "get", "parameters": {"type": "object"}, "strict": True}],
        "tool_choice": {"type": "function", "name": "get"},
        "max_output_tokens": 16,
        "text": {"format": {"type": "json_schema", "name": "n", "schema": {"type": "object"}}},
        "reasoning": {"effort": "high", "summary": "auto"},
        "include": ["reasoning.encrypted_content"],
        "stream": True,
    }


def test_only_system_text_becomes_a_message():
    body = from_chat(messages=[{"role": "system", "content": "Say hi."}])
    assert "instructions" not in body
    assert body["input"][0]["content"] == [{"type": "input_text", "text": "Say hi."}]


def test_several_answers_are_refused():
    with pytest.raises(ApiError, match="n greater than 1"):
        from_chat(n=2)


@pytest.mark.parametrize(
    ("given", "sent"), [(1, 16), (500, 500), (9999, 1000)], ids=["raised to the least", "as it is", "clamped"]
)
def test_output_cap(given, sent):
    assert from_chat(max_tokens=given)["max_output_tokens"] == sent
    assert rewritten(max_output_tokens=given)["max_output_tokens"] == sent


FORMAT = {"type": "json_schema", "name": "n", "schema": {"type": "object"}, "strict": True}
NESTED = {"type": "json_schema", "json_schema": {key: FORMAT[key] for key in ("name", "schema", "strict")}}


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        pytest.param({"response_format": NESTED}, FORMAT, id="as Chat Completions nests it"),
        pytest.param({"response_format": FORMAT}, FORMAT, id="flat"),
        pytest.param({"response_format": {"type": "json_object"}}, {"type": "json_object"}, id="any object"),
        pytest.param({"response_format": {"type": "json_object"}, "text": {"format": FORMAT}}, FORMAT, id="both"),
    ],
)
def test_a_response_format_is_the_format_of_the_text(given, sent):
    relayed = rewritten(**given)
    assert relayed["text"]["format"] == sent
    assert "response_format" not in relayed
    built = orjson.loads(chat.UPSTREAM.build(asked(**given), TARGET, Quirks()))
    assert built["response_format"]["type"] == sent["type"]
    assert built["response_format"].get("json_schema", {}).get("schema") == sent.get("schema")


def test_store_is_never_asked_for_and_identities_stay_here():
    body = rewritten(
        store=True,
        user="u",
        safety_identifier="s",
        metadata={"a": "b"},
        prompt_cache_key="k",
        service_tier="flex",
        previous_response_id=None,
        truncation="auto",
        brand_new_field={"x": 1},
    )
    assert body == {"model": "up-1", "store": False, "input": "Hi", "truncation": "auto", "brand_new_field": {"x": 1}}


def test_reasoning_returns_to_its_maker_only():
    mine = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": tag("openai/up-1", "gAAA")}
    other = {"type": "reasoning", "id": "rs_2", "summary": [], "encrypted_content": tag("zai/glm", "sig")}
    untagged = {"type": "reasoning", "id": "rs_3", "summary": [], "encrypted_content": "gAAA"}
    body = rewritten(
        input=[{"role": "user", "content": "Hi"}, mine, other, untagged, {"role": "user", "content": "Go"}]
    )
    assert body["input"][1:-1] == [{"type": "reasoning", "summary": [], "encrypted_content": "gAAA"}]


def test_reasoning_of_a_chat_client_returns_to_its_maker():
    details = [{"type": "reasoning.encrypted", "data": tag("openai/up-1", "gAAA")}]
    message = {"role": "assistant", "content": "a", "reasoning_content": "t", "reasoning_details": details}
    body = from_chat(messages=[{"role": "user", "content": "Hi"}, message, {"role": "user", "content": "Go"}])
    summary = [{"type": "summary_text", "text": "t"}]
    assert body["input"][1] == {"type": "reasoning", "summary": summary, "encrypted_content": "gAAA"}


def test_a_call_without_its_output_gets_one():
    call = {"type": "function_call", "id": "fc_1", "call_id": "c", "name": "f", "arguments": "{}"}
    body = rewritten(input=[{"role": "user", "content": "Hi"}, call, {"role": "user", "content": "Go"}])
    kinds = [item["type"] for item in body["input"]]
    assert kinds == ["message", "function_call", "function_call_output", "message"]


def test_ids_are_left_out_where_nothing_is_stored():
    call = {"type": "function_call", "id": "fc_1", "call_id": "c", "name": "f", "arguments": ""}
    output = {"type": "function_call_output", "id": "fo_1", "call_id": "c", "output": "x"}
    body = rewritten(input=[{"role": "user", "content": "Hi"}, call, output])
    assert body["input"][1:] == [
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "output": "x"},
    ]


@pytest.mark.parametrize("build", [chat.UPSTREAM.build, responses.UPSTREAM.build])
def test_a_choice_that_names_a_hosted_tool_is_refused(build):
    request = asked(tools=[{"type": "web_search"}], tool_choice={"type": "web_search"})
    with pytest.raises(ApiError, match="web_search"):
        build(request, TARGET, Quirks())


def test_functions_only():
    """llama.cpp's server never calls another tool, and refuses its calls and reasoning without text in the history."""
    quirks = llamacpp.ADAPTER.quirks
    body = orjson.loads(responses.UPSTREAM.rewrite(responses.CLIENT.parse(CODEX), TARGET, quirks))
    assert [tool["type"] for tool in body["tools"]] == ["function"] * 3
    assert [tool["name"] for tool in body["tools"]] == ["exec_command", "mcp__files__read", "apply_patch"]
    kinds = {item["type"] for item in body["input"]}
    assert kinds == {"message", "reasoning", "function_call", "function_call_output"}
    assert body["input"][2]["content"] == [{"type": "reasoning_text", "text": "Look at the file first."}]
    assert "include" not in body


def test_a_model_that_does_not_think_is_not_asked_to():
    target = Target(model="up-1", supports_reasoning=False)
    request = asked(reasoning={"effort": "high"}, include=["reasoning.encrypted_content", "other"])
    body = orjson.loads(responses.UPSTREAM.rewrite(request, target, QUIRKS))
    assert "reasoning" not in body
    assert body["include"] == ["other"]


def test_images_for_a_model_that_reads_none_are_refused():
    request = asked(input=[{"role": "user", "content": [{"type": "input_image", "image_url": "https://a"}]}])
    for make in (responses.UPSTREAM.build, responses.UPSTREAM.rewrite):
        with pytest.raises(ApiError, match="image input"):
            make(request, Target(model="m", supports_image_input=False), QUIRKS)


def test_what_our_stream_gave_the_client_is_read_again_next_time():
    """Signed thinking, hidden reasoning, unsigned reasoning and a signed call, sent back as Codex sends them."""
    request = asked(include=["reasoning.encrypted_content"])
    encoder = ResponsesEncoder(request, STAMP)
    out = b"".join(map(encoder.encode, _thoughtful()))
    items = check_responses_stream(out).response["output"]
    codex = [
        {
            key: value
            for key, value in item.items()
            if key not in ("id", "status", "content") or item["type"] == "message"
        }
        for item in items
    ]
    parts = asked(input=[{"role": "user", "content": "Hi"}, *codex]).turns[1].parts
    signed = tag(STAMP.origin, "sig")
    assert [repr(part) for part in parts] == [
        f"ThinkingPart(text='', signature='{signed}')",
        f"RedactedPart(data='{tag(STAMP.origin, 'opaque')}')",
        "ThinkingPart(text='unsigned ü', signature='')",
        f"ToolCallPart(call_id='c.1', name='get', arguments='{{}}', custom=False, namespace='', "
        f"signature='{tag(STAMP.origin, 'callsig')}', cache=None)",
    ]


def _thoughtful() -> list[Any]:
    return [
        ResponseStart(),
        BlockStart(0, "thinking"),
        BlockDelta(0, "signed"),
        BlockEnd(0, "sig"),
        BlockStart(1, "redacted"),
        BlockDelta(1, "opaque"),
        BlockEnd(1),
        BlockStart(2, "thinking"),
        BlockDelta(2, "unsigned ü"),
        BlockEnd(2),
        BlockStart(3, "tool_call", "c.1", "get"),
        BlockEnd(3, "callsig"),
        Usage(1, 2),
        Finish("tool_calls"),
    ]
