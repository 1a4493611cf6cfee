"""The OpenAI SDK for Python, unmodified, against the whole program: what its user calls and what comes back."""

from collections.abc import Iterator

import openai
import pytest
from openai import OpenAI

from fakes.upstream import Cut, ScriptedUpstream, ShortError, chat_body, chat_events, chat_stream, stream
from support.program import Program

HELLO = [{"role": "user", "content": "Say hello."}]
USAGE = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}


@pytest.fixture
def client(program: Program, key: str) -> Iterator[OpenAI]:
    with OpenAI(api_key=key, base_url=program.base_url, max_retries=0, timeout=20) as client:
        yield client


def test_models_are_listed_and_found_by_aliases_with_slashes(client: OpenAI) -> None:
    aliases = [model.id for model in client.models.list()]
    assert "fake/one" in aliases
    assert "fake/hidden" not in aliases
    assert "fake/off" not in aliases
    assert client.models.retrieve("fake/deep/er:free").id == "fake/deep/er:free"


def test_plain_chat_answers_under_the_alias(client: OpenAI, upstream: ScriptedUpstream) -> None:
    upstream.script = chat_body("Hello there.", usage=USAGE)
    answer = client.chat.completions.create(model="fake/one", messages=HELLO)
    assert answer.choices[0].message.content == "Hello there."
    assert answer.model == "fake/one"
    assert answer.usage is not None
    assert answer.usage.total_tokens == 18
    assert upstream.requests[-1].json()["model"] == "model-1"


def test_streamed_chat_arrives_in_pieces_with_usage_last(client: OpenAI, upstream: ScriptedUpstream) -> None:
    upstream.script = chat_stream(["Hel", "lo ", "there."], delay_s=0.02, usage=USAGE)
    chunks = list(
        client.chat.completions.create(
            model="fake/one", messages=HELLO, stream=True, stream_options={"include_usage": True}
        )
    )
    pieces = [chunk.choices[0].delta.content for chunk in chunks if chunk.choices and chunk.choices[0].delta.content]
    assert pieces == ["Hel", "lo ", "there."]
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"
    assert chunks[-1].choices == []
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == 7
    assert {chunk.model for chunk in chunks} == {"fake/one"}
    assert len({chunk.id for chunk in chunks}) == 1


def test_usage_that_nobody_asked_for_is_not_sent(client: OpenAI, upstream: ScriptedUpstream) -> None:
    upstream.script = chat_stream(["Hi"], usage=USAGE)
    chunks = list(client.chat.completions.create(model="fake/one", messages=HELLO, stream=True))
    assert all(chunk.choices for chunk in chunks)
    assert upstream.requests[-1].json()["stream_options"]["include_usage"] is True


def test_an_unknown_alias_is_a_bad_request(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as raised:
        client.chat.completions.create(model="fake/none", messages=HELLO)
    assert raised.value.type == "invalid_request_error"
    assert "unknown aliased model" in raised.value.message


def test_a_wrong_key_is_an_authentication_error(program: Program) -> None:
    with (
        OpenAI(api_key="fta_" + "x" * 40, base_url=program.base_url, max_retries=0) as stranger,
        pytest.raises(openai.AuthenticationError) as raised,
    ):
        stranger.models.list()
    assert raised.value.type == "invalid_api_key"


@pytest.mark.parametrize("is_reset", [False, True], ids=["the provider closes midway", "the provider resets midway"])
def test_a_cut_stream_raises_after_what_came(client: OpenAI, upstream: ScriptedUpstream, is_reset: bool) -> None:
    from fakes.upstream import Delay, Reset

    events = chat_events(["Hel", "lo"])
    upstream.script = stream([*events[:3], Delay(0.2), Reset() if is_reset else Cut()])
    pieces: list[str] = []
    with pytest.raises(openai.APIError) as raised:
        for chunk in client.chat.completions.create(model="fake/one", messages=HELLO, stream=True):
            pieces.append(chunk.choices[0].delta.content or "")
    assert "".join(pieces) == "Hello"
    assert raised.value.type == "provider_error"
    assert "Error id: fake-" in raised.value.message


def test_a_provider_that_is_limited_is_a_rate_limit_error(client: OpenAI, upstream: ScriptedUpstream) -> None:
    upstream.script = ShortError(429, headers=[("Retry-After", "7")])
    with pytest.raises(openai.RateLimitError) as raised:
        client.chat.completions.create(model="limited/one", messages=HELLO, stream=True)
    assert raised.value.type == "rate_limit_error"
    assert raised.value.response.headers["retry-after"] == "7"


def test_a_refused_credential_of_ours_is_no_fault_of_the_member(client: OpenAI, upstream: ScriptedUpstream) -> None:
    upstream.script = ShortError(401, {"error": {"message": "Incorrect API key provided: sk-up***", "code": "x"}})
    with pytest.raises(openai.InternalServerError) as raised:
        client.chat.completions.create(model="poor/one", messages=HELLO)
    assert raised.value.status_code == 503
    assert raised.value.type == "provider_unavailable"
    assert "sk-up" not in raised.value.message


def test_parallel_tool_calls_come_whole(client: OpenAI, upstream: ScriptedUpstream) -> None:
    def chunk(delta: dict[str, object], finish: str | None = None) -> dict[str, object]:
        return {"id": "c", "created": 1, "model": "model-1", "choices": [{"delta": delta, "finish_reason": finish}]}

    calls = [
        {"index": 0, "id": "a", "type": "function", "function": {"name": "left", "arguments": '{"n":'}},
        {"index": 1, "id": "b", "type": "function", "function": {"name": "right", "arguments": ""}},
        {"index": 0, "function": {"arguments": " 1}"}},
    ]
    from fakes.upstream import sse

    upstream.script = stream(sse(*(chunk({"tool_calls": [call]}) for call in calls), chunk({}, "stop")))
    tools = [{"type": "function", "function": {"name": name, "parameters": {}}} for name in ("left", "right")]
    with client.chat.completions.stream(model="fake/one", messages=HELLO, tools=tools) as running:
        running.until_done()
        answer = running.get_final_completion()
    made = answer.choices[0].message.tool_calls
    assert made is not None
    assert [(call.function.name, call.function.arguments) for call in made] == [("left", '{"n": 1}'), ("right", "{}")]
    assert answer.choices[0].finish_reason == "tool_calls"
