"""Reading requests: the short way says what Tornado says, and only speaks where it is sure."""

import asyncio
import socket
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tornado.http1connection import HTTP1Connection
from tornado.httputil import HTTPInputError, HTTPServerRequest
from tornado.netutil import bind_sockets
from tornado.web import RequestHandler

from handlers.http1 import parse_head
from handlers.routes import GatewayApplication
from handlers.server import PublicServer

USUAL = (
    b"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\nAuthorization: Bearer  fta_x \r\n"
    b"content-type:application/json\r\nX-Empty:\r\nX-Tab: a\tb\r\nX-Latin: \xe9\r\nContent-Length: 12\r\n\r\n"
)
PIECES = st.sampled_from(
    [
        b"\r\n",
        b"\n",
        b"\r",
        b":",
        b" ",
        b"\t",
        b"Host",
        b"host",
        b"X-A",
        b"x",
        b"a b",
        b"\x00",
        b"\x7f",
        b"\xff",
        b"1",
        b"/",
    ]
)


def by_tornado(data: bytes) -> tuple[str, dict[str, list[str]]] | None:
    try:
        start_line, headers = HTTP1Connection._parse_headers(SimpleNamespace(), data)  # type: ignore[arg-type]
    except HTTPInputError:
        return None
    return start_line, {name: headers.get_list(name) for name in headers}


def test_a_usual_head_takes_the_short_way_and_says_the_same() -> None:
    found = parse_head(USUAL)
    assert found is not None
    start_line, headers = found
    assert (start_line, {name: headers.get_list(name) for name in headers}) == by_tornado(USUAL)
    assert headers["authorization"] == "Bearer  fta_x"
    headers.add("x-tab", "c")
    assert headers["X-Tab"] == "a\tb,c"


@given(st.lists(PIECES, max_size=12).map(b"".join))
def test_what_takes_the_short_way_is_what_tornado_reads(middle: bytes) -> None:
    data = b"GET / HTTP/1.1\r\n" + middle + b"\r\n\r\n"
    found = parse_head(data)
    if found is not None:
        assert (found[0], {name: found[1].get_list(name) for name in found[1]}) == by_tornado(data)


@pytest.mark.parametrize(
    "lines",
    [b"X: a\r\nx: b\r\n", b"X : a\r\n", b" X: a\r\n", b"X\r\n", b"X: a\n", b"X: a\rb\r\n", b"X: \x00\r\n", b": a\r\n"],
)
def test_what_is_not_plain_is_left_to_tornado(lines: bytes) -> None:
    assert parse_head(b"GET / HTTP/1.1\r\n" + lines + b"\r\n") is None


class Echo(RequestHandler):
    """Answers with the body's length, the first request only when told to."""

    reads_body = True
    awake: asyncio.Event

    async def post(self) -> None:
        if "X-Wait" in self.request.headers:
            await self.awake.wait()
        self.finish(str(len(self.request.body)))


class Application(GatewayApplication):
    def choose(self, request: HTTPServerRequest) -> tuple[type[RequestHandler], list[str]]:
        return Echo, []

    def run(self, handler_class: type[RequestHandler], request: HTTPServerRequest, args: list[str]) -> None:
        self.task = asyncio.ensure_future(handler_class(self, request)._execute([]))


SERVICES: Any = SimpleNamespace(settings=SimpleNamespace(server=SimpleNamespace(max_body_bytes=1 << 20)))


def request(length: int, *lines: str) -> bytes:
    head = "\r\n".join(["POST / HTTP/1.1", "Host: x", *lines, f"Content-Length: {length}", "", ""])
    return head.encode() + b"b" * length


async def answers_to(pieces: list[bytes], count: int, *, wakes: bool = False) -> tuple[list[str], int]:
    """What ``count`` requests sent in ``pieces`` are answered, and the most that was read ahead of its time (bytes)."""
    Echo.awake = asyncio.Event()
    server = PublicServer(Application(SERVICES), 65536)
    listening = bind_sockets(0, "127.0.0.1", family=socket.AF_INET)
    server.add_sockets(listening)
    reader, writer = await asyncio.open_connection("127.0.0.1", listening[0].getsockname()[1])
    ahead = 0
    try:
        for piece in pieces:
            writer.write(piece)
            # Each arrives by itself, as far as the other side lets it.
            for _ in range(5):
                await asyncio.sleep(0.001)
                for connection in server._connections:
                    ahead = max(ahead, connection.stream._read_buffer_size)  # type: ignore[attr-defined]
        if wakes:
            Echo.awake.set()
        bodies = []
        for _ in range(count):
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            bodies.append((await reader.readexactly(length)).decode())
        return bodies, ahead
    finally:
        writer.close()
        server.stop()
        await server.close_all_connections()


@pytest.mark.parametrize("size", [1, 2, 7, 60, 61, 62, 63, 64, 65, 1000, 1 << 20])
def test_requests_cut_anywhere_are_answered_in_order(size: int) -> None:
    lengths = [0, 5, 99_999, 3, 70_000] if size >= 1000 else [0, 5, 300, 3]
    sent = b"".join(map(request, lengths))
    pieces = [sent[at : at + size] for at in range(0, len(sent), size)]
    bodies, _ = asyncio.run(answers_to(pieces, len(lengths)))
    assert bodies == [str(length) for length in lengths]


def test_little_is_read_ahead_of_a_request_at_work() -> None:
    sent = request(2, "X-Wait: yes") + b"".join(request(50_000) for _ in range(60))
    bodies, ahead = asyncio.run(
        answers_to([sent[at : at + 30_000] for at in range(0, len(sent), 30_000)], 61, wakes=True)
    )
    assert bodies == ["2", *["50000"] * 60]
    assert 0 < ahead <= 2 * 65536
