"""Start, signals, drain, reload, and what a running gateway takes over from commands."""

import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import orjson
import pytest

from fakes.upstream import Gate, ScriptedUpstream, chat_body, chat_events, chat_stream, run_in_thread, stream
from support.http_client import RawClient
from support.mongo_server import new_database, shared_server
from support.program import Program
from support.redis_server import RedisServer
from support.waiting import wait_until

CHAT: dict[str, Any] = {"model": "fake/one", "messages": [{"role": "user", "content": "Hi"}]}
MODELS = [{"id": "fake/one", "upstream_model": "model-1"}, {"id": "fake/two", "upstream_model": "model-1"}]


@pytest.fixture
def upstream() -> Iterator[ScriptedUpstream]:
    with run_in_thread() as server:
        yield server


@pytest.fixture
def make_program(
    tmp_path: Path, upstream: ScriptedUpstream, redis_server: RedisServer
) -> Iterator[Callable[..., Program]]:
    made: list[Program] = []
    database = new_database()

    def make(**sections: dict[str, Any]) -> Program:
        folder = tmp_path / str(len(made))
        folder.mkdir()
        everything = {
            "mongodb": {"url": shared_server().url, "database": database},
            "redis": {"url": redis_server.url, "prefix": database[-16:]},
            "providers.fake": {"base_url": f"{upstream.url}/v1"},
            **sections,
        }
        made.append(Program(folder, everything, MODELS))
        return made[-1]

    yield make
    for program in made:
        program.stop()


def ask(program: Program, key: str, **changes: Any) -> httpx2.Response:
    headers = {"Authorization": f"Bearer {key}"}
    return httpx2.post(f"{program.base_url}/chat/completions", json={**CHAT, **changes}, headers=headers, timeout=20)


def open_gate(gate: Gate) -> None:
    gate.event._loop.call_soon_threadsafe(gate.open)  # type: ignore[attr-defined]


def test_term_lets_running_streams_end_and_refuses_new_requests(
    make_program: Callable[..., Program], upstream: ScriptedUpstream
) -> None:
    program = make_program()
    program.start()
    key = program.issue_key("member")
    gate, events = Gate(), chat_events(["one", "two"])
    upstream.script = stream([*events[:2], gate, *events[2:]])
    running = RawClient(program.port).post("/v1/chat/completions", {**CHAT, "stream": True}, key).read_head()
    running.read_until(b"one")
    program.signal(signal.SIGTERM)
    wait_until(lambda: not program.is_ready(), 5)
    refused = ask(program, key)
    assert (refused.status_code, refused.json()["error"]["type"]) == (503, "server_error")
    assert int(refused.headers["retry-after"]) >= 1
    open_gate(gate)
    assert running.read_all().endswith(b"data: [DONE]\n\n")
    assert b"two" in running.body
    assert program.wait() == 0


def test_what_the_drain_outlasts_gets_its_error_and_its_end(
    make_program: Callable[..., Program], upstream: ScriptedUpstream
) -> None:
    program = make_program(server={"drain_seconds": 0.5})
    program.start()
    key = program.issue_key("member")
    upstream.script = stream([*chat_events(["one"])[:2], Gate()])
    running = RawClient(program.port).post("/v1/chat/completions", {**CHAT, "stream": True}, key).read_head()
    running.read_until(b"one")
    program.signal(signal.SIGTERM)
    body = running.read_all()
    assert body.endswith(b"data: [DONE]\n\n")
    assert b'"type":"server_error"' in body
    assert program.wait() == 0


def test_a_second_signal_ends_at_once(make_program: Callable[..., Program], upstream: ScriptedUpstream) -> None:
    program = make_program()
    program.start()
    key = program.issue_key("member")
    upstream.script = stream([*chat_events(["one"])[:2], Gate()])
    running = RawClient(program.port).post("/v1/chat/completions", {**CHAT, "stream": True}, key).read_head()
    running.read_until(b"one")
    program.signal(signal.SIGINT)
    wait_until(lambda: not program.is_ready(), 5)
    program.signal(signal.SIGINT)
    program.wait(5)


