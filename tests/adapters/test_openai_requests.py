"""OpenAI and the servers that speak like it; Anthropic; llama.cpp: what differs by the model's name."""

import pytest

from support.provider_requests import provider_of, sent

ASKED = {"max_tokens": 50, "temperature": 0.5, "top_p": 0.9, "stop": ["a"]}


@pytest.mark.parametrize("model", ["gpt-5.1", "gpt-6-mini", "o4-mini", "o3", "openai/gpt-5"])
def test_reasoning_models_of_openai(model):
    body = sent(provider_of("openai", "https://api.openai.com/v1"), model, "chat", **ASKED).body
    assert body == {"model": model, "messages": [{"role": "user", "content": "Hi"}], "max_completion_tokens": 50}


@pytest.mark.parametrize("model", ["gpt-4.1", "gpt-5-chat-latest", "gpt-oss-120b", "llama-4", "olmo-3", "o"])
def test_all_others_get_the_customary_fields(model):
    body = sent(provider_of("openai", "http://host/v1"), model, "chat", **ASKED).body
    assert body == {"model": model, "messages": [{"role": "user", "content": "Hi"}], **ASKED, "stop": ["a"]}


def test_sampling_of_responses():
    provider = provider_of("openai", "https://api.openai.com/v1")
    assert sent(provider, "gpt-4.1", "responses", temperature=0.5).body["temperature"] == 0.5
    assert "temperature" not in sent(provider, "gpt-6", "responses", temperature=0.5).body


@pytest.mark.parametrize(
    ("family", "base_url", "client", "url"),
    [
        ("openai", "http://host/v1", "messages", "http://host/v1/chat/completions"),
        ("openai", "http://host/v1/", "responses", "http://host/v1/responses"),
        ("anthropic", "https://api.anthropic.com", "chat", "https://api.anthropic.com/v1/messages"),
        ("anthropic", "https://api.anthropic.com/v1", "responses", "https://api.anthropic.com/v1/messages"),
        ("llamacpp", "http://host:8080/v1", "messages", "http://host:8080/v1/messages"),
        ("llamacpp", "http://host:8080/v1", "responses", "http://host:8080/v1/responses"),
    ],
)
def test_addresses(family, base_url, client, url):
    request = sent(provider_of(family, base_url), "a-model", client)
    assert request.url == url
    key = "x-api-key" if family == "anthropic" else "authorization"
    assert request.headers[key].endswith("the-key")
