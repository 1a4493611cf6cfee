"""A scripted provider on real sockets: it plays a part for each request and writes down what it saw.

    async with ScriptedUpstream() as upstream:
        upstream.script = [chat_stream(["Hel", "lo"]), ShortError(429)]      # the last one is repeated
        ...
        assert upstream.requests[-1].json()["stream"]
        await upstream.wait_closed(1)

A part is a ``Reply`` (or ``Silent``, ``Cut``, ``Reset``: no answer at all), a script one part, a list of them, or a
function of the request that returns one. ``routes`` maps paths to scripts and is asked before ``script``.
``run_in_thread()`` serves from another thread, ``tests/fakes/serve.py`` from another process.

Rules: what is not scripted is a 500; a mistake in a script is raised when the server closes.
"""

import asyncio
import contextlib
import gzip
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

import orjson

from fakes.replies import (
    Cut,
    CutAfter,
    Delay,
    Fast,
    Gate,
    Part,
    Reply,
    Reset,
    ShortError,
    Silent,
    Step,
    chat_body,
    chat_events,
    chat_stream,
    json_reply,
    named_sse,
    sse,
    stream,
)

__all__ = [
    "Connection", "Cut", "CutAfter", "Delay", "Fast", "Gate", "Reply", "Request", "Reset", "ScriptedUpstream",
    "ShortError", "Silent", "chat_body", "chat_events", "chat_stream", "json_reply", "named_sse", "run_in_thread",
    "sse", "stream",
]  # fmt: skip

_FAST_PIECE = b"x" * 65536


Script = Part | Sequence[Part] | Callable[["Request"], Part]


@dataclass
class Request:
    """What a client sent. Header names are lower case, the last value wins; ``raw_head`` has all of it."""

    method: str
    path: str
    headers: dict[str, str]
    raw_head: bytes
    body: bytes
    connection: "Connection"

    def json(self) -> Any:
        return orjson.loads(self.body)


class Connection(asyncio.Protocol):
    """One accepted connection. ``closed_at``: loop time at which the client's close was seen, None while it is open."""

    def __init__(self, server: "ScriptedUpstream") -> None:
        self.server = server
        self.closed_at: float | None = None
        self.closed_by: Literal["", "client", "server"] = ""
        self.requests = 0
        self.bytes_queued = 0
        self._buffer = bytearray()
        self._task: asyncio.Task[None] | None = None
        self._can_write = asyncio.Event()
        self._can_write.set()

    @property
    def bytes_written(self) -> int:
        """Bytes the system has taken from us."""
        return self.bytes_queued - self.transport.get_write_buffer_size()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.server.connections.append(self)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        self._next_request()

    def eof_received(self) -> None:
        self._closed("client")

    def connection_lost(self, error: Exception | None) -> None:
        self._closed("client")
        if self._task is not None:
            self._task.cancel()

    def pause_writing(self) -> None:
        self._can_write.clear()

    def resume_writing(self) -> None:
        self._can_write.set()

    def _closed(self, by: Literal["client", "server"]) -> None:
        if self.closed_at is None:
            self.closed_at = asyncio.get_running_loop().time()
            self.closed_by = by
            self.server.notice()

    def _next_request(self) -> None:
        if self._task is not None and not self._task.done():
            return
        if (request := _take_request(self._buffer, self)) is None:
            return
        self.requests += 1
        self.server.request_count += 1
        if self.server.keep_requests:
            self.server.requests.append(request)
        self.server.notice()
        self._task = asyncio.get_running_loop().create_task(self._play(request))
        self._task.add_done_callback(self._played)

    def _played(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self.server.errors.append(error)
            self.transport.abort()
        elif not task.cancelled() and not self.transport.is_closing():
            self._next_request()

    async def _play(self, request: Request) -> None:
        reply = self.server.choose(request)
        if not isinstance(reply, Reply):
            await self._step(reply, _plain, 0)
            return
        if reply.framing != "raw":
            self._write(_head(reply))
        frame = _chunk if reply.framing == "chunked" else _plain
        for part in [gzip.compress(reply.body())] if reply.compressed else reply.parts:
            await self._step(part, frame, reply.step)
            if self.transport.is_closing():
                return
        if reply.framing == "chunked":
            self._write(b"0\r\n\r\n")
        if reply.framing in ("close", "raw") or reply.then_close:
            await self._step(Cut(), frame, 0)

    async def _step(self, step: Step, frame: Callable[[bytes], bytes], size: int) -> None:
        match step:
            case bytes():
                for start in range(0, len(step), size or len(step) or 1):
                    self._write(frame(step[start : start + (size or len(step))]))
                    await (asyncio.sleep(0.001) if size else self._can_write.wait())
            case Delay(seconds):
                await asyncio.sleep(seconds)
            case Gate(event):
                await event.wait()
            case Fast(total):
                for sent in range(0, total, len(_FAST_PIECE)):
                    self._write(frame(_FAST_PIECE[: total - sent]))
                    await self._can_write.wait()
            case Silent():
                await asyncio.Event().wait()
            case Cut():
                self._closed("server")
                self.transport.close()
            case Reset():
                self._closed("server")
                linger = struct.pack("ii", 1, 0)
                self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                self.transport.abort()

    def _write(self, data: bytes) -> None:
        self.bytes_queued += len(data)
        self.transport.write(data)


class ScriptedUpstream:
    """The server: see the head of this file. ``tls`` makes it speak HTTPS."""

    def __init__(self, tls: ssl.SSLContext | None = None, port: int = 0) -> None:
        self.script: Script = [Silent()]
        self.routes: dict[str, Script] = {}
        # A load test turns this off: requests hold their bodies, connections their history.
        self.keep_requests = True
        self.request_count = 0
        self.requests: list[Request] = []
        self.connections: list[Connection] = []
        self.errors: list[BaseException] = []
        self.port = port
        self._tls = tls
        self._played: dict[str, int] = {}
        self._noticed = asyncio.Event()

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: Connection(self), "127.0.0.1", self.port, ssl=self._tls, backlog=2048
        )
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for connection in self.connections:
            connection.transport.abort()
        await asyncio.sleep(0)
        await self._server.wait_closed()
        assert not self.errors, self.errors

    @property
    def url(self) -> str:
        """Base URL, without a slash at its end."""
        host = "localhost" if self._tls else "127.0.0.1"
        return f"{'https' if self._tls else 'http'}://{host}:{self.port}"

    @property
    def open_connections(self) -> int:
        return sum(connection.closed_at is None for connection in self.connections)

    @property
    def closed_by_client(self) -> list[Connection]:
        """Connections whose client left, in the order they were accepted."""
        return [connection for connection in self.connections if connection.closed_by == "client"]

    def choose(self, request: Request) -> Part:
        """The part to play for this request."""
        key = request.path.partition("?")[0]
        script, key = (self.routes[key], key) if key in self.routes else (self.script, "")
        if callable(script):
            return script(request)
        if not isinstance(script, Sequence):
            return script
        if not script:
            return ShortError(500, b"not scripted")
        index = self._played.get(key, 0)
        self._played[key] = index + 1
        return script[min(index, len(script) - 1)]

    def notice(self) -> None:
        """Something happened: a request came, a connection closed."""
        noticed, self._noticed = self._noticed, asyncio.Event()
        noticed.set()

    async def wait_for(self, condition: Callable[[], bool], timeout_s: float = 10.0) -> None:
        """Wait until ``condition`` holds, looked at whenever a request comes or a connection closes."""
        async with asyncio.timeout(timeout_s):
            while not condition():
                await self._noticed.wait()

    async def wait_requests(self, count: int, timeout_s: float = 10.0) -> None:
        """Wait until ``count`` requests have come in all."""
        await self.wait_for(lambda: self.request_count >= count, timeout_s)

    async def wait_closed(self, count: int = 1, timeout_s: float = 10.0) -> None:
        """Wait until ``count`` connections have been closed by their clients."""
        await self.wait_for(lambda: len(self.closed_by_client) >= count, timeout_s)


