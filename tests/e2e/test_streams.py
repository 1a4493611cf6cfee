"""Streams through the whole program, whatever the provider or the client does; afterwards no lease is left."""

import time
from collections.abc import Iterator
from typing import Any

import orjson
import psutil
import pytest

from fakes.upstream import (
    Cut,
    Delay,
    Gate,
    Reply,
    Reset,
    ScriptedUpstream,
    ShortError,
    Silent,
    chat_body,
    chat_events,
    chat_stream,
    sse,
    stream,
)
from support.http_client import RawClient
from support.program import Program
from support.stream_rules import RequestFacts, check_chat_stream
from support.waiting import patient

CHAT: dict[str, Any] = {"model": "fake/one", "messages": [{"role": "user", "content": "Hi"}], "stream": True}
ERROR_END = b"data: [DONE]\n\n"


@pytest.fixture(autouse=True)
def no_lease_is_left(program: Program) -> Iterator[None]:
    yield
    wait_until(lambda: program.leases() == 0)


wait_until = patient(10.0)


def check_chat(body: bytes, alias: str = "fake/one") -> None:
    """The whole of a good answer."""
    assert check_chat_stream(body, RequestFacts(model=alias)).error is None


def open_gate(gate: Gate) -> None:
    """The scripted provider's loop runs in another thread."""
    gate.event._loop.call_soon_threadsafe(gate.open)  # type: ignore[attr-defined]


def stream_of(program: Program, key: str, body: dict[str, Any] = CHAT) -> RawClient:
    return RawClient(program.port).post("/v1/chat/completions", body, key).read_head()


def error_of(body: bytes) -> dict[str, Any]:
    """The error of the last event before `[DONE]`."""
    assert body.endswith(ERROR_END), body[-300:]
    event = body[: -len(ERROR_END)].rstrip().split(b"\n\n")[-1]
    error: dict[str, Any] = orjson.loads(event.removeprefix(b"data: "))["error"]
    return error


def test_a_good_stream_obeys_every_rule(program: Program, upstream: ScriptedUpstream, key: str) -> None:
    upstream.script = chat_stream(["a", "b", "c"], delay_s=0.01)
    client = stream_of(program, key)
    assert client.status == 200
    assert client.headers["content-type"].startswith("text/event-stream")
    assert client.headers["cache-control"] == "no-cache, no-store, no-transform"
    assert client.headers["x-accel-buffering"] == "no"
    assert "content-encoding" not in client.headers
    check_chat(client.read_all())


def test_tokens_come_as_they_are_made(program: Program, upstream: ScriptedUpstream, key: str) -> None:
    gate = Gate()
    events = chat_events(["first", "second"])
    upstream.script = stream([*events[:2], gate, *events[2:]])
    client = stream_of(program, key)
    assert b"second" not in client.read_until(b"first")
    open_gate(gate)
    check_chat(client.read_all())


@pytest.mark.parametrize("end", [Cut(), Reset()], ids=["closed", "reset"])
def test_a_stream_that_breaks_ends_with_an_error(
    program: Program, upstream: ScriptedUpstream, key: str, end: Cut | Reset
) -> None:
    upstream.script = stream([*chat_events(["one", "two"])[:3], Delay(0.1), end])
    body = stream_of(program, key).read_all()
    assert b"two" in body
    assert error_of(body)["type"] == "provider_error"
    assert b'"finish_reason":"stop"' not in body


def test_an_error_in_band_ends_the_stream_with_our_row(program: Program, upstream: ScriptedUpstream, key: str) -> None:
    upstream.script = stream(
        [*chat_events(["one"])[:2], *sse({"error": {"message": "Overloaded host.internal", "code": 529}}, done=False)]
    )
    body = stream_of(program, key).read_all()
    assert error_of(body)["type"] == "provider_unavailable"
    assert b"host.internal" not in body


