"""OpenRouter: one address for three formats, caching hints, thinking as one object."""

import pytest

from support.provider_requests import provider_of, sent

BASE = "https://openrouter.ai/api/v1"
HINT = {"type": "ephemeral"}


@pytest.mark.parametrize("base_url", [BASE, BASE + "/"])
@pytest.mark.parametrize(
    ("client", "url"),
    [("chat", "/chat/completions"), ("messages", "/messages"), ("responses", "/responses")],
)
def test_one_address_for_all(base_url, client, url):
    request = sent(provider_of("openrouter", base_url), "z-ai/glm-5:free", client)
    assert request.url == BASE + url
    assert request.headers["authorization"] == "Bearer the-key"
    assert not {"http-referer", "x-title", "referer"} & request.headers.keys()


def test_caching_hints_reach_the_model_behind_it():
    body = sent(
        provider_of("openrouter", BASE, ("chat",)),
        "anthropic/claude-sonnet-4.6",
        "messages",
        system=[{"type": "text", "text": "A"}, {"type": "text", "text": "B", "cache_control": HINT}],
        messages=[{"role": "user", "content": [{"type": "text", "text": "Hi", "cache_control": HINT}]}],
    ).body
    assert body["messages"] == [
        {
            "role": "system",
            "content": [{"type": "text", "text": "A"}, {"type": "text", "text": "B", "cache_control": HINT}],
        },
        {"role": "user", "content": [{"type": "text", "text": "Hi", "cache_control": HINT}]},
    ]


def test_without_hints_text_stays_text():
    body = sent(provider_of("openrouter", BASE, ("chat",)), "a/b", "messages", system="A").body
    assert body["messages"] == [{"role": "system", "content": "A"}, {"role": "user", "content": "Hi"}]


@pytest.mark.parametrize(
    ("client", "said", "told"),
    [
        pytest.param("chat", {"reasoning_effort": "low"}, {"effort": "low"}, id="effort"),
        pytest.param("chat", {"reasoning": {"max_tokens": 2000}}, {"max_tokens": 2000}, id="its own words"),
        pytest.param(
            "messages", {"thinking": {"type": "enabled", "budget_tokens": 2000}}, {"max_tokens": 2000}, id="budget"
        ),
        pytest.param("messages", {"thinking": {"type": "disabled"}}, {"enabled": False}, id="off"),
    ],
)
def test_thinking(client, said, told):
    body = sent(provider_of("openrouter", BASE, ("chat",)), "a/b", client, **said).body
    assert body["reasoning"] == told
    assert "reasoning_effort" not in body


def test_whose_account_pays_is_not_the_client_s_to_choose():
    own = {"provider": {"order": ["x"]}, "models": ["a"], "route": "fallback", "plugins": [{"id": "web"}], "user": "u"}
    assert not own.keys() & sent(provider_of("openrouter", BASE), "a/b", "chat", **own).body.keys()


@pytest.mark.parametrize(("model", "is_full"), [("anthropic/claude-sonnet-4.6", True), ("z-ai/glm-5", False)])
def test_only_claude_gets_all_of_messages(model, is_full):
    request = sent(
        provider_of("openrouter", BASE),
        model,
        "messages",
        client_headers={"anthropic-beta": "x"},
        context_management={"edits": []},
    )
    assert ("context_management" in request.body) == is_full
    assert ("anthropic-beta" in request.headers) == is_full
