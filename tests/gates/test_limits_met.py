"""Each of the four limits as a real client meets it: the OpenAI SDK, streaming, and what its answer's headers say."""

import itertools
import time
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from openai import OpenAI

from fakes.upstream import Gate, ScriptedUpstream, chat_body, chat_events, chat_stream, stream
from support.http_client import RawClient
from support.members import Members
from support.program import Program

A_MINUTE, A_DAY = 3, 2
LIMITS = {
    "daily_success_limit": A_DAY,
    "max_addresses": 2,
    "tiers": [
        {"level": 1, "minimum_invites": 0, "rate_limit_per_minute": A_MINUTE, "concurrency_limit": 1},
        {"level": 2, "minimum_invites": 3, "rate_limit_per_minute": 100, "concurrency_limit": 10},
    ],
}
HELLO: list[Any] = [{"role": "user", "content": "Hi"}]
CHAT = {"model": "fake/one", "messages": HELLO, "stream": True}
MANY = {"daily_success_limit": 100}
_users = itertools.count(1)


@pytest.fixture(scope="module")
def house(make_program: Any) -> tuple[Program, Members]:
    made: tuple[Program, Members] = make_program(limits=LIMITS)
    return made


@pytest.fixture(autouse=True)
def _good_provider(upstream: ScriptedUpstream) -> None:
    upstream.script = lambda request: chat_stream(["a"]) if request.json().get("stream") else chat_body("a")


def member(house: tuple[Program, Members], **fields: Any) -> tuple[str, str]:
    name = f"member-{next(_users)}"
    return name, house[1].add(name, **fields)[0]


def sdk(program: Program, key: str, *, retries: int = 0) -> OpenAI:
    return OpenAI(api_key=key, base_url=program.base_url, max_retries=retries, timeout=20)


def say(client: OpenAI) -> dict[str, str]:
    """One streamed answer to its end; the headers it came with."""
    with client.chat.completions.with_streaming_response.create(
        model="fake/one", messages=HELLO, stream=True
    ) as answer:
        assert "[DONE]" in answer.read().decode()
        return dict(answer.headers)


def refused(client: OpenAI) -> tuple[openai.RateLimitError, dict[str, str]]:
    with pytest.raises(openai.RateLimitError) as raised:
        say(client)
    raised.value.response.read()
    return raised.value, dict(raised.value.response.headers)


def gauges(headers: dict[str, str], name: str) -> tuple[int, int, int]:
    limit, remaining, reset = (int(headers[f"x-{name}-{each}"]) for each in ("limit", "remaining", "reset"))
    return limit, remaining, reset


def begin(program: Program, upstream: ScriptedUpstream, key: str, address: str) -> tuple[RawClient, Gate]:
    """A stream from ``address`` that goes on until its gate is opened."""
    gate, events = Gate(), chat_events(["one", "two"])
    upstream.script = stream([*events[:2], gate, *events[2:]])
    running = RawClient(program.port).post("/v1/chat/completions", CHAT, key, {"X-Forwarded-For": address}).read_head()
    if running.status == 200:
        running.read_until(b"one")
    return running, gate


def end(streams: list[tuple[RawClient, Gate]]) -> None:
    for running, gate in streams:
        gate.event._loop.call_soon_threadsafe(gate.open)  # type: ignore[attr-defined]
        running.read_all()


def test_the_minute(house: tuple[Program, Members]) -> None:
    name, key = member(house, overrides=MANY)
    client = sdk(house[0], key)
    for left in (2, 1, 0):
        headers = say(client)
        assert gauges(headers, "ratelimit")[:2] == (A_MINUTE, left)
        assert gauges(headers, "concurrency") == (1, 0, 5)
        assert gauges(headers, "dailylimit")[:2] == (100, 97 + left)
    error, headers = refused(client)
    assert error.type == "rate_limit_error"
    assert "3 requests a minute" in error.message
    assert 50 <= int(headers["retry-after"]) <= 60
    assert headers["retry-after"] == headers["x-ratelimit-reset"]
    assert "x-should-retry" not in headers, "a minute is worth waiting for"
    assert gauges(headers, "concurrency")[1] == 1
    assert house[1].counters(name) == (3, 0, 3)