def test_a_killed_gateway_s_leases_expire(make_program: Callable[..., Program], upstream: ScriptedUpstream) -> None:
    program = make_program(limits={"lease_seconds": 5})
    program.start()
    key = program.issue_key("member")
    upstream.script = stream([*chat_events(["one"])[:2], Gate()])
    running = RawClient(program.port).post("/v1/chat/completions", {**CHAT, "stream": True}, key).read_head()
    running.read_until(b"one")
    program.signal(signal.SIGKILL)
    program.wait(5)
    program.start()
    upstream.script = chat_body("hi")
    refused = ask(program, key)
    assert (refused.status_code, refused.json()["error"]["type"]) == (429, "concurrency_limit_error")
    time.sleep(int(refused.headers["retry-after"]))
    answer = ask(program, key)
    assert answer.status_code == 200
    assert answer.headers["x-dailylimit-remaining"] == "249", "the killed request cost no success"


def test_a_long_stream_keeps_its_lease(make_program: Callable[..., Program], upstream: ScriptedUpstream) -> None:
    program = make_program(limits={"lease_seconds": 1})
    program.start()
    key = program.issue_key("member")
    gate, events = Gate(), chat_events(["one", "two"])
    upstream.script = stream([*events[:2], gate, *events[2:]])
    running = RawClient(program.port).post("/v1/chat/completions", {**CHAT, "stream": True}, key).read_head()
    running.read_until(b"one")
    time.sleep(2.5)
    assert ask(program, key).json()["error"]["type"] == "concurrency_limit_error"
    open_gate(gate)
    running.read_all()
    upstream.script = chat_body("hi")
    assert ask(program, key).status_code == 200


def test_one_slot_is_enough_for_one_call_after_the_other(
    make_program: Callable[..., Program], upstream: ScriptedUpstream
) -> None:
    program = make_program(
        limits={"tiers": [dict(level=1, minimum_invites=0, rate_limit_per_minute=1000, concurrency_limit=1)]}
    )
    program.start()
    key = program.issue_key("member")
    upstream.script = lambda request: chat_stream(["a"]) if request.json().get("stream") else chat_body("a")
    with httpx2.Client(headers={"Authorization": f"Bearer {key}"}, timeout=20) as client:
        for number in range(40):
            body = {**CHAT, "stream": bool(number % 2)}
            answer = client.post(f"{program.base_url}/chat/completions", json=body)
            assert answer.status_code == 200, answer.text


def test_hangup_takes_over_providers_and_limits_without_dropping_anyone(
    make_program: Callable[..., Program], upstream: ScriptedUpstream
) -> None:
    program = make_program()
    program.start()
    key = program.issue_key("member")
    gate, events = Gate(), chat_events(["one", "two"])
    upstream.script = stream([*events[:2], gate, *events[2:]])
    running = RawClient(program.port).post("/v1/chat/completions", {**CHAT, "stream": True}, key).read_head()
    running.read_until(b"one")
    tiers = [dict(level=1, minimum_invites=0, rate_limit_per_minute=77, concurrency_limit=9)]
    program.write_config({**program.sections, "limits": {"tiers": tiers}})
    program.signal(signal.SIGHUP)
    wait_until(lambda: any(line.get("event") == "configuration reloaded" for line in program.log_lines()), 5)
    open_gate(gate)
    assert running.read_all().endswith(b"data: [DONE]\n\n")
    upstream.script = chat_body("hi")
    assert ask(program, key).headers["x-ratelimit-limit"] == "77"
    program.config.write_text("[limits]\nmax_addresses = 'many'\n")
    program.signal(signal.SIGHUP)
    wait_until(lambda: any(line.get("event") == "configuration not reloaded" for line in program.log_lines()), 5)
    assert ask(program, key).headers["x-ratelimit-limit"] == "77"


