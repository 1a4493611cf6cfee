"""GLM at Z.ai and BigModel: addresses and the ways of its chat."""

import pytest

from freetheai import errors
from freetheai.errors import ApiError
from support.provider_requests import provider_of, sent

GENERAL = "https://api.z.ai/api/paas/v4"
CODING = "https://api.z.ai/api/coding/paas/v4"
ANTHROPIC = "https://api.z.ai/api/anthropic"


@pytest.mark.parametrize("client", ["chat", "messages", "responses"])
@pytest.mark.parametrize(
    ("base_url", "url"),
    [
        (GENERAL, GENERAL + "/chat/completions"),
        (CODING + "/", CODING + "/chat/completions"),
        ("https://open.bigmodel.cn/api/paas/v4", "https://open.bigmodel.cn/api/paas/v4/chat/completions"),
        (ANTHROPIC, ANTHROPIC + "/v1/messages"),
        (ANTHROPIC + "/v1", ANTHROPIC + "/v1/messages"),
    ],
)
def test_an_address_has_one_format(base_url, url, client):
    request = sent(provider_of("zai", base_url), "glm-5.3", client)
    assert request.url == url
    assert request.headers["authorization"] == "Bearer the-key"
    assert request.headers["accept-language"] == "en-US,en"


@pytest.mark.parametrize("client", ["chat", "messages"])
def test_elsewhere_the_client_s_own_format_is_spoken(client):
    assert sent(provider_of("zai", "http://127.0.0.1:1"), "glm-5.3", client).adapter.upstream.name == client


def test_a_chat_client_s_body():
    body = sent(
        provider_of("zai", CODING),
        "glm-5.3",
        "chat",
        messages=[{"role": "developer", "content": "Be brief."}, {"role": "user", "content": "Hi"}],
        max_completion_tokens=50,
        temperature=1.7,
        stop=["a", "b"],
        n=1,
        store=True,
        metadata={"a": "b"},
        reasoning_effort="minimal",
        do_sample=True,
        stream=True,
    ).body
    assert body == {
        "model": "glm-5.3",
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}],
        "max_tokens": 50,
        "temperature": 1.0,
        "stop": ["a"],
        "thinking": {"type": "enabled", "clear_thinking": False},
        "reasoning_effort": "low",
        "do_sample": True,
        "tool_stream": True,
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_a_messages_client_s_body():
    body = sent(
        provider_of("zai", GENERAL),
        "glm-4.7",
        "messages",
        system="Be brief.",
        temperature=0.5,
        stop_sequences=["a", "b"],
        thinking={"type": "enabled", "budget_tokens": 2000},
        max_tokens=3000,
    ).body
    assert body == {
        "model": "glm-4.7",
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}],
        "max_tokens": 3000,
        "temperature": 0.5,
        "stop": ["a"],
        "thinking": {"type": "enabled", "clear_thinking": False},
        "tool_stream": True,
    }


@pytest.mark.parametrize(
    ("model", "takes_effort"),
    [
        ("glm-4.7", False),
        ("glm-5-turbo", False),
        ("glm-5.1", False),
        ("glm-5.2-highspeed", True),
        ("GLM-5.3", True),
        ("glm-6", True),
    ],
)
def test_only_newer_models_are_told_an_effort(model, takes_effort):
    body = sent(provider_of("zai", CODING), model, "chat", reasoning_effort="high", thinking={"type": "enabled"}).body
    assert ("reasoning_effort" in body) == takes_effort
    assert body["thinking"]["type"] == "enabled"


@pytest.mark.parametrize("client", ["chat", "messages", "responses"])
def test_thinking_is_switched_off(client):
    off = {
        "chat": {"reasoning_effort": "none"},
        "messages": {"thinking": {"type": "disabled"}},
        "responses": {"reasoning": {"effort": "none"}},
    }[client]
    assert sent(provider_of("zai", CODING), "glm-5.3", client, **off).body["thinking"] == {"type": "disabled"}


def test_more_than_one_answer_is_refused_by_name():
    with pytest.raises(ApiError, match="n greater than 1") as refused:
        sent(provider_of("zai", CODING), "glm-5.3", "chat", n=2)
    assert refused.value.spec is errors.INVALID_REQUEST


def test_a_schema_is_told_in_words():
    schema = {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "object"}}}
    body = sent(provider_of("zai", CODING), "glm-5.3", "chat", response_format=schema).body
    assert body["response_format"] == {"type": "json_object"}
    assert '{"type":"object"}' in body["messages"][0]["content"]
