"""Messages through the whole program: relayed to a provider that speaks it, translated to one that does not.

What only the whole shows: paths and headers at the provider, thinking that finds its way back to who signed it, counts.
"""

import itertools
import re
import threading
from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from fakes.replies import Delay, Reply, json_reply, stream
from fakes.upstream import ScriptedUpstream, ShortError, chat_stream, run_in_thread
from support import claude_code
from support.http_client import RawClient
from support.messages_rules import MessageSummary, check_messages_stream
from support.messages_streams import end, event, start, text, thinking
from support.mongo_server import new_database, shared_server
from support.program import Program
from support.redis_server import RedisServer

MODELS = [
    {"id": "ant/opus", "upstream_model": "claude-opus-5"},
    {"id": "ant/sonnet", "upstream_model": "claude-sonnet-5"},
    {"id": "chat/one", "upstream_model": "model-1"},
]
LIMITS = {
    "daily_success_limit": 3,
    "max_addresses": 50,
    "tiers": [{"level": 1, "minimum_invites": 0, "rate_limit_per_minute": 1000, "concurrency_limit": 5}],
}
SIGNATURE = "EqQBCkgI+/=="
USER = {"role": "user", "content": "Hi"}
_users = itertools.count(1)


@pytest.fixture(scope="module")
def provider() -> Iterator[ScriptedUpstream]:
    with run_in_thread() as server:
        yield server


@pytest.fixture(scope="module")
def gateway(
    tmp_path_factory: pytest.TempPathFactory, provider: ScriptedUpstream, redis_server: RedisServer
) -> Iterator[Program]:
    database = new_database()

    def configured(adapter: str, base_url: str) -> dict[str, Any]:
        return {"adapter": adapter, "base_url": base_url, "api_keys": ["sk-upstream"], "cooldown_seconds": 0}

    sections = {
        "mongodb": {"url": shared_server().url, "database": database},
        "redis": {"url": redis_server.url, "prefix": database[-16:]},
        "limits": LIMITS,
        "providers.ant": configured("anthropic", provider.url),
        "providers.chat": {**configured("openai", f"{provider.url}/v1"), "formats": ["chat"]},
    }
    program = Program(tmp_path_factory.mktemp("messages"), sections, MODELS)
    program.start()
    yield program
    program.stop()


@pytest.fixture
def key(gateway: Program) -> str:
    return gateway.issue_key(f"messages-{next(_users)}")


def answer(*values: Any) -> Any:
    flat = [value for part in values for value in (part if isinstance(part, list) else [part])]
    return stream([event(value) for value in flat])


def ask(gateway: Program, key: str, path: str = "/v1/messages?beta=true", **body: Any) -> tuple[RawClient, bytes]:
    whole = {"model": "ant/opus", "max_tokens": 100, "messages": [USER], **body}
    client = RawClient(gateway.port).post(path, whole, key).read_head()
    return client, client.read_all()


def streamed(gateway: Program, key: str, alias: str = "ant/opus", **body: Any) -> MessageSummary:
    client, data = ask(gateway, key, model=alias, stream=True, thinking={"type": "adaptive"}, **body)
    assert client.status == 200
    return check_messages_stream(data, model=alias)


def test_a_stream_is_relayed_with_the_providers_path_key_and_version(
    gateway: Program, key: str, provider: ScriptedUpstream
) -> None:
    provider.script = answer(start(), text(0, "Hel", "lo"), end())
    summary = streamed(gateway, key)
    assert summary.text() == "Hello"
    request = provider.requests[-1]
    assert request.path == "/v1/messages"
    assert request.headers["x-api-key"] == "sk-upstream"
    assert request.headers["anthropic-version"]
    assert key not in str(request.headers)
    assert request.json()["model"] == "claude-opus-5"


