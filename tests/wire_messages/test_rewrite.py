"""A Messages client's request for a Messages upstream: only what must change is changed."""

from dataclasses import replace
from typing import Any

import orjson
import pytest

import adapters.anthropic.messages
import adapters.llamacpp.messages
import adapters.zai.messages
from adapters.base import joined_url
from freetheai.wire import messages
from freetheai.wire.formats import Quirks, Target
from freetheai.wire.messages.count import count_body, read_count
from freetheai.wire.messages.signed import UNSIGNED
from freetheai.wire.signature import tag
from support import claude_code

NEW = Target(model="claude-opus-5", origin="anthropic:claude-opus-5", max_output_tokens=128000)
OLD = Target(model="claude-sonnet-4-5-20250929", origin="anthropic:old", max_output_tokens=64000)
USER = {"role": "user", "content": "Hi"}


def rewritten(target: Target = NEW, quirks: Quirks | None = None, version: str = "", **body: Any) -> dict[str, Any]:
    request = messages.CLIENT.parse(
        orjson.dumps({"model": "pre/alias", "max_tokens": 4096, "messages": [USER], **body})
    )
    headers = {"anthropic-version": version} if version else {}
    data = messages.UPSTREAM.rewrite(replace(request, client_headers=headers), target, quirks or Quirks())
    result: dict[str, Any] = orjson.loads(data)
    return result


def said(*blocks: dict[str, Any]) -> list[dict[str, Any]]:
    return [USER, {"role": "assistant", "content": [*blocks, {"type": "text", "text": "a"}]}, USER]


def test_a_claude_code_request_passes_whole_to_anthropic():
    source = claude_code.body()
    expected = {**source, "model": "claude-opus-5"}
    del expected["metadata"]
    assert rewritten(**source) == expected


def test_a_system_message_in_between_becomes_user_text_for_models_that_hear_none():
    body = rewritten(OLD, messages=[USER, {"role": "system", "content": "note"}])
    assert body["messages"][1] == {"role": "user", "content": [{"type": "text", "text": "<system>\nnote\n</system>"}]}


@pytest.mark.parametrize(
    ("signature", "sent"),
    [
        pytest.param(tag(NEW.origin, "c2ln/+=="), "c2ln/+==", id="its own, byte for byte"),
        pytest.param("c2ln/+==", "c2ln/+==", id="not given out by us"),
        pytest.param(tag("anthropic:claude-sonnet-5", "c2ln"), None, id="another model's"),
        pytest.param(UNSIGNED, None, id="nobody's"),
        pytest.param("", None, id="empty"),
        pytest.param(None, None, id="absent"),
        pytest.param("fta1.!!!.x", None, id="a forged tag"),
    ],
)
def test_thinking_goes_back_to_who_signed_it(signature, sent):
    content = rewritten(messages=said({"type": "thinking", "thinking": "hm", "signature": signature}))["messages"][1][
        "content"
    ]
    expected = [{"type": "thinking", "thinking": "hm", "signature": sent}] if sent else []
    assert content == [*expected, {"type": "text", "text": "a"}]


def test_redacted_thinking_goes_back_to_who_made_it():
    own = {"type": "redacted_thinking", "data": tag(NEW.origin, "b64")}
    foreign = {"type": "redacted_thinking", "data": tag("anthropic:x", "b64")}
    content = rewritten(messages=said(own, foreign))["messages"][1]["content"]
    assert content == [{"type": "redacted_thinking", "data": "b64"}, {"type": "text", "text": "a"}]


@pytest.mark.parametrize(
    ("target", "asked", "sent"),
    [
        pytest.param(
            NEW,
            {"thinking": {"type": "enabled", "budget_tokens": 2000}},
            {"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}},
            id="a budget for a model that takes none",
        ),
        pytest.param(
            OLD,
            {"thinking": {"type": "adaptive"}, "max_tokens": 20000},
            {"thinking": {"type": "enabled", "budget_tokens": 8192}},
            id="adaptive for a model that needs a budget",
        ),
        pytest.param(
            replace(OLD, max_output_tokens=3000),
            {"thinking": {"type": "enabled", "budget_tokens": 5000}, "max_tokens": 8000},
            {"thinking": {"type": "enabled", "budget_tokens": 2999}},
            id="a budget over the clamped bound",
        ),
        pytest.param(OLD, {"thinking": {"type": "disabled"}}, {"thinking": {"type": "disabled"}}, id="off passes"),
        pytest.param(
            Target(model="claude-opus-4-1"), {"output_config": {"effort": "high"}}, {}, id="no effort for old models"
        ),
        pytest.param(
            Target(model="unknown"),
            {"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}},
            {"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}},
            id="an unknown model gets what came",
        ),
    ],
)
def test_thinking_is_asked_for_as_the_model_takes_it(target, asked, sent):
    body = rewritten(target, **asked)
    assert {key: body[key] for key in ("thinking", "output_config") if key in body} == sent


@pytest.mark.parametrize(
    ("target", "version", "passes"),
    [
        pytest.param(OLD, "2023-06-01", True, id="an old model and version"),
        pytest.param(OLD, "2026-10-21", False, id="a version without sampling"),
        pytest.param(NEW, "2023-06-01", False, id="a model without sampling"),
    ],
)
def test_sampling(target, version, passes):
    body = rewritten(target, version=version, temperature=0.3, top_k=5)
    assert ({"temperature", "top_k"} <= body.keys()) is passes


def test_a_lost_result_is_put_back():
    history = [
        USER,
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "f", "input": {}}]},
        USER,
    ]
    body = rewritten(messages=history)
    assert body["messages"][2]["content"][0]["tool_use_id"] == "t"


