"""The examples for nginx and Caddy, run where the programs are: streams pass at once, addresses and limits hold."""

import time
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from fakes.upstream import Gate, ScriptedUpstream, chat_body, chat_events, stream
from support.http_client import RawClient
from support.members import Members
from support.program import Program
from support.proxies import PROXIES, Proxy

CHAT: dict[str, Any] = {"model": "fake/one", "messages": [{"role": "user", "content": "Hi"}]}


@pytest.fixture(scope="module")
def programs(house: Any) -> list[Program]:
    """Two processes on ports of their own."""
    started: list[Program] = house.start(2, is_shared=False)
    return started


@pytest.fixture(scope="module", params=PROXIES, ids=["nginx", "caddy"])
def proxy(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, programs: list[Program]
) -> Iterator[Proxy]:
    """Without TLS."""
    made: Proxy = request.param(tmp_path_factory.mktemp("proxy"), [program.port for program in programs])
    with made.running():
        yield made


def test_a_stream_passes_piece_by_piece(proxy: Proxy, upstream: ScriptedUpstream, members: Members) -> None:
    (key,) = members.add(f"streaming-{proxy.port}")
    gate, events, before = Gate(), chat_events(["one", "two"]), upstream.script
    upstream.script = stream([*events[:2], gate, *events[2:]])
    try:
        with RawClient(proxy.port) as client:
            client.post("/v1/chat/completions", {**CHAT, "stream": True}, key).read_head()
            client.read_until(b"one")  # nobody holds it back until there is more
            assert b"two" not in client.body
            while (loop := gate.event._loop) is None:  # type: ignore[attr-defined]
                time.sleep(0.01)  # the upstream has not come to it yet
            loop.call_soon_threadsafe(gate.open)
            assert client.read_all().endswith(b"data: [DONE]\n\n")
    finally:
        upstream.script = before


def test_a_client_that_leaves_is_noticed(
    proxy: Proxy, upstream: ScriptedUpstream, members: Members, programs: list[Program]
) -> None:
    (key,) = members.add(f"leaving-{proxy.port}")
    events, before = chat_events(["one", "two"]), upstream.script
    upstream.script = stream([*events[:2], Gate()])
    try:
        client = RawClient(proxy.port).post("/v1/chat/completions", {**CHAT, "stream": True}, key).read_head()
        client.read_until(b"one")
        client.socket.close()
        deadline_s = time.monotonic() + 10
        while sum(program.leases() for program in programs):
            assert time.monotonic() < deadline_s, "the lease stays"
            time.sleep(0.05)
    finally:
        upstream.script = before


def test_a_made_up_address_is_not_believed(proxy: Proxy, members: Members, programs: list[Program]) -> None:
    (key,) = members.add(f"lying-{proxy.port}")
    headers = {"Authorization": f"Bearer {key}", "X-Forwarded-For": "203.0.113.7"}
    answer = httpx2.post(f"http://127.0.0.1:{proxy.port}/v1/chat/completions", json=CHAT, headers=headers, timeout=20)
    assert answer.status_code == 200
    deadline_s = time.monotonic() + 10
    line = None
    while line is None:
        assert time.monotonic() < deadline_s, "the request is not logged"
        logged = [line for program in programs for line in program.request_lines()]
        line = next((line for line in logged if line["request_id"] == answer.headers["x-request-id"]), None)
    assert line["address"] == "127.0.0.1"


def test_a_large_body_passes(proxy: Proxy, upstream: ScriptedUpstream, members: Members) -> None:
    (key,) = members.add(f"large-{proxy.port}")
    before = upstream.script
    upstream.script = chat_body("Aye.")
    body = {**CHAT, "messages": [{"role": "user", "content": "word " * 1_000_000}]}
    headers = {"Authorization": f"Bearer {key}"}
    try:
        answer = httpx2.post(
            f"http://127.0.0.1:{proxy.port}/v1/chat/completions", json=body, headers=headers, timeout=60
        )
        assert answer.status_code == 200
    finally:
        upstream.script = before


def test_a_process_that_is_gone_is_not_missed(proxy: Proxy, members: Members, programs: list[Program]) -> None:
    (key,) = members.add(f"gone-{proxy.port}")
    programs[1].stop()
    headers = {"Authorization": f"Bearer {key}"}
    url, noticed_s = f"http://127.0.0.1:{proxy.port}/v1/chat/completions", time.monotonic() + proxy.notices_s
    statuses: list[int] = []
    while statuses[-6:] != [200] * 6:
        statuses.append(httpx2.post(url, json=CHAT, headers=headers, timeout=20).status_code)
        assert statuses[-1] == 200 or (statuses[-1] == 502 and time.monotonic() < noticed_s), statuses
    programs[1].start()
