"""Redis and MongoDB go away under a running gateway: defined answers meanwhile, then all as before, no restart."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from fakes.upstream import Gate, ScriptedUpstream, chat_body, chat_events, chat_stream, stream
from freetheai import ids
from support.http_client import RawClient
from support.members import Members
from support.mongo_server import MongoServer
from support.program import Program
from support.redis_server import RedisServer
from support.waiting import patient

CHAT: dict[str, Any] = {"model": "fake/one", "messages": [{"role": "user", "content": "Hi"}]}
LIMITS = {
    "daily_success_limit": 100000,
    "max_addresses": 50,
    "tiers": [{"level": 1, "minimum_invites": 0, "rate_limit_per_minute": 100000, "concurrency_limit": 50}],
}
AWAY = (503, "server_error")
OK = (200, "")


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def mongo() -> Iterator[MongoServer]:
    server = MongoServer()
    yield server
    server.stop()


@pytest.fixture(autouse=True)
def _good_provider(upstream: ScriptedUpstream) -> None:
    upstream.script = lambda request: chat_stream(["a"]) if request.json().get("stream") else chat_body("a")


def ask(program: Program, key: str, **fields: Any) -> httpx2.Response:
    headers = {"x-api-key": key}
    # A hanging gateway fails here.
    return httpx2.post(f"{program.base_url}/chat/completions", json={**CHAT, **fields}, headers=headers, timeout=15)


def outcome(answer: httpx2.Response) -> tuple[int, str]:
    is_stream = answer.headers["content-type"].startswith("text/event-stream")
    return answer.status_code, "" if is_stream else answer.json().get("error", {}).get("type", "")


wait_until = patient(20.0)


def begin_stream(program: Program, upstream: ScriptedUpstream, key: str) -> tuple[RawClient, Gate]:
    """A stream that has said "one" and waits for the gate to say "two"."""
    gate, events = Gate(), chat_events(["one", "two"])
    upstream.script = stream([*events[:2], gate, *events[2:]])
    running = RawClient(program.port).post("/v1/chat/completions", {**CHAT, "stream": True}, key).read_head()
    running.read_until(b"one")
    return running, gate


def open_gate(gate: Gate) -> None:
    gate.event._loop.call_soon_threadsafe(gate.open)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("strike", "mend"),
    [
        pytest.param(RedisServer.stop, RedisServer.start, id="killed"),
        pytest.param(RedisServer.pause, RedisServer.resume, id="stands still"),
    ],
)
def test_redis_goes_while_a_stream_runs(
    make_program: Any,
    redis: RedisServer,
    upstream: ScriptedUpstream,
    strike: Callable[[RedisServer], None],
    mend: Callable[[RedisServer], None],
) -> None:
    program: Program
    members: Members
    program, members = make_program(redis={"url": redis.url, "prefix": "own"}, limits=LIMITS)
    (key,) = members.add("member")
    running, gate = begin_stream(program, upstream, key)
    strike(redis)
    try:
        for _ in range(3):
            refused = ask(program, key)
            assert outcome(refused) == AWAY
            assert int(refused.headers["retry-after"]) >= 1
        assert outcome(ask(program, ids.new_key())) == (401, "invalid_api_key"), "a wrong key is a wrong key"
        assert httpx2.get(f"{program.base_url}/models", headers={"x-api-key": key}).status_code == 200
        health = httpx2.get(f"{program.base_url}/health").json()
        assert health["status"] in ("ok", "degraded", "down")
        open_gate(gate)
        assert running.read_all().endswith(b"data: [DONE]\n\n"), "the stream needs no Redis"
        assert b"two" in running.body
    finally:
        mend(redis)
    upstream.script = chat_body("a")
    wait_until(lambda: outcome(ask(program, key)) == OK)
    # The stream's success was settled afterwards; nothing of the refused ones is held.
    wait_until(lambda: members.counters("member")[1] == 0)
    admitted, _, successes = members.counters("member")
    assert successes >= 2
    assert successes <= admitted
    wait_until(program.is_ready)
    assert program.leases() == 0


def test_a_redis_that_was_restarted_meanwhile_is_not_even_noticed(
    make_program: Any, redis: RedisServer, upstream: ScriptedUpstream
) -> None:
    program, members = make_program(redis={"url": redis.url, "prefix": "own"}, limits=LIMITS)
    (key,) = members.add("member")
    running, gate = begin_stream(program, upstream, key)
    redis.restart()
    upstream.script = chat_body("a")
    assert outcome(ask(program, key)) == OK
    open_gate(gate)
    assert running.read_all().endswith(b"data: [DONE]\n\n")
    wait_until(lambda: members.counters("member") == (2, 0, 2))


class Load:
    """Members who go on asking, whatever they are told."""

    def __init__(self, program: Program, keys: list[str]) -> None:
        self._seen: list[tuple[int, str]] = []
        self._program = program
        self._is_over = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(key,)) for key in keys]

    @property
    def outcomes(self) -> Counter[tuple[int, str]]:
        """What they were told so far, and how often."""
        return Counter(list(self._seen))

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        for thread in self._threads:
            thread.join(30)
            assert not thread.is_alive(), "a request hangs"

    def _run(self, key: str) -> None:
        number = 0
        while not self._is_over.is_set():
            number += 1
            # One step for the interpreter, whichever thread: an addition would be two.
            self._seen.append(outcome(ask(self._program, key, stream=bool(number % 2))))
            time.sleep(0.01)


def test_redis_is_killed_twice_under_load(make_program: Any, redis: RedisServer) -> None:
    program, members = make_program(redis={"url": redis.url, "prefix": "own"}, limits=LIMITS)
    names = [f"member-{number}" for number in range(6)]
    with Load(program, members.add(*names)) as load:
        for _ in range(2):
            served = load.outcomes[OK]
            wait_until(lambda served=served: load.outcomes[OK] > served + 20)  # type: ignore[misc]
            redis.stop()
            refused = load.outcomes[AWAY]
            wait_until(lambda refused=refused: load.outcomes[AWAY] > refused + 20)  # type: ignore[misc]
            redis.start()
        served = load.outcomes[OK]
        wait_until(lambda: load.outcomes[OK] > served + 20)
    assert set(load.outcomes) == {OK, AWAY}
    for name in names:
        wait_until(lambda name=name: members.counters(name)[1] == 0)  # type: ignore[misc]
    assert sum(members.counters(name)[2] for name in names) == load.outcomes[OK], "every success counts, once"


@pytest.mark.parametrize(
    ("strike", "mend"),
    [
        pytest.param(MongoServer.kill, MongoServer.start, id="killed"),
        pytest.param(MongoServer.freeze, MongoServer.thaw, id="stands still"),
    ],
)
def test_mongodb_goes_under_load(
    make_program: Any,
    mongo: MongoServer,
    strike: Callable[[MongoServer], None],
    mend: Callable[[MongoServer], None],
) -> None:
    program: Program
    members: Members
    program, members = make_program(mongodb={"url": mongo.url, "database": "own"}, limits=LIMITS)
    known = members.add(*(f"member-{number}" for number in range(4)))
    (late,) = members.add("late")
    with Load(program, known) as load:
        wait_until(lambda: load.outcomes[OK] > 20)
        strike(mongo)
        try:
            for _ in range(3):
                refused = ask(program, late)
                assert outcome(refused) == AWAY, "whose key it is can't be said"
                assert int(refused.headers["retry-after"]) >= 1
            assert outcome(ask(program, "fta_nonsense")) == (401, "invalid_api_key"), "that takes no database"
            served = load.outcomes[OK]
            wait_until(lambda: load.outcomes[OK] > served + 20)
            wait_until(lambda: not program.is_ready())
        finally:
            mend(mongo)
        wait_until(lambda: outcome(ask(program, late)) == OK)
        assert outcome(ask(program, ids.new_key())) == (401, "invalid_api_key")
        wait_until(program.is_ready)
    assert set(load.outcomes) <= {OK, AWAY}, "who is known is served, or told to come back"
    members.change("late", paused_reason="x")
    wait_until(lambda: outcome(ask(program, late)) == (403, "user_paused"))
