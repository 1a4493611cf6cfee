"""MiMo: addresses, and what it refuses in a history."""

import pytest

from support.provider_requests import provider_of, sent, tool_history

CHAT = "https://api.xiaomimimo.com/v1"
PLAN = "https://token-plan-sgp.xiaomimimo.com/v1"
ANTHROPIC = "https://api.xiaomimimo.com/anthropic"
OFF = {"type": "disabled"}


@pytest.mark.parametrize("client", ["chat", "messages", "responses"])
@pytest.mark.parametrize(
    ("base_url", "url"),
    [
        (CHAT, CHAT + "/chat/completions"),
        (PLAN, PLAN + "/chat/completions"),
        (ANTHROPIC, ANTHROPIC + "/v1/messages"),
    ],
)
def test_an_address_has_one_format(base_url, url, client):
    request = sent(provider_of("mimo", base_url), "mimo-v2.6-pro", client)
    assert request.url == url
    assert request.headers["authorization"] == "Bearer the-key"


@pytest.mark.parametrize("client", ["chat", "messages"])
def test_content_is_text_and_never_null(client):
    body = sent(provider_of("mimo", CHAT), "mimo-v2.6-pro", client, **tool_history(client)).body
    assert body["messages"][1]["content"] == ""
    assert body["messages"][2]["content"] == "ok"


@pytest.mark.parametrize("client", ["chat", "messages"])
def test_it_does_not_think_where_the_reasoning_of_a_call_is_lost(client):
    wish = {"chat": {"reasoning_effort": "high"}, "messages": {"thinking": {"type": "enabled", "budget_tokens": 2000}}}
    for said in ({}, wish[client]):
        body = sent(provider_of("mimo", CHAT), "mimo-v2.6-pro", client, **tool_history(client), **said).body
        assert body["thinking"] == OFF
        assert "reasoning_effort" not in body


def test_reasoning_goes_back_with_its_call_and_thinking_stays_as_wished():
    history = tool_history("chat")
    history["messages"][1]["reasoning_content"] = "hm"
    provider = provider_of("mimo", CHAT)
    body = sent(provider, "mimo-v2.6-pro", "chat", **history).body
    assert body["messages"][1]["reasoning_content"] == "hm"
    assert "thinking" not in body
    assert sent(provider, "mimo-v2.6-pro", "chat", **history, thinking={"type": "enabled"}).body["thinking"] == {
        "type": "enabled"
    }


def test_text_alone_needs_no_reasoning():
    messages = [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "b"},
        {"role": "user", "content": "c"},
    ]
    assert "thinking" not in sent(provider_of("mimo", CHAT), "mimo-v2.6-pro", "chat", messages=messages).body


def test_messages_get_the_first_version_and_a_switch():
    request = sent(
        provider_of("mimo", ANTHROPIC),
        "mimo-v2.6-pro",
        "messages",
        client_headers={"anthropic-beta": "x"},
        thinking={"type": "adaptive"},
        output_config={"effort": "high"},
    )
    assert request.body["thinking"] == {"type": "enabled"}
    assert "output_config" not in request.body
    assert "anthropic-beta" not in request.headers
    assert request.headers["anthropic-version"] == "2023-06-01"