def test_the_version_and_betas_of_a_claude_client_go_with_its_body(
    gateway: Program, key: str, provider: ScriptedUpstream
) -> None:
    provider.script = answer(start(), text(0, "Hi"), end())
    headers = {
        "anthropic-version": "2026-10-21",
        "anthropic-beta": "effort-2025-11-24, new-thing-2026-12-01",
        "Cookie": "c=1",
    }
    body = {"model": "ant/opus", "max_tokens": 100, "messages": [USER], "stream": True}
    RawClient(gateway.port).post("/v1/messages?beta=true", body, key, headers).read_head().read_all()
    sent = provider.requests[-1].headers
    assert sent["anthropic-version"] == "2026-10-21"
    assert sent["anthropic-beta"] == "effort-2025-11-24, new-thing-2026-12-01"
    assert "cookie" not in sent


def test_thinking_goes_back_to_the_model_that_signed_it_and_to_no_other(
    gateway: Program, key: str, provider: ScriptedUpstream
) -> None:
    provider.script = answer(start(), thinking(0, "hm", signature=SIGNATURE), text(1, "a"), end())
    said = {"role": "assistant", "content": streamed(gateway, key).content}
    provider.script = answer(start(), text(0, "b"), end())
    streamed(gateway, key, messages=[USER, said, USER])
    own = provider.requests[-1].json()["messages"][1]["content"]
    assert own[0] == {"type": "thinking", "thinking": "hm", "signature": SIGNATURE}
    streamed(gateway, key, alias="ant/sonnet", messages=[USER, said, USER])
    assert provider.requests[-1].json()["messages"][1]["content"] == [{"type": "text", "text": "a"}]


def test_a_claude_code_request_is_answered_by_a_chat_provider(
    gateway: Program, key: str, provider: ScriptedUpstream
) -> None:
    provider.script = chat_stream(["Done", "."], usage={"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11})
    body = {**claude_code.body(), "model": "chat/one"}
    client, data = ask(gateway, key, **body)
    assert client.status == 200
    summary = check_messages_stream(data, model="chat/one")
    assert (summary.text(), summary.stop_reason, summary.usage["input_tokens"]) == ("Done.", "end_turn", 9)
    assert provider.requests[-1].path == "/v1/chat/completions"


def test_a_stream_cut_by_the_provider_ends_in_an_error_event(
    gateway: Program, key: str, provider: ScriptedUpstream
) -> None:
    provider.script = answer(start(), text(0, "Hel")[:-1])
    summary = streamed(gateway, key)
    assert summary.text() == "Hel"
    assert summary.error is not None
    assert summary.error["type"] == "provider_error"
    assert gateway.leases() == 0


def test_errors_come_in_anthropics_envelope_with_their_status(gateway: Program, key: str) -> None:
    client, data = ask(gateway, key, thread={"type": "create"})
    body = orjson.loads(data)
    assert (client.status, body["type"], body["error"]["type"]) == (400, "error", "invalid_request_error")
    assert body["error"]["details"]["error_code"] == "thread_unsupported_request"
    assert body["request_id"] == client.headers["request-id"]


COUNT = "/v1/messages/count_tokens?beta=true"


def counted(gateway: Program, key: str, **body: Any) -> int:
    client, data = ask(gateway, key, COUNT, **body)
    assert client.status == 200, data
    assert not [name for name in client.headers if name.startswith("x-ratelimit")]
    result: int = orjson.loads(data)["input_tokens"]
    return result


def test_tokens_are_counted_by_the_provider_that_can(gateway: Program, key: str, provider: ScriptedUpstream) -> None:
    provider.script = json_reply({"input_tokens": 4321})
    assert counted(gateway, key, system="S", stream=True) == 4321
    request = provider.requests[-1]
    assert request.path == "/v1/messages/count_tokens"
    assert request.json() == {
        "model": "claude-opus-5",
        "system": "S",
        "messages": [USER],
    }


@pytest.mark.parametrize("script", [ShortError(404), ShortError(500), json_reply({"tokens": 1})])
def test_tokens_are_estimated_where_the_provider_fails(
    gateway: Program, key: str, provider: ScriptedUpstream, script: Any
) -> None:
    provider.script = script
    assert 0 < counted(gateway, key) < 50
    provider.script = answer(start(), text(0, "still there"), end())
    assert streamed(gateway, key).text() == "still there"


def test_counting_costs_nothing_and_asks_no_chat_provider(
    gateway: Program, key: str, provider: ScriptedUpstream
) -> None:
    asked = len(provider.requests)
    counts = [
        counted(gateway, key, model="chat/one", messages=[{"role": "user", "content": "word " * n}]) for n in (9, 900)
    ]
    counts += [counted(gateway, key, model="chat/one") for _ in range(5)]
    assert counts[1] > counts[0] * 20
    assert len(provider.requests) == asked
    provider.script = answer(start(), text(0, "a"), end())
    client, _ = ask(gateway, key, stream=True)
    assert client.headers["x-dailylimit-remaining"] == "2"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        pytest.param({"model": "no/such"}, "unknown aliased model", id="unknown alias"),
        pytest.param({"messages": []}, "missing prompt", id="no messages"),
    ],
)
def test_a_count_passes_the_gates_of_a_request(gateway: Program, key: str, body: Any, words: str) -> None:
    client, data = ask(gateway, key, COUNT, **body)
    assert client.status == 400
    assert words in orjson.loads(data)["error"]["message"]
    client, data = ask(gateway, "fta_wrong", COUNT)
    assert (client.status, orjson.loads(data)["error"]["type"]) == (401, "invalid_api_key")


