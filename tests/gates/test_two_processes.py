"""Two gateways on one Redis are one gateway; and what does not succeed costs nothing."""

import itertools
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest

from fakes.upstream import (
    Cut,
    CutAfter,
    Gate,
    Reset,
    ScriptedUpstream,
    ShortError,
    Silent,
    chat_body,
    chat_events,
    chat_stream,
    json_reply,
    sse,
    stream,
)
from support.http_client import RawClient
from support.members import Members
from support.program import Program
from support.waiting import patient

CHAT: dict[str, Any] = {"model": "fake/one", "messages": [{"role": "user", "content": "Hi"}]}
LIMIT = 10
LIMITS = {
    "daily_success_limit": 1000,
    "max_addresses": 50,
    "lease_seconds": 2,
    "tiers": [
        {"level": 1, "minimum_invites": 0, "rate_limit_per_minute": 400, "concurrency_limit": 300},
        {"level": 2, "minimum_invites": 2, "rate_limit_per_minute": 401, "concurrency_limit": 301},
    ],
}
Two = tuple[Program, Program, Members]


@pytest.fixture(scope="module")
def two(make_program: Any, upstream: ScriptedUpstream) -> Two:
    # Each failure has a provider of its own: some make a credential rest, as they should.
    timeouts = {"connect": 2, "first_byte": 1, "idle": 1, "total": 20}
    prefixes = [f"p{number}" for number in range(2 * len(FAILURES) + len(STREAM_FAILURES))]
    providers = {
        f"providers.{prefix}": {"base_url": f"{upstream.url}/v1", "timeouts": timeouts, "cooldown_seconds": 0}
        for prefix in prefixes
    }
    models = [{"id": f"{prefix}/one"} for prefix in ("fake", *prefixes)]
    first, members = make_program(models, limits=LIMITS, **providers)
    second, _ = make_program(models, like=first, limits=LIMITS, **providers)
    return first, second, members


wait_until = patient(15.0)


def ask(program: Program, key: str, **fields: Any) -> httpx2.Response:
    headers = {"x-api-key": key}
    return httpx2.post(f"{program.base_url}/chat/completions", json={**CHAT, **fields}, headers=headers, timeout=30)


def at_once(two: Two, key: str, count: int) -> list[httpx2.Response]:
    """``count`` requests at the same moment, half to each process."""
    together = threading.Barrier(count)

    def one(number: int) -> httpx2.Response:
        together.wait(30)
        return ask(two[number % 2], key, stream=bool(number % 3))

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))


def test_two_hundred_at_once_against_a_limit_of_ten_admit_exactly_ten(two: Two, upstream: ScriptedUpstream) -> None:
    program, _, members = two
    upstream.script = lambda request: chat_stream(["a"]) if request.json().get("stream") else chat_body("a")
    (key,) = members.add("crowd")
    used = 400 - LIMIT
    members.fill_minute("crowd", used)
    answers = at_once(two, key, 200)
    statuses = [answer.status_code for answer in answers]
    assert (statuses.count(200), statuses.count(429)) == (LIMIT, 190), [
        answer.text for answer in answers if answer.status_code not in (200, 429)
    ]
    assert all(answer.json()["error"]["type"] == "rate_limit_error" for answer in answers if answer.status_code == 429)
    left = sorted(int(answer.headers["x-ratelimit-remaining"]) for answer in answers if answer.status_code == 200)
    assert left == list(range(LIMIT)), "each was told its own place"
    wait_until(lambda: members.counters("crowd") == (400, 0, LIMIT))
    assert ask(program, key).headers["x-dailylimit-remaining"] == str(1000 - LIMIT)


def test_one_success_left_is_one_success_however_many_run(two: Two, upstream: ScriptedUpstream) -> None:
    _, _, members = two
    upstream.script = lambda request: chat_stream(["a"]) if request.json().get("stream") else chat_body("a")
    (key,) = members.add("last-one")
    members.fill_day("last-one", 999)
    answers = at_once(two, key, 60)
    statuses = [answer.status_code for answer in answers]
    assert (statuses.count(200), statuses.count(429)) == (1, 59)
    for answer in answers:
        assert answer.headers["x-dailylimit-remaining"] == "0"
        if answer.status_code == 429:
            assert answer.headers["x-should-retry"] == "false"
            assert answer.headers["retry-after"] == answer.headers["x-dailylimit-reset"]
    wait_until(lambda: members.counters("last-one")[1:] == (0, 1000))


