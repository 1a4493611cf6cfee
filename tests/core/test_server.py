"""The public port's server: which connections the sweep closes."""

import asyncio
import socket
from types import SimpleNamespace
from typing import Any

from tornado.httputil import HTTPServerRequest
from tornado.netutil import bind_sockets
from tornado.web import RequestHandler

from freetheai import clock
from handlers.routes import GatewayApplication
from handlers.server import PublicServer

SERVICES: Any = SimpleNamespace(settings=SimpleNamespace(server=SimpleNamespace(max_body_bytes=1000)))


class Asleep(RequestHandler):
    """Answers when it is told to."""

    awake = asyncio.Event()

    async def get(self) -> None:
        await self.awake.wait()
        self.finish("late")


class Application(GatewayApplication):
    def choose(self, request: HTTPServerRequest) -> tuple[type[RequestHandler], list[str]]:
        return Asleep, []

    def run(self, handler_class: type[RequestHandler], request: HTTPServerRequest, args: list[str]) -> None:
        self.task = asyncio.ensure_future(handler_class(self, request)._execute([]))


async def _at_rest(server: PublicServer, count: int) -> None:
    for _ in range(1000):
        if server.clients.waiting_count == count:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"{server.clients.waiting_count} connections wait, not {count}")


async def _ended(reader: asyncio.StreamReader) -> bool:
    """Whether the other side has closed; with bytes of ours unread that is a reset."""
    try:
        return await reader.read() == b""
    except ConnectionResetError:
        return True


async def _swept() -> None:
    server = PublicServer(Application(SERVICES), 65536)
    listening = bind_sockets(0, "127.0.0.1", family=socket.AF_INET)
    server.add_sockets(listening)
    port = listening[0].getsockname()[1]
    try:
        idle_reader, idle_writer = await asyncio.open_connection("127.0.0.1", port)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await _at_rest(server, 2)
        server.close_idle(clock.monotonic_s() - 60)
        await asyncio.sleep(0.05)
        assert server.clients.waiting_count == 2, "nobody has waited for a minute"

        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await _at_rest(server, 1)
        idle_writer.write(b"GET / HT")
        server.close_idle(clock.monotonic_s() + 1)
        assert await _ended(idle_reader), "half a head is no request"
        Asleep.awake.set()
        assert (await reader.readuntil(b"late")).startswith(b"HTTP/1.1 200")

        await _at_rest(server, 1)
        server.close_idle(clock.monotonic_s() + 1)
        assert await _ended(reader)
        assert not server.clients.waiting_count
        for one in (idle_writer, writer):
            one.close()
    finally:
        server.stop()
        await server.close_all_connections()


def test_a_connection_that_waits_too_long_is_closed_and_one_at_work_is_not() -> None:
    asyncio.run(asyncio.wait_for(_swept(), 20))
