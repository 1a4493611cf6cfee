"""xAI: what its reasoning models refuse, in both formats."""

import pytest

from support.provider_requests import provider_of, sent

BASE = "https://api.x.ai/v1"


@pytest.mark.parametrize(
    ("client", "url"),
    [("chat", "/chat/completions"), ("responses", "/responses"), ("messages", "/chat/completions")],
)
def test_addresses(client, url):
    request = sent(provider_of("xai", BASE), "grok-4.5", client)
    assert request.url == BASE + url
    assert request.headers["authorization"] == "Bearer the-key"


@pytest.mark.parametrize(
    ("model", "kept"),
    [("grok-4.5", set()), ("grok-4-1-fast-non-reasoning", {"stop", "presence_penalty", "frequency_penalty"})],
)
def test_reasoning_models_are_not_sent_what_they_refuse(model, kept):
    sampling = {"stop": ["a"], "presence_penalty": 0.1, "frequency_penalty": 0.2, "temperature": 0.3}
    body = sent(provider_of("xai", BASE), model, "chat", **sampling).body
    assert {"stop", "presence_penalty", "frequency_penalty"} & body.keys() == kept
    assert body["temperature"] == 0.3


@pytest.mark.parametrize(
    ("asked", "told"),
    [("none", "none"), ("minimal", "low"), ("medium", "medium"), ("xhigh", "xhigh"), ("max", "xhigh")],
)
def test_efforts_in_its_words(asked, told):
    provider = provider_of("xai", BASE)
    assert sent(provider, "grok-4.5", "chat", reasoning_effort=asked).body["reasoning_effort"] == told
    reasoning = {"effort": asked, "summary": "auto"}
    request = sent(provider, "grok-4.5", "responses", reasoning=reasoning)
    assert request.body["reasoning"] == {"effort": told, "summary": "auto"}
    body = sent(provider_of("xai", BASE, ("responses",)), "grok-4.5", "chat", reasoning_effort=asked).body
    assert body["reasoning"]["effort"] == told


def test_a_summary_alone_is_still_asked_for():
    body = sent(provider_of("xai", BASE), "grok-4.5", "responses", reasoning={"summary": "concise"}).body
    assert body["reasoning"] == {"summary": "concise"}
    assert body["store"] is False