def test_the_sdk_that_waits_as_it_is_told_is_served(house: tuple[Program, Members]) -> None:
    program, members = house
    name, key = member(house, overrides=MANY)
    members.fill_minute(name, A_MINUTE, ago_s=58.2)
    said = say(sdk(program, key, retries=1))
    assert gauges(said, "ratelimit")[:2] == (A_MINUTE, A_MINUTE - 1)
    lines = [line for line in program.request_lines() if line["user_id"] == name]
    assert [line["status"] for line in lines] == [429, 200], "it asked twice: no sooner, and no later, than it was told"


def test_the_day_which_no_sdk_sits_through(house: tuple[Program, Members]) -> None:
    program, members = house
    name, key = member(house)
    client = sdk(program, key, retries=3)
    for left in (1, 0):
        assert gauges(say(client), "dailylimit")[:2] == (A_DAY, left)
    to_midnight_s = 86400 - time.time() % 86400
    error, headers = refused(client)
    assert error.type == "rate_limit_error"
    assert "They reset at 00:00 UTC" in error.message
    assert headers["retry-after"] == headers["x-dailylimit-reset"]
    assert abs(int(headers["retry-after"]) - to_midnight_s) < 30
    assert headers["x-should-retry"] == "false"
    # The line of an answer is written after the answer.
    deadline_s = time.monotonic() + 10
    while len(lines := [line for line in program.request_lines() if line["user_id"] == name]) < 3:
        assert time.monotonic() < deadline_s, lines
        time.sleep(0.05)
    assert [line["status"] for line in lines] == [200, 200, 429], "asked once"
    assert members.counters(name) == (2, 0, 2)


def test_slots(house: tuple[Program, Members], upstream: ScriptedUpstream) -> None:
    program, members = house
    name, key = member(house, overrides=MANY)
    running, gate = begin(program, upstream, key, "198.51.100.1")
    error, headers = refused(sdk(program, key))
    assert error.type == "concurrency_limit_error"
    assert error.message.startswith("Error code: 429")
    assert "Wait for your active request to finish. Your limit is 1 at the same time." in error.message
    assert gauges(headers, "concurrency") == (1, 0, int(headers["retry-after"]))
    assert 1 <= int(headers["retry-after"]) <= 5
    assert "x-should-retry" not in headers
    assert members.counters(name) == (1, 1, 1), "running, and its success reserved"
    end([(running, gate)])
    upstream.script = chat_stream(["a"])
    assert gauges(say(sdk(program, key)), "concurrency") == (1, 0, 5), "free the moment the stream has ended"


@pytest.mark.parametrize(
    ("first", "second", "third", "is_let_in"),
    [
        pytest.param("198.51.100.1", "198.51.100.2", "198.51.100.3", False, id="three IPv4 addresses"),
        pytest.param("198.51.100.1", "198.51.100.2", "198.51.100.1", True, id="one of two again"),
        pytest.param("198.51.100.1", "::ffff:198.51.100.1", "198.51.100.3", True, id="an IPv4 address written as IPv6"),
        pytest.param("2001:db8:1:1::1", "2001:db8:1:1:9::2", "2001:db8:1:1:ffff::3", True, id="one IPv6 subscriber"),
        pytest.param("2001:db8:1:1::1", "2001:db8:1:1:9::2", "198.51.100.1", True, id="and another address"),
        pytest.param("2001:db8:1:1::1", "2001:db8:1:2::1", "2001:db8:1:3::1", False, id="three IPv6 subscribers"),
    ],
)
def test_addresses_at_once(
    house: tuple[Program, Members], upstream: ScriptedUpstream, first: str, second: str, third: str, is_let_in: bool
) -> None:
    program, _ = house
    _, key = member(house, invites=3, overrides=MANY)
    streams = [begin(program, upstream, key, address) for address in (first, second)]
    last = begin(program, upstream, key, third)
    try:
        assert [running.status for running, _ in streams] == [200, 200]
        if is_let_in:
            assert last[0].status == 200
        else:
            assert last[0].status == 429
            body = last[0].read_all()
            assert b'"type":"rate_limit_error"' in body
            assert b"at most 2 network addresses at once" in body
            assert last[0].headers["retry-after"] == last[0].headers["x-concurrency-reset"]
            assert last[0].headers["x-concurrency-remaining"] == "8", "slots are not what binds"
    finally:
        end([each for each in (*streams, last) if each[0].status == 200])


@pytest.fixture(scope="module", autouse=True)
def _nothing_is_held(house: tuple[Program, Members]) -> Iterator[None]:
    yield
    assert house[0].leases() == 0