COUNTS = 150


def test_many_counts_at_once_take_nothing_and_hold_up_no_stream(
    gateway: Program, provider: ScriptedUpstream, redis_server: RedisServer
) -> None:
    """Claude Code asks before every message: whoever streams must not feel it, and nobody's limits may move."""
    streaming, counting = (gateway.issue_key(f"counting-{next(_users)}") for _ in range(2))
    pieces = [step for number in range(250) for step in (event(_piece(number)), Delay(0.02))]
    provider.script = Reply([*map(event, [start(), *text(0)[:1]]), *pieces, *map(event, [*text(0)[-1:], *end()])])
    body = {**claude_code.body(), "model": "chat/one"}
    body["messages"] = [*body["messages"], {"role": "user", "content": "The words of a long file. " * 4000}]
    sent = orjson.dumps(body)
    with RawClient(gateway.port) as stream_client:
        asks: dict[str, Any] = {"model": "ant/opus", "max_tokens": 9, "messages": [USER], "stream": True}
        stream_client.post("/v1/messages", asks, streaming)
        stream_client.read_head().read_until(b"piece 3 ")
        reader = threading.Thread(target=stream_client.read_all)
        reader.start()
        before, came = _limit_state(redis_server), stream_client.body.count(b"piece ")
        had_written = _written(provider)
        asked = [RawClient(gateway.port).post(COUNT, sent, counting) for _ in range(COUNTS)]
        answers = [(client.read_head(), client.read_all()) for client in asked]
        during = stream_client.body.count(b"piece ") - came
        written = (_written(provider) - had_written) / len(event(_piece(100)))
        is_streaming = reader.is_alive()
        after = _limit_state(redis_server)
        counts = {orjson.loads(data)["input_tokens"] for _, data in answers}
        reader.join(30)
    assert [client.status for client, _ in answers] == [200] * COUNTS
    assert len(counts) == 1
    assert counts.pop() > 20_000
    told = {name for client, _ in answers for name in client.headers if "limit" in name or name == "retry-after"}
    assert not told, "a count is no part of any limit"
    assert after == before
    assert is_streaming, "the counts were answered while the stream ran"
    assert during >= 0.5 * written - 3, "what the provider wrote meanwhile reached the client meanwhile"
    assert written > 3
    assert stream_client.body.count(b"piece ") == 250


def _written(provider: ScriptedUpstream) -> int:
    return sum(connection.bytes_queued for connection in provider.connections)


def _piece(number: int) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": f"piece {number} "}}


def _limit_state(redis_server: RedisServer) -> dict[bytes, bytes]:
    """Every key of Redis with its value, but for leases (a running stream's is renewed) and who is here (no limit)."""
    reply = redis_server.command("KEYS", "*")
    keys = [line for line in reply.split(b"\r\n") if line and not line.startswith((b"*", b"$"))]
    return {key: redis_server.command("DUMP", key.decode()) for key in keys if not re.search(b"lease|:live:", key)}
