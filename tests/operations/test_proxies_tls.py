"""The examples for nginx and Caddy with TLS: HTTP/2 to the client, piece by piece, and a reload that cuts nothing."""

import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import orjson
import pycurl
import pytest

from fakes.upstream import Gate, ScriptedUpstream, chat_body, chat_events, stream
from support.members import Members
from support.program import Program
from support.proxies import PROXIES, Proxy

PIECES = ["one", "two", "three", "four"]
CHAT: dict[str, Any] = {"model": "fake/one", "messages": [{"role": "user", "content": "Hi"}]}
# libcurl's number for it (CURLINFO_HTTP_VERSION).
HTTP_2 = 3


class SecureClient:
    """One request over TLS, as its body comes in; what was agreed on is there at the end."""

    def __init__(self, port: int, key: str, body: dict[str, Any]) -> None:
        self.body = bytearray()
        self.status = self.version = 0
        curl = pycurl.Curl()
        curl.setopt(pycurl.URL, f"https://127.0.0.1:{port}/v1/chat/completions")
        curl.setopt(pycurl.HTTPHEADER, [f"Authorization: Bearer {key}", "Content-Type: application/json"])
        curl.setopt(pycurl.POSTFIELDS, orjson.dumps(body))
        curl.setopt(pycurl.SSL_VERIFYPEER, 0)  # the certificate is the test's own
        curl.setopt(pycurl.SSL_VERIFYHOST, 0)
        curl.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_2TLS)
        curl.setopt(pycurl.TIMEOUT, 60)
        curl.setopt(pycurl.WRITEFUNCTION, self.body.extend)
        self._curl = curl
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> Self:
        self._thread.start()
        return self

    def wait(self) -> Self:
        self._thread.join(60)
        assert not self._thread.is_alive()
        return self

    def wait_for(self, text: bytes) -> None:
        deadline_s = time.monotonic() + 20
        while text not in self.body:
            assert time.monotonic() < deadline_s, f"never came: {text!r} in {bytes(self.body[-300:])!r}"
            time.sleep(0.005)

    def _run(self) -> None:
        self._curl.perform()
        self.status = self._curl.getinfo(pycurl.RESPONSE_CODE)
        self.version = self._curl.getinfo(pycurl.INFO_HTTP_VERSION)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate that signed itself, and its key, in one file."""
    file = tmp_path_factory.mktemp("tls") / "both.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    subprocess.run([*command, "-keyout", str(file), "-out", f"{file}.crt"], check=True, capture_output=True, timeout=60)
    file.write_bytes(file.read_bytes() + Path(f"{file}.crt").read_bytes())
    return file


@pytest.fixture(scope="module")
def programs(house: Any) -> list[Program]:
    """Two processes on ports of their own."""
    started: list[Program] = house.start(2, is_shared=False)
    return started


@pytest.fixture(scope="module", params=PROXIES, ids=["nginx", "caddy"])
def proxy(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    programs: list[Program],
    certificate: Path,
) -> Iterator[Proxy]:
    made: Proxy = request.param(tmp_path_factory.mktemp("proxy"), [program.port for program in programs], certificate)
    with made.running():
        yield made


def open_gate(gate: Gate) -> None:
    deadline_s = time.monotonic() + 20
    while (loop := gate.event._loop) is None:  # type: ignore[attr-defined]
        assert time.monotonic() < deadline_s
        time.sleep(0.005)  # the upstream has not come to it yet
    loop.call_soon_threadsafe(gate.open)


def test_pieces_pass_one_by_one_and_a_reload_cuts_no_stream(
    proxy: Proxy, upstream: ScriptedUpstream, members: Members
) -> None:
    """The provider sends each piece only when the client has the one before: nothing may be held back on the way."""
    (key,) = members.add(f"secure-{proxy.port}")
    first, *events = chat_events(PIECES)
    gates = [Gate() for _ in PIECES]
    script = [first]
    for gate, event in zip(gates, events, strict=False):
        script += [gate, event]
    before, upstream.script = upstream.script, stream([*script, *events[len(PIECES) :]])
    try:
        client = SecureClient(proxy.port, key, {**CHAT, "stream": True}).start()
        for number, (gate, piece) in enumerate(zip(gates, PIECES, strict=True)):
            assert piece.encode() not in client.body
            open_gate(gate)
            client.wait_for(piece.encode())
            if number == 1:
                proxy.run(proxy.reload())
        client.wait()
        upstream.script = chat_body("Aye.")
        after = SecureClient(proxy.port, key, CHAT).start().wait()
    finally:
        upstream.script = before
    assert client.body.endswith(b"data: [DONE]\n\n")
    assert [(one.status, one.version) for one in (client, after)] == [(200, HTTP_2)] * 2
