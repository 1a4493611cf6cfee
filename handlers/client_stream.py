"""The client's end of a stream: head, pieces, keep-alives, back-pressure, and the client that leaves or stalls.

Rules:
- status and headers go out with the first piece, or after ten seconds with a keep-alive: until then an error keeps its
  own status;
- while a write is unfinished nothing else is written (only the newest write's future is ever resolved); whoever feeds
  this stream holds until ``on_drained``;
- a keep-alive stands only between pieces, after ``keepalive_s`` seconds in which the client got nothing; where there
  is none (media), the head waits for the first piece however long that takes;
- a client that takes nothing for ``stall_s`` seconds is closed.
"""

import asyncio
import socket
import struct
from collections.abc import Callable, Mapping
from typing import Final

from tornado.concurrent import Future
from tornado.web import RequestHandler

# How long the head may wait for the first piece before it is sent alone (seconds).
HEAD_WITHIN_S: Final = 10.0

EVENT_STREAM: Final = "text/event-stream; charset=utf-8"
STREAM_HEADERS: Final = {
    "Content-Type": EVENT_STREAM,
    "Cache-Control": "no-cache, no-store, no-transform",
    "X-Accel-Buffering": "no",
}


class ClientStream:
    """Writes one stream to one client. ``headers`` go out with the head; change them before the first piece."""

    def __init__(
        self,
        handler: RequestHandler,
        *,
        keep_alive: bytes,
        keepalive_s: float,
        stall_s: float,
        started_s: float,
        on_drained: Callable[[], None],
    ) -> None:
        self.headers: Mapping[str, str] = STREAM_HEADERS
        self.is_open = False
        self.is_closed = False
        self.first_sent_ms: float | None = None
        self._started_s = started_s
        self._handler = handler
        self._keep_alive = keep_alive
        self._keepalive_s = keepalive_s
        self._stall_s = stall_s
        self._on_drained = on_drained
        self._loop = asyncio.get_running_loop()
        self._pending: Future[None] | None = None
        self._last_sent_s = self._loop.time()
        self._silence_timer: asyncio.TimerHandle | None = None
        if keep_alive:
            self._silence_timer = self._loop.call_later(HEAD_WITHIN_S, self._after_silence)
        self._stall_timer: asyncio.TimerHandle | None = None
        self._drained: asyncio.Event | None = None
        # An HTTP/1.0 client gets its bytes as they are, and the end by the connection's.
        self._is_chunked = handler.request.version == "HTTP/1.1"

    def send(self, data: bytes) -> bool:
        """Write whole events; False when the client has not taken them yet (then wait for ``on_drained``)."""
        if self.first_sent_ms is None:
            self.first_sent_ms = round((self._loop.time() - self._started_s) * 1000, 1)
        return self._write(data)

    async def drained(self) -> None:
        """Wait until the client has taken everything, or has gone."""
        if self._pending is None or self.is_closed:
            return
        self._drained = asyncio.Event()
        await self._drained.wait()

    def close(self) -> None:
        """No more keep-alives: the answer is over or the client has gone."""
        self.is_closed = True
        if self._silence_timer is not None:
            self._silence_timer.cancel()
        if self._stall_timer is not None:
            self._stall_timer.cancel()
        if self._drained is not None:
            self._drained.set()

    def break_off(self) -> None:
        """Reset the connection: the only way to tell a client of plain bytes that they are not the whole."""
        self.close()
        stream = self._handler.request.connection.stream  # type: ignore[union-attr]
        if not stream.closed():
            stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            stream.close()

    def _write(self, data: bytes) -> bool:
        if self.is_closed:
            return True
        self._last_sent_s = self._loop.time()
        written = self._pass_on(data) if self.is_open else self._open(data)
        if written is None or written.done():
            return True
        self._pending = written
        self._watch_for_stall()
        written.add_done_callback(self._written)
        return False

    def _open(self, data: bytes) -> "Future[None]":
        self.is_open = True
        handler = self._handler
        for name, value in self.headers.items():
            handler.set_header(name, value)
        # Without it Nagle's algorithm keeps a token waiting for the acknowledgement of the one before.
        handler.request.connection.stream.set_nodelay(True)  # type: ignore[union-attr]
        handler.write(data)
        return handler.flush()

    def _pass_on(self, data: bytes) -> "Future[None] | None":
        """Write behind the head; None when the kernel has taken all of it.

        Straight to the socket while nothing waits before it: Tornado's own way, with two futures and two buffers for
        each piece, is a quarter of all that a piece costs us. What the socket does not take, and every error, is left
        to Tornado.
        """
        connection = self._handler.request.connection
        stream = connection.stream  # type: ignore[union-attr]
        if not self._is_chunked or stream.writing() or stream.closed():
            return connection.write(data)  # type: ignore[union-attr]
        framed = b"%x\r\n%b\r\n" % (len(data), data)
        try:
            sent = stream.socket.send(framed)
        except OSError:
            return connection.write(data)  # type: ignore[union-attr]
        return None if sent == len(framed) else stream.write(framed[sent:])

    def _written(self, written: "Future[None]") -> None:
        if self._pending is not written:
            return
        self._pending = None
        self._last_sent_s = self._loop.time()
        if self._stall_timer is not None:
            self._stall_timer.cancel()
        if written.cancelled() or written.exception() is not None:
            return  # The connection broke: on_connection_close tells.
        if self._drained is not None:
            self._drained.set()
        if not self.is_closed:
            self._on_drained()

    def _after_silence(self) -> None:
        """Send a keep-alive if the client got nothing for long; look again when that can next be the case."""
        wait_s = self._keepalive_s if self.is_open else HEAD_WITHIN_S
        silent_s = self._loop.time() - self._last_sent_s
        if self._pending is None and silent_s >= wait_s:
            self._write(self._keep_alive)
            silent_s = 0.0
            wait_s = self._keepalive_s
        self._silence_timer = self._loop.call_later(max(wait_s - silent_s, 0.01), self._after_silence)

    def _watch_for_stall(self) -> None:
        stream = self._handler.request.connection.stream  # type: ignore[union-attr]
        taken = stream._total_write_done_index

        def check() -> None:
            nonlocal taken
            if self._pending is None or self.is_closed:
                return
            if stream._total_write_done_index == taken:
                stream.close()
                return
            taken = stream._total_write_done_index
            self._stall_timer = self._loop.call_later(self._stall_s, check)

        self._stall_timer = self._loop.call_later(self._stall_s, check)