@pytest.mark.parametrize(
    ("reply", "status", "error_type"),
    [
        pytest.param(ShortError(500), 502, "provider_error", id="500"),
        pytest.param(
            ShortError(503, b"<html><title>502</title></html>"), 503, "provider_unavailable", id="503 in HTML"
        ),
        pytest.param(ShortError(429), 429, "rate_limit_error", id="429"),
        pytest.param(ShortError(400), 400, "invalid_request_error", id="400"),
        pytest.param(
            ShortError(400, {"error": {"message": "maximum context length is 10 tokens", "code": "x"}}),
            400,
            "context_length_exceeded",
            id="too long",
        ),
        pytest.param(stream(sse({"error": {"message": "boom"}})), 502, "provider_error", id="an error as first event"),
        pytest.param(stream([b"data: [DONE]\n\n"]), 502, "provider_error", id="an end without a beginning"),
        pytest.param(stream(chat_events([])[:1]), 502, "provider_error", id="a role, then nothing"),
        pytest.param(stream([Cut()]), 502, "provider_error", id="nothing at all"),
        pytest.param(Reset(), 502, "provider_error", id="reset before the head"),
        pytest.param(Reply(parts=[b"<html>"], headers=[]), 502, "provider_error", id="HTML with a 200"),
        pytest.param(Silent(), 504, "provider_timeout", id="silence"),
    ],
)
def test_what_fails_before_output_keeps_its_status(
    program: Program, upstream: ScriptedUpstream, key: str, reply: Any, status: int, error_type: str
) -> None:
    upstream.script = reply
    for body in (CHAT, {**CHAT, "stream": False}):
        client = RawClient(program.port).post("/v1/chat/completions", body, key).read_head()
        error = orjson.loads(client.read_all())["error"]
        assert (client.status, error["type"]) == (status, error_type)
        if status in (429, 503):
            assert int(client.headers["retry-after"]) >= 1


def test_an_idle_provider_is_timed_out(program: Program, upstream: ScriptedUpstream, key: str) -> None:
    upstream.script = stream([*chat_events(["one"])[:2], Silent()])
    assert error_of(stream_of(program, key).read_all())["type"] == "provider_timeout"


@pytest.mark.parametrize(
    "opening",
    [
        pytest.param(ShortError(503), id="refused"),
        pytest.param(stream(chat_events([])[:1]), id="opened and closed"),
        pytest.param(stream(sse({"error": {"message": "overloaded"}})), id="an error in a 200"),
        pytest.param(Reset(), id="reset"),
    ],
)
def test_a_fallback_serves_what_has_not_begun(
    program: Program, upstream: ScriptedUpstream, spare: ScriptedUpstream, key: str, opening: Any
) -> None:
    upstream.script = opening
    spare.script = chat_stream(["from the spare"], model="model-2")
    client = stream_of(program, key, {**CHAT, "model": "fake/fallback"})
    body = client.read_all()
    check_chat(body, "fake/fallback")
    assert b"from the spare" in body
    assert b"model-2" not in body
    assert program.wait_for_line(client.headers["x-request-id"])["attempts"] == 2


def test_nothing_is_tried_again_once_output_went_out(
    program: Program, upstream: ScriptedUpstream, spare: ScriptedUpstream, key: str
) -> None:
    spare.requests.clear()
    upstream.script = stream([*chat_events(["one"])[:2], Delay(0.1), Reset()])
    assert error_of(stream_of(program, key, {**CHAT, "model": "fake/fallback"}).read_all())
    assert not spare.requests


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(stream([*chat_events(["one"])[:2], Silent()]), id="midway, the provider silent"),
        pytest.param(Silent(), id="before the head"),
        pytest.param(stream([Silent()]), id="after the head"),
        pytest.param(chat_stream(["x"] * 5000, delay_s=0.005), id="midway, the provider talking"),
    ],
)
@pytest.mark.parametrize("is_stream", [True, False], ids=["streamed", "plain"])
def test_a_client_that_leaves_closes_the_provider_s_connection(
    program: Program, upstream: ScriptedUpstream, key: str, script: Any, is_stream: bool
) -> None:
    upstream.script = script
    before = len(upstream.requests)
    client = RawClient(program.port).post("/v1/chat/completions", {**CHAT, "stream": is_stream}, key)
    wait_until(lambda: len(upstream.requests) > before)
    connection = upstream.requests[-1].connection
    time.sleep(0.1)
    assert connection.closed_at is None
    client.reset()
    wait_until(lambda: connection.closed_at is not None, timeout_s=1.5)
    wait_until(lambda: program.request_lines()[-1]["type"] == "client_canceled")
    assert program.request_lines()[-1]["status"] == 499