def test_commands_are_seen_within_a_second(make_program: Callable[..., Program], upstream: ScriptedUpstream) -> None:
    program = make_program()
    program.start()
    key = program.issue_key("member")
    upstream.script = chat_body("hi")
    assert ask(program, key).status_code == 200

    def status() -> tuple[int, str]:
        answer = ask(program, key)
        return answer.status_code, answer.json().get("error", {}).get("type", "")

    steps: list[tuple[list[str], tuple[int, str]]] = [
        (["users", "set", "member", "--pause", "spam"], (403, "user_paused")),
        (["users", "set", "member", "--unpause", "--rate-limit", "1000"], (200, "")),
        (["bans", "add", "ip", "127.0.0.0/8", "--reason", "test"], (403, "ip_blacklisted")),
        (["bans", "remove", "ip", "127.0.0.0/8"], (200, "")),
        (["bans", "add", "client", "python-httpx*"], (403, "client_signature_banned")),
        (["bans", "remove", "client", "python-httpx*"], (200, "")),
        (["models", "disable", "fake/one"], (400, "invalid_request_error")),
        (["models", "enable", "fake/one"], (200, "")),
        (["keys", "revoke", "--user", "member"], (401, "invalid_api_key")),
    ]
    for command, expected in steps:
        program.cli(*command)
        wait_until(lambda expected=expected: status() == expected, 1.5)  # type: ignore[misc]


def test_a_direct_edit_of_the_catalog_is_seen(make_program: Callable[..., Program]) -> None:
    import pymongo

    program = make_program()
    program.start()
    headers = {"Authorization": f"Bearer {program.issue_key('member')}"}
    with pymongo.MongoClient[dict[str, Any]](shared_server().url) as client:
        models = client[str(program.sections["mongodb"]["database"])]["models"]
        models.update_one({"id": "fake/two"}, {"$set": {"enabled": False}})

    def aliases() -> list[str]:
        rows = httpx2.get(f"{program.base_url}/models", headers=headers).json()["data"]
        return [row["id"] for row in rows]

    wait_until(lambda: aliases() == ["fake/one"], 1.5)


@pytest.mark.parametrize(
    ("sections", "named"),
    [
        pytest.param({"mongodb": {"url": "mongodb://127.0.0.1:9/"}}, "mongodb.url", id="MongoDB away"),
        pytest.param({"redis": {"url": "redis://127.0.0.1:9"}}, "redis.url", id="Redis away"),
        pytest.param(
            {"providers.fake": {"base_url": "http://x/v1", "adapter": "nope"}}, "providers.fake", id="adapter"
        ),
        pytest.param({"server": {"prot": 1}}, "[server] prot", id="an unknown entry"),
    ],
)
def test_a_start_that_fails_says_why_in_one_line(
    make_program: Callable[..., Program], sections: dict[str, Any], named: str
) -> None:
    program = make_program(**sections)
    with pytest.raises(AssertionError):
        program.start()
    assert program.wait() == 1
    last = program.log_file.read_text().strip().splitlines()[-1]
    assert last.startswith("freetheai: ")
    assert named in last


def test_a_taken_port_says_so(make_program: Callable[..., Program]) -> None:
    first = make_program()
    first.start()
    second = make_program(server={"port": first.port})
    with pytest.raises(AssertionError):
        second.start()
    assert f"cannot listen on 127.0.0.1:{first.port}" in second.log_file.read_text()
    assert second.wait() == 1


def test_redis_and_mongodb_are_watched(make_program: Callable[..., Program], tmp_path: Path) -> None:
    folder = tmp_path / "own-redis"
    folder.mkdir()
    redis = RedisServer(folder)
    redis.start()
    try:
        program = make_program(redis={"url": redis.url, "prefix": "own"})
        program.start()
        key = program.issue_key("member")
        redis.stop()
        refused = ask(program, key)
        assert (refused.status_code, refused.json()["error"]["type"]) == (503, "server_error"), refused.text
        wait_until(lambda: not program.is_ready(), 5)
        redis.start()
        wait_until(program.is_ready, 10)
        answer = ask(program, key, model="fake/none")
        assert orjson.loads(answer.content)["error"]["message"].startswith("unknown aliased model")
    finally:
        program.stop()
        redis.stop()
