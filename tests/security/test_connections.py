"""How many connections there may be and how slow each: the server's own rules, without a clock to wait for."""

import asyncio
import re
import socket
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest
from tornado.httputil import HTTPServerRequest
from tornado.netutil import bind_sockets
from tornado.web import RequestHandler

from freetheai import clock
from handlers.connections import HEAD_S, MAX_CONNECTIONS, connection_bound
from handlers.routes import GatewayApplication
from handlers.server import PublicServer, _HeadEnd

SERVICES: Any = SimpleNamespace(settings=SimpleNamespace(server=SimpleNamespace(max_body_bytes=1000)))
Attack = Callable[[PublicServer, int], Awaitable[None]]


class Echo(RequestHandler):
    reads_body = True

    async def get(self) -> None:
        self.finish("here")

    async def post(self) -> None:
        self.finish(self.request.body)


class Application(GatewayApplication):
    def choose(self, request: HTTPServerRequest) -> tuple[type[RequestHandler], list[str]]:
        return Echo, []

    def run(self, handler_class: type[RequestHandler], request: HTTPServerRequest, args: list[str]) -> None:
        self.task = asyncio.ensure_future(handler_class(self, request)._execute([]))


def serve(attack: Attack, max_connections: int = 3) -> None:
    """Play ``attack`` against a server."""

    async def play() -> None:
        server = PublicServer(Application(SERVICES), 65536, max_connections)
        listening = bind_sockets(0, "127.0.0.1", family=socket.AF_INET)
        server.add_sockets(listening)
        try:
            await attack(server, listening[0].getsockname()[1])
        finally:
            while _writers:
                _writers.pop().close()
            server.stop()
            await server.close_all_connections()

    asyncio.run(asyncio.wait_for(play(), 20))


_writers: list[asyncio.StreamWriter] = []


async def connect(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A client; ``serve`` closes it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    _writers.append(writer)
    return reader, writer


async def until(holds: Callable[[], bool]) -> None:
    while not holds():  # noqa: ASYNC110 - the server tells nobody
        await asyncio.sleep(0.01)


async def ended(reader: asyncio.StreamReader) -> bool:
    try:
        return await reader.read() == b""
    except ConnectionResetError:
        return True


def test_the_longest_idle_makes_room_for_the_next() -> None:
    async def attack(server: PublicServer, port: int) -> None:
        pairs = []
        for count in range(1, 4):
            pairs.append(await connect(port))
            await until(lambda count=count: server.clients.waiting_count == count)
        reader, writer = await connect(port)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await reader.readuntil(b"here")).startswith(b"HTTP/1.1 200")
        assert await ended(pairs[0][0])
        pairs[2][1].write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert await pairs[2][0].readuntil(b"here")

    serve(attack)


def test_where_none_is_idle_the_new_one_is_turned_away() -> None:
    async def attack(server: PublicServer, port: int) -> None:
        pairs = [await connect(port) for _ in range(3)]
        for _, writer in pairs:
            writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\na")
        await until(lambda: len(server.clients._sending) == 3)
        reader, _ = await connect(port)
        assert await ended(reader)
        pairs[0][1].write(b"b")
        assert await pairs[0][0].readuntil(b"ab")

    serve(attack)


def test_half_a_head_has_its_time_and_so_has_a_body_that_trickles() -> None:
    async def attack(server: PublicServer, port: int) -> None:
        head_reader, head_writer = await connect(port)
        body_reader, body_writer = await connect(port)
        await connect(port)
        head_writer.write(b"GET / HT")
        body_writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\na")
        await until(lambda: bool(server.clients._sending) and server.clients.waiting_count == 2)
        await asyncio.sleep(0.05)
        now_s = clock.monotonic_s()
        for passed_s in (0.0, 30.0, 59.0):
            body_writer.write(b"a")
            await asyncio.sleep(0.05)
            server.clients.close_slow(now_s + passed_s, stall_s=40, total_s=100)
        assert server.clients.waiting_count == 2, "nothing is late yet"
        server.clients.close_slow(now_s + HEAD_S, stall_s=40, total_s=100)
        assert await ended(head_reader)
        assert server.clients._sending, "its body moved"
        body_writer.write(b"a")
        await asyncio.sleep(0.05)
        server.clients.close_slow(now_s + 100, stall_s=40, total_s=100)
        assert await ended(body_reader)
        await until(lambda: not server.clients._sending and server.clients.waiting_count == 1)

    serve(attack, 10)


def test_a_body_that_nobody_reads_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    async def attack(server: PublicServer, port: int) -> None:
        monkeypatch.setattr(Echo, "reads_body", False)
        reader, writer = await connect(port)
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc")
        assert b"Content-Length: 0" in await reader.readuntil(b"\r\n\r\n")

    serve(attack)


@pytest.mark.parametrize(
    ("handles", "bound"), [(20, 10), (1024, 512), (20_000, 15_500), (1 << 20, MAX_CONNECTIONS), (-1, MAX_CONNECTIONS)]
)
def test_as_many_as_the_file_handles_allow(monkeypatch: pytest.MonkeyPatch, handles: int, bound: int) -> None:
    monkeypatch.setattr("resource.getrlimit", lambda which: (handles, handles))
    assert connection_bound() == bound


@pytest.mark.parametrize(
    "text", [b"", b"a", b"a\r\n", b"a\r\n\r", b"\r\n\r\nx", b"a\n\nb\r\n\r\n", b"a\r\n\nb", b"a\n\r\n\n"]
)
def test_a_heads_end_is_where_the_expression_has_it(text: bytes) -> None:
    expected = re.search(_HeadEnd.pattern, text)
    found = _HeadEnd().search(bytearray(text))
    assert (found and found.end()) == (expected and expected.end())