def test_an_image_in_a_result_becomes_a_marker_for_a_model_that_reads_none():
    body = rewritten(replace(NEW, supports_image_input=False), **claude_code.body())
    result = body["messages"][2]["content"][0]
    assert result["tool_use_id"] == "toolu_01"
    assert [block["type"] for block in result["content"]] == ["text", "text"]
    assert "can't read images" in result["content"][1]["text"]


@pytest.mark.parametrize("content", ["Once upon ", [{"type": "text", "text": "Once upon\n"}]], ids=["string", "blocks"])
def test_a_last_assistant_message(content):
    history = [USER, {"role": "assistant", "content": content}]
    begun = {"role": "assistant", "content": [{"type": "text", "text": "Once upon"}]}
    assert rewritten(OLD, messages=history)["messages"][-1] == begun
    assert rewritten(NEW, messages=history)["messages"][-1]["content"] == [{"type": "text", "text": "Continue."}]


def test_unknown_fields_pass_and_nulls_do_not():
    body = rewritten(new_field={"a": 1}, temperature=None, tools=[], tool_choice={"type": "auto"}, service_tier="auto")
    assert body["new_field"] == {"a": 1}
    assert not {"temperature", "tools", "tool_choice", "service_tier"} & body.keys()


LLAMA = adapters.llamacpp.messages.ADAPTER.quirks
GLM = adapters.zai.messages.ADAPTER.quirks
LOCAL = Target(model="local", origin="llamacpp:local", max_output_tokens=8000)


def test_a_plain_server_gets_the_first_version():
    body = rewritten(LOCAL, LLAMA, **claude_code.body())
    assert body.keys() == {"model", "max_tokens", "stream", "system", "messages", "tools", "tool_choice", "thinking"}
    assert b"billing" not in orjson.dumps(body)
    assert body["thinking"] == {"type": "enabled", "budget_tokens": 7999}
    assert [message["role"] for message in body["messages"]] == ["user", "assistant", "user"]
    assert {key for tool in body["tools"] for key in tool} == {"name", "description", "input_schema", "cache_control"}
    assert [block["type"] for block in body["messages"][1]["content"]] == ["thinking", "text", "tool_use", "tool_use"]


def test_unsigned_thinking_goes_back_where_signatures_are_not_checked():
    def content(signature: str) -> list[dict[str, Any]]:
        history = said({"type": "thinking", "thinking": "hm", "signature": signature})
        blocks: list[dict[str, Any]] = rewritten(LOCAL, LLAMA, messages=history)["messages"][1]["content"]
        return blocks

    assert content(UNSIGNED)[0] == {"type": "thinking", "thinking": "hm", "signature": ""}
    assert [block["type"] for block in content(tag("anthropic:claude-opus-5", "c2ln"))] == ["text"]


def test_glm_is_told_to_think_by_a_switch():
    assert rewritten(LOCAL, GLM, thinking={"type": "adaptive"})["thinking"] == {"type": "enabled"}
    assert rewritten(LOCAL, GLM, thinking={"type": "disabled"})["thinking"] == {"type": "disabled"}


def test_a_request_to_count_has_nothing_that_steers_an_answer():
    request = messages.CLIENT.parse(orjson.dumps(claude_code.body()))
    body = orjson.loads(count_body(request, NEW, Quirks()))
    assert {"model", "messages", "system", "tools", "thinking"} <= body.keys()
    assert not {"max_tokens", "stream", "metadata"} & body.keys()


@pytest.mark.parametrize(
    ("answer", "count"),
    [
        pytest.param(b'{"input_tokens": 12}', 12, id="a count"),
        pytest.param(b'{"input_tokens": -1}', None, id="a negative one"),
        pytest.param(b'{"input_tokens": true}', None, id="no number"),
        pytest.param(b'{"error": {}}', None, id="an error"),
        pytest.param(b"<html>", None, id="no JSON"),
    ],
)
def test_a_count_is_read(answer, count):
    assert read_count(answer) == count


def test_headers_belong_to_the_body():
    request = messages.CLIENT.parse(orjson.dumps({"model": "a/b", "messages": [USER]}))
    headers = adapters.anthropic.messages.ADAPTER.headers
    assert headers(request, "") == {"anthropic-version": "2023-06-01"}
    sent = {"anthropic-version": "2026-10-21", "anthropic-beta": "effort-2025-11-24"}
    assert headers(replace(request, client_headers=sent), "") == sent
    assert headers(replace(request, client_headers=sent, format="chat"), "") == {"anthropic-version": "2023-06-01"}


@pytest.mark.parametrize(
    "base_url",
    [
        "https://api.anthropic.com",
        "https://api.anthropic.com/",
        "https://api.anthropic.com/v1",
        "https://api.anthropic.com/v1/",
    ],
)
def test_the_path_is_appended_to_a_base_with_or_without_its_version(base_url):
    path = adapters.anthropic.messages.ADAPTER.path
    assert joined_url(base_url, path) == "https://api.anthropic.com/v1/messages"
    assert joined_url("https://a/api/anthropic", path) == "https://a/api/anthropic/v1/messages"
    assert joined_url("https://a/v1/", "/chat/completions") == "https://a/v1/chat/completions"
