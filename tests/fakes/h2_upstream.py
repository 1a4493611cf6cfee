"""A provider that speaks HTTP/2 over TLS: just enough of it to play one script for every stream.

Strategy: frames are read and answered one by one; requests' headers are not decoded (that would need HPACK's tables),
so there are no routes. Flow control is kept, since it is what a test of a slow reader is about.

Format: RFC 9113.
"""

import asyncio
import ssl
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

from fakes.replies import Cut, Delay, Fast, Gate, Reset, Silent, Step

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _RST_STREAM, _SETTINGS, _PING, _GOAWAY, _WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
_END_STREAM, _END_HEADERS, _ACK = 1, 4, 1
_INITIAL_WINDOW_SIZE = 4
_MAX_FRAME = 16384


@dataclass
class Stream:
    """One request. ``reset_at``: loop time at which the client gave it up, None if it did not."""

    window: int
    body_bytes: int = 0
    bytes_written: int = 0
    reset_at: float | None = None
    task: asyncio.Task[None] | None = None


@dataclass
class H2Upstream:
    """The server; ``parts`` is what every stream answers after a 200."""

    tls: ssl.SSLContext
    parts: Sequence[Step] = ()
    connections: list["_Connection"] = field(default_factory=list)
    errors: list[BaseException] = field(default_factory=list)

    async def __aenter__(self) -> Self:
        self.tls.set_alpn_protocols(["h2"])
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Connection(self), "127.0.0.1", 0, ssl=self.tls)
        self.url = f"https://localhost:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for connection in self.connections:
            connection.transport.abort()
        await self._server.wait_closed()
        assert not self.errors, self.errors

    @property
    def streams(self) -> list[Stream]:
        """All requests on all connections."""
        return [stream for connection in self.connections for stream in connection.streams.values()]


class _Connection(asyncio.Protocol):
    def __init__(self, server: H2Upstream) -> None:
        self.server = server
        self.streams: dict[int, Stream] = {}
        self.window = self.initial_window = 65535
        self._buffer = bytearray()
        self._has_preface = False
        self._credit = asyncio.Event()
        self._can_write = asyncio.Event()
        self._can_write.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.server.connections.append(self)
        self._send(_SETTINGS, 0, 0, b"")

    def connection_lost(self, error: Exception | None) -> None:
        for stream in self.streams.values():
            if stream.task is not None:
                stream.task.cancel()

    def pause_writing(self) -> None:
        self._can_write.clear()

    def resume_writing(self) -> None:
        self._can_write.set()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._has_preface:
            if len(self._buffer) < len(_PREFACE):
                return
            assert self._buffer.startswith(_PREFACE)
            del self._buffer[: len(_PREFACE)]
            self._has_preface = True
        while len(self._buffer) >= 9:
            size = int.from_bytes(self._buffer[:3], "big")
            if len(self._buffer) < 9 + size:
                return
            kind, flags, number = self._buffer[3], self._buffer[4], int.from_bytes(self._buffer[5:9], "big")
            payload = bytes(self._buffer[9 : 9 + size])
            del self._buffer[: 9 + size]
            self._frame(kind, flags, number, payload)

    def _frame(self, kind: int, flags: int, number: int, payload: bytes) -> None:
        if kind == _SETTINGS and not flags & _ACK:
            for start in range(0, len(payload), 6):
                name, value = struct.unpack(">HI", payload[start : start + 6])
                if name == _INITIAL_WINDOW_SIZE:
                    self.initial_window = value
            self._send(_SETTINGS, _ACK, 0, b"")
        elif kind == _PING and not flags & _ACK:
            self._send(_PING, _ACK, 0, payload)
        elif kind == _WINDOW_UPDATE:
            self._add_credit(number, int.from_bytes(payload, "big"))
        elif kind == _RST_STREAM and (stream := self.streams[number]).task is not None:
            stream.reset_at = asyncio.get_running_loop().time()
            stream.task.cancel()
        elif kind == _HEADERS:
            self.streams[number] = Stream(self.initial_window)
        elif kind == _DATA and payload:
            self.streams[number].body_bytes += len(payload)
            for where in (0, number):
                self._send(_WINDOW_UPDATE, 0, where, struct.pack(">I", len(payload)))
        if kind in (_HEADERS, _DATA) and flags & _END_STREAM:
            task = asyncio.get_running_loop().create_task(self._play(number))
            task.add_done_callback(self._played)
            self.streams[number].task = task

    def _add_credit(self, number: int, size: int) -> None:
        if number == 0:
            self.window += size
        elif number in self.streams:
            self.streams[number].window += size
        credit, self._credit = self._credit, asyncio.Event()
        credit.set()

    def _played(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self.server.errors.append(error)

    async def _play(self, number: int) -> None:
        # 0x88 is `:status: 200` in HPACK's static table; then one literal header, not indexed.
        self._send(_HEADERS, _END_HEADERS, number, b"\x88\x00\x0ccontent-type\x0atext/plain")
        for step in self.server.parts:
            match step:
                case bytes():
                    await self._write(number, step)
                case Fast(total):
                    for sent in range(0, total, _MAX_FRAME):
                        await self._write(number, b"x" * min(_MAX_FRAME, total - sent))
                case Delay(seconds):
                    await asyncio.sleep(seconds)
                case Gate(event):
                    await event.wait()
                case Silent():
                    await asyncio.Event().wait()
                case Reset():
                    self._send(_RST_STREAM, 0, number, struct.pack(">I", 2))
                    return
                case Cut():
                    self.transport.close()
                    return
        self._send(_DATA, _END_STREAM, number, b"")

    async def _write(self, number: int, data: bytes) -> None:
        stream = self.streams[number]
        while data:
            while not (room := min(self.window, stream.window, _MAX_FRAME)) > 0:
                await self._credit.wait()
            piece, data = data[:room], data[room:]
            self.window -= len(piece)
            stream.window -= len(piece)
            stream.bytes_written += len(piece)
            self._send(_DATA, 0, number, piece)
            await self._can_write.wait()

    def _send(self, kind: int, flags: int, number: int, payload: bytes) -> None:
        if not self.transport.is_closing():
            head = len(payload).to_bytes(3, "big") + bytes([kind, flags]) + number.to_bytes(4, "big")
            self.transport.write(head + payload)