@contextlib.contextmanager
def run_in_thread(upstream: ScriptedUpstream | None = None) -> Iterator[ScriptedUpstream]:
    """Serve from a loop in another thread: for clients that block. Set the script before the first request."""
    upstream = upstream or ScriptedUpstream()
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(upstream.__aenter__(), loop).result(10)
        yield upstream
        asyncio.run_coroutine_threadsafe(upstream.__aexit__(), loop).result(10)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


def _head(reply: Reply) -> bytes:
    lines = [f"HTTP/1.1 {reply.status} Scripted", *(f"{name}: {value}" for name, value in reply.headers)]
    if reply.compressed:
        lines.append("Content-Encoding: gzip")
    if reply.framing == "chunked":
        lines.append("Transfer-Encoding: chunked")
    elif reply.framing == "length":
        body = gzip.compress(reply.body()) if reply.compressed else reply.body()
        lines.append(f"Content-Length: {len(body) if reply.length is None else reply.length}")
    if reply.framing == "close" or reply.then_close:
        lines.append("Connection: close")
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data) if data else b""


def _plain(data: bytes) -> bytes:
    return data


def _take_request(buffer: bytearray, connection: Connection) -> Request | None:
    """The first whole request in ``buffer``, which is removed from it; None if there is none yet."""
    head_size = buffer.find(b"\r\n\r\n") + 4
    if head_size < 4:
        return None
    raw_head = bytes(buffer[:head_size])
    request_line, *lines = raw_head.decode("latin-1").rstrip().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    if headers.get("transfer-encoding") == "chunked":
        body, end = _take_chunks(buffer, head_size)
    else:
        end = head_size + int(headers.get("content-length", 0))
        body = bytes(buffer[head_size:end])
    if end < 0 or len(buffer) < end:
        return None
    del buffer[:end]
    method, path, _ = request_line.split(" ")
    return Request(method, path, headers, raw_head, body, connection)


def _take_chunks(buffer: bytearray, start: int) -> tuple[bytes, int]:
    """The body of a chunked request that begins at ``start``, and where it ends; -1 while it is not whole."""
    body = b""
    while (line_end := buffer.find(b"\r\n", start)) >= 0:
        size = int(buffer[start:line_end], 16)
        start = line_end + 2 + size + 2
        if len(buffer) < start:
            break
        if size == 0:
            return body, start
        body += buffer[line_end + 2 : line_end + 2 + size]
    return b"", -1