def test_a_client_that_leaves_costs_no_daily_success(program: Program, upstream: ScriptedUpstream, key: str) -> None:
    def remaining() -> int:
        upstream.script = chat_body("x")
        client = RawClient(program.port).post("/v1/chat/completions", {**CHAT, "stream": False}, key).read_head()
        client.read_all()
        return int(client.headers["x-dailylimit-remaining"])

    before = remaining()
    upstream.script = stream([*chat_events(["one"])[:2], Silent()])
    client = stream_of(program, key)
    client.read_until(b"one")
    client.reset()
    wait_until(lambda: program.leases() == 0)
    assert remaining() == before - 1


def test_a_reader_that_stops_stops_the_provider(program: Program, upstream: ScriptedUpstream, key: str) -> None:
    total = 200 * 2**20
    one = chat_events(["x" * 4000])[1]
    upstream.script = stream([*chat_events([])[:1], *([one] * 200), Gate()])
    process = psutil.Process(program.pid)
    upstream.script = _flood(total)
    client = RawClient(program.port, receive_buffer=65536)
    client.post("/v1/chat/completions", CHAT, key).read_head()
    client.read_until(b"xxx")
    connection = upstream.requests[-1].connection
    time.sleep(0.5)
    resident = process.memory_info().rss
    written = connection.bytes_written
    time.sleep(1.0)
    assert connection.bytes_written - written < 2**20, "the provider is still being read"
    assert process.memory_info().rss - resident < 16 * 2**20
    assert written < 32 * 2**20
    body = client.read_all()
    assert body.count(b"x") >= total * 0.99
    assert body.endswith(b"data: [DONE]\n\n")


def _flood(total: int) -> Reply:
    """A whole chat stream of about ``total`` bytes, as fast as it is read."""
    first, piece, last, done = chat_events(["x" * 100_000])
    return stream([first, *([piece] * (total // 100_000)), last, done])


def test_two_hundred_streams_run_side_by_side(program: Program, upstream: ScriptedUpstream, key: str) -> None:
    gate = Gate()
    events = chat_events(["one", "two"])
    upstream.script = lambda request: stream([*events[:2], gate, *events[2:]])
    clients = [RawClient(program.port).post("/v1/chat/completions", CHAT, key) for _ in range(200)]
    for client in clients:
        client.read_head().read_until(b"one")
    assert program.leases() == 200
    open_gate(gate)
    for client in clients:
        check_chat(client.read_all())
        client.socket.close()


def test_connections_to_a_provider_are_used_again(program: Program, upstream: ScriptedUpstream, key: str) -> None:
    upstream.script = chat_stream(["a"])
    used = set()
    for _ in range(5):
        stream_of(program, key).read_all()
        used.add(id(upstream.requests[-1].connection))
    assert len(used) <= 2


def test_a_slow_start_gets_its_head_and_keep_alives(program: Program, upstream: ScriptedUpstream, key: str) -> None:
    # The provider keeps its connection alive with comments, so its own idle time-out does not end it.
    comments = [step for _ in range(12) for step in (b": working\n\n", Delay(1.0))]
    upstream.script = stream([*comments, *chat_events(["late"])])
    client = RawClient(program.port).post("/v1/chat/completions", CHAT, key)
    client.read_head()
    assert client.status == 200
    body = client.read_all()
    assert body.startswith(b":")
    assert b"working" not in body
    check_chat(body)


def test_a_failure_after_the_head_went_out_alone_is_an_event(
    program: Program, upstream: ScriptedUpstream, key: str
) -> None:
    comments = [step for _ in range(11) for step in (b": working\n\n", Delay(1.0))]
    upstream.script = stream([*comments, Reset()])
    client = RawClient(program.port).post("/v1/chat/completions", CHAT, key).read_head()
    assert client.status == 200
    assert error_of(client.read_all())["type"] == "provider_error"
