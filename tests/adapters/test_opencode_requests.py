"""OpenCode: which model is spoken to in which format, at which address, with which headers."""

import pytest

from support.provider_requests import provider_of, sent, tool_history

ZEN = "https://opencode.ai/zen/v1"
GO = "https://opencode.ai/zen/go/v1"


@pytest.mark.parametrize("client", ["chat", "messages", "responses"])
@pytest.mark.parametrize(
    ("model", "url", "key_header", "key"),
    [
        pytest.param("deepseek-v4.1-flash-free", "/chat/completions", "authorization", "Bearer the-key", id="free"),
        pytest.param("glm-5.3", "/chat/completions", "authorization", "Bearer the-key", id="open"),
        pytest.param("gpt-6", "/responses", "authorization", "Bearer the-key", id="GPT"),
        pytest.param("grok-4.5", "/responses", "authorization", "Bearer the-key", id="Grok"),
        pytest.param("claude-sonnet-4-6", "/messages", "x-api-key", "the-key", id="Claude"),
        pytest.param("qwen3.6-plus", "/messages", "x-api-key", "the-key", id="Qwen"),
        pytest.param("gemini-3-pro", "/models/gemini-3-pro:generateContent", "x-goog-api-key", "the-key", id="Gemini"),
    ],
)
def test_a_model_is_spoken_to_in_its_own_format_with_the_key_where_that_reads_it(client, model, url, key_header, key):
    request = sent(provider_of("opencode", ZEN), model, client)
    assert request.url == ZEN + url
    assert request.headers[key_header] == key
    assert len({"authorization", "x-api-key", "x-goog-api-key"} & request.headers.keys()) == 1
    assert len(request.headers["x-opencode-session"]) == 32


@pytest.mark.parametrize(
    ("base_url", "model", "url"),
    [
        pytest.param(GO, "minimax-m3", GO + "/messages", id="Go has MiniMax in messages"),
        pytest.param(ZEN, "minimax-m3", ZEN + "/chat/completions", id="Zen has it in chat"),
        pytest.param(
            "https://opencode.ai/inference/openai/v1",
            "glm-5.3",
            "https://opencode.ai/inference/openai/v1/chat/completions",
            id="the newer address of chat",
        ),
        pytest.param(
            "https://opencode.ai/inference/anthropic",
            "claude-opus-4-7",
            "https://opencode.ai/inference/anthropic/v1/messages",
            id="the newer address of messages",
        ),
        pytest.param(
            "https://opencode.ai/inference/google/v1beta",
            "gemini-3-pro",
            "https://opencode.ai/inference/google/v1beta/models/gemini-3-pro:generateContent",
            id="the newer address of Gemini",
        ),
        pytest.param(
            "https://opencode.ai/inference/anthropic",
            "some-new-model",
            "https://opencode.ai/inference/anthropic/v1/messages",
            id="an address decides where the model's format is not to be had",
        ),
    ],
)
def test_addresses(base_url, model, url):
    assert sent(provider_of("opencode", base_url), model, "chat").url == url


@pytest.mark.parametrize("client", ["chat", "messages"])
def test_elsewhere_the_client_s_own_format_is_spoken(client):
    request = sent(provider_of("opencode", "http://127.0.0.1:1/v1"), "deepseek-v4-flash-free", client)
    assert request.adapter.upstream.name == client
    assert "x-opencode-session" in request.headers


def test_configured_formats_that_the_model_does_not_have_are_believed():
    request = sent(provider_of("opencode", ZEN, ("chat",)), "claude-sonnet-4-6", "messages")
    assert request.url == ZEN + "/chat/completions"


def test_the_session_stays_with_its_conversation_and_tells_nothing_of_the_member():
    provider = provider_of("opencode", ZEN)

    def session(*said: str) -> str:
        messages = [{"role": ("user", "assistant")[number % 2], "content": text} for number, text in enumerate(said)]
        return sent(provider, "glm-5.3", "chat", messages=messages).headers["x-opencode-session"]

    assert session("Hi") == session("Hi", "Hello", "How are you?")
    assert session("Hi") != session("Good day")
    assert "user-1" not in session("Hi")


def test_betas_go_with_a_relayed_body_to_claude_only():
    betas = {"anthropic-version": "2023-06-01", "anthropic-beta": "context-management-2025-06-27"}
    body = {"context_management": {"edits": []}, "thinking": {"type": "adaptive"}, "max_tokens": 9000}
    provider = provider_of("opencode", ZEN)
    claude = sent(provider, "claude-sonnet-4-6", "messages", client_headers=betas, **body)
    assert claude.headers["anthropic-beta"] == betas["anthropic-beta"]
    assert claude.body["context_management"] == {"edits": []}
    assert claude.body["thinking"] == {"type": "adaptive"}
    qwen = sent(provider, "qwen3.6-plus", "messages", client_headers=betas, **body)
    assert "anthropic-beta" not in qwen.headers
    assert qwen.headers["anthropic-version"] == "2023-06-01"
    assert "context_management" not in qwen.body
    assert qwen.body["thinking"]["type"] == "enabled"


@pytest.mark.parametrize(
    ("model", "fields"),
    [
        ("glm-5.3", {"thinking": {"type": "enabled", "clear_thinking": False}, "reasoning_effort": "high"}),
        ("glm-4.7", {"thinking": {"type": "enabled", "clear_thinking": False}}),
        ("mimo-v2.6-flash-free", {"thinking": {"type": "enabled"}}),
        ("deepseek-v4-pro", {"thinking": {"type": "enabled"}, "reasoning_effort": "high"}),
        ("kimi-k3", {"thinking": {"type": "enabled"}}),
        ("nemotron-4-free", {"reasoning_effort": "high"}),
    ],
)
def test_models_keep_their_ways_behind_it(model, fields):
    body = sent(provider_of("opencode", ZEN), model, "chat", reasoning_effort="high").body
    assert {name: body[name] for name in ("thinking", "reasoning_effort") if name in body} == fields
    assert "tool_stream" not in body, "who serves GLM here is not Z.ai"


def test_content_is_never_null_and_deepseek_gets_reasoning_even_where_there_is_none():
    for model, message in (
        ("minimax-m3", {"content": ""}),
        ("deepseek-v4-pro", {"content": "", "reasoning_content": ""}),
    ):
        body = sent(provider_of("opencode", ZEN), model, "chat", **tool_history("chat")).body
        assert {
            key: value for key, value in body["messages"][1].items() if key not in ("role", "tool_calls")
        } == message
