"""The examples for nginx and Caddy, run where the programs are: streams pass at once, addresses and limits hold."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from fakes.upstream import Gate, ScriptedUpstream, chat_body, chat_events, stream
from support.house import ROOT
from support.http_client import RawClient
from support.members import Members
from support.program import Program, free_port

CHAT: dict[str, Any] = {"model": "fake/one", "messages": [{"role": "user", "content": "Hi"}]}
EXAMPLES = ROOT / "docs" / "operations"


def nginx(folder: Path, port: int, ports: list[int]) -> list[str]:
    """The example without its certificate, on the test's ports."""
    text = (EXAMPLES / "nginx.conf").read_text()
    text = text[: text.index("server {\n    listen 80;")] + text[text.index("server {\n    listen 443") :]
    for example, own in {
        "listen 443 ssl;": f"listen 127.0.0.1:{port};",
        "127.0.0.1:8080": f"127.0.0.1:{ports[0]}",
        "127.0.0.1:8081": f"127.0.0.1:{ports[1]}",
    }.items():
        assert example in text
        text = text.replace(example, own)
    text = "".join(line for line in text.splitlines(keepends=True) if "ssl_certificate" not in line)
    frame = f"daemon off; error_log stderr; pid {folder}/pid; events {{}} http {{ access_log off;"
    for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"):
        frame += f" {name}_temp_path {folder}/{name};"
    (folder / "nginx.conf").write_text(f"{frame}\n{text}\n}}\n")
    return ["nginx", "-c", str(folder / "nginx.conf"), "-p", str(folder)]


def caddy(folder: Path, port: int, ports: list[int]) -> list[str]:
    """The example without TLS, on the test's ports."""
    text = (EXAMPLES / "Caddyfile").read_text()
    for example, own in {
        "api.example.org {": f"http://:{port} {{\n\tbind 127.0.0.1",
        "127.0.0.1:8080": f"127.0.0.1:{ports[0]}",
        "127.0.0.1:8081": f"127.0.0.1:{ports[1]}",
    }.items():
        assert example in text
        text = text.replace(example, own)
    (folder / "Caddyfile").write_text("{\n\tadmin off\n}\n" + text)
    return [os.environ.get("CADDY", "caddy"), "run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"]


@pytest.fixture(scope="module")
def programs(house: Any) -> list[Program]:
    """Two processes on ports of their own."""
    started: list[Program] = house.start(2, is_shared=False)
    return started


@pytest.fixture(scope="module", params=[nginx, caddy], ids=["nginx", "caddy"])
def proxy(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, programs: list[Program]
) -> Iterator[int]:
    make: Callable[[Path, int, list[int]], list[str]] = request.param
    folder, port = tmp_path_factory.mktemp("proxy"), free_port()
    command = make(folder, port, [program.port for program in programs])
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed here")
    home = {**os.environ, "HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    with (folder / "log.txt").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=home)
    deadline_s = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            break
        except OSError:
            assert process.poll() is None, (folder / "log.txt").read_text()
            assert time.monotonic() < deadline_s
            time.sleep(0.05)
    yield port
    process.terminate()
    process.wait(20)


def test_a_stream_passes_piece_by_piece(proxy: int, upstream: ScriptedUpstream, members: Members) -> None:
    (key,) = members.add(f"streaming-{proxy}")
    gate, events, before = Gate(), chat_events(["one", "two"]), upstream.script
    upstream.script = stream([*events[:2], gate, *events[2:]])
    try:
        with RawClient(proxy) as client:
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
    proxy: int, upstream: ScriptedUpstream, members: Members, programs: list[Program]
) -> None:
    (key,) = members.add(f"leaving-{proxy}")
    events, before = chat_events(["one", "two"]), upstream.script
    upstream.script = stream([*events[:2], Gate()])
    try:
        client = RawClient(proxy).post("/v1/chat/completions", {**CHAT, "stream": True}, key).read_head()
        client.read_until(b"one")
        client.socket.close()
        deadline_s = time.monotonic() + 10
        while sum(program.leases() for program in programs):
            assert time.monotonic() < deadline_s, "the lease stays"
            time.sleep(0.05)
    finally:
        upstream.script = before


def test_a_made_up_address_is_not_believed(proxy: int, members: Members, programs: list[Program]) -> None:
    (key,) = members.add(f"lying-{proxy}")
    headers = {"Authorization": f"Bearer {key}", "X-Forwarded-For": "203.0.113.7"}
    answer = httpx2.post(f"http://127.0.0.1:{proxy}/v1/chat/completions", json=CHAT, headers=headers, timeout=20)
    assert answer.status_code == 200
    logged = [line for program in programs for line in program.request_lines()]
    (line,) = [line for line in logged if line["request_id"] == answer.headers["x-request-id"]]
    assert line["address"] == "127.0.0.1"


def test_a_large_body_passes(proxy: int, upstream: ScriptedUpstream, members: Members) -> None:
    (key,) = members.add(f"large-{proxy}")
    before = upstream.script
    upstream.script = chat_body("Aye.")
    body = {**CHAT, "messages": [{"role": "user", "content": "word " * 1_000_000}]}
    headers = {"Authorization": f"Bearer {key}"}
    try:
        answer = httpx2.post(f"http://127.0.0.1:{proxy}/v1/chat/completions", json=body, headers=headers, timeout=60)
        assert answer.status_code == 200
    finally:
        upstream.script = before


def test_a_process_that_is_gone_is_not_missed(proxy: int, members: Members, programs: list[Program]) -> None:
    (key,) = members.add(f"gone-{proxy}")
    programs[1].stop()
    headers = {"Authorization": f"Bearer {key}"}
    for _ in range(6):
        answer = httpx2.post(f"http://127.0.0.1:{proxy}/v1/chat/completions", json=CHAT, headers=headers, timeout=20)
        assert answer.status_code == 200
    programs[1].start()