def test_one_success_left_survives_any_number_of_failures(two: Two, upstream: ScriptedUpstream) -> None:
    program, other, members = two
    (key,) = members.add("unlucky")
    members.fill_day("unlucky", 999)
    for number in range(6):
        upstream.script = [ShortError(500), CutAfter(40, chat_body("a"))][number % 2]
        assert ask((program, other)[number % 2], key).status_code == 502
    upstream.script = chat_body("a")
    assert ask(other, key).status_code == 200
    assert ask(program, key).status_code == 429


EMPTY = {"id": "c", "object": "chat.completion", "created": 1, "model": "m"}
FAILURES = [
    pytest.param(ShortError(500), id="broken"),
    pytest.param(ShortError(400), id="payload refused"),
    pytest.param(ShortError(401), id="our credential refused"),
    pytest.param(ShortError(429), id="provider limited"),
    pytest.param(ShortError(503, b"<html>"), id="a proxy's page"),
    pytest.param(Silent(), id="silent"),
    pytest.param(Reset(), id="reset"),
    pytest.param(Cut(), id="closed"),
    pytest.param(ShortError(200, b"not json"), id="no JSON"),
    pytest.param(json_reply({**EMPTY, "choices": []}), id="no choice"),
]
STREAM_FAILURES = [
    pytest.param(stream([]), id="an empty stream"),
    pytest.param(stream([*chat_events(["one", "two"])[:3], Cut()]), id="cut after output"),
    pytest.param(stream([*chat_events(["one", "two"])[:3], Silent()]), id="silent after output"),
    pytest.param(stream(sse({"error": {"message": "no", "code": 500}})), id="an error in band"),
    pytest.param(stream(chat_events([])), id="a clean end without output"),
]


_prefixes = (f"p{number}" for number in itertools.count())


@pytest.mark.parametrize("is_stream", [False, True], ids=["plain", "streamed"])
@pytest.mark.parametrize("part", FAILURES)
def test_a_failure_costs_no_success(two: Two, upstream: ScriptedUpstream, part: Any, is_stream: bool) -> None:
    costs_nothing(two, upstream, part, is_stream=is_stream)


@pytest.mark.parametrize("part", STREAM_FAILURES)
def test_a_stream_that_fails_costs_no_success(two: Two, upstream: ScriptedUpstream, part: Any) -> None:
    costs_nothing(two, upstream, part, is_stream=True)


def costs_nothing(two: Two, upstream: ScriptedUpstream, part: Any, *, is_stream: bool) -> None:
    program, _, members = two
    prefix = next(_prefixes)
    (key,) = members.add(prefix)
    upstream.script, asked = part, upstream.request_count
    answer = ask(program, key, model=f"{prefix}/one", stream=is_stream)
    assert upstream.request_count > asked, answer.text
    wait_until(lambda: members.counters(prefix) == (1, 0, 0))


def test_a_killed_process_s_leases_are_free_for_the_other_when_they_expire(
    two: Two, upstream: ScriptedUpstream, make_program: Any
) -> None:
    first, _, members = two
    third, _ = make_program(like=first, limits=LIMITS)
    (key,) = members.add("orphan")
    upstream.script = stream([*chat_events(["one"])[:2], Gate()])
    streams = [
        RawClient(third.port).post("/v1/chat/completions", {**CHAT, "stream": True}, key).read_head() for _ in range(3)
    ]
    for running in streams:
        running.read_until(b"one")
    assert members.counters("orphan") == (3, 3, 3)
    third.signal(signal.SIGKILL)
    third.wait(5)
    killed_s = time.monotonic()
    upstream.script = chat_body("a")
    answer = ask(first, key)
    assert answer.headers["x-concurrency-remaining"] == str(300 - 4), "held until they expire"
    wait_until(lambda: ask(first, key).headers["x-concurrency-remaining"] == str(300 - 1))
    assert time.monotonic() - killed_s < 30
    successes = members.counters("orphan")
    assert successes[2] == successes[0] - 3, "what the crash broke off costs no success"
