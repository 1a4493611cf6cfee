"""The public port's HTTP server: Tornado's, without what it does again for every request of a connection.

Rules:
- every connection sends at once (``TCP_NODELAY``) from its first byte on; Tornado would switch that on and off again
  for each answer;
- how many connections there are, and how slow each may be, is bounded by ``connections.py``;
- a head that comes in small pieces is searched for its end at the speed of ``find``: Tornado's expression would look at
  every byte anew with each piece.
"""

import asyncio
import socket
from collections.abc import Awaitable, Iterable
from typing import Any, Final

from tornado.httpserver import HTTPServer, _HTTPRequestContext
from tornado.httputil import HTTPConnection, HTTPMessageDelegate
from tornado.ioloop import IOLoop
from tornado.iostream import IOStream, UnsatisfiableReadError
from tornado.netutil import add_accept_handler

from freetheai import clock
from handlers.body import SERVER_BOUND_BYTES
from handlers.connections import IDLE_S, Connections, PatientListener, connection_bound
from handlers.delegate import RequestDelegate
from handlers.http1 import ServerConnection
from handlers.routes import GatewayApplication

_SWEEP_EVERY_S: Final = 15.0


class PublicServer(HTTPServer):
    """Serves the members' port."""

    def initialize(  # type: ignore[override]
        self, application: GatewayApplication, max_header_bytes: int, max_connections: int = 0
    ) -> None:
        """As Tornado's, whose own bound on bodies and time-out for heads are out of reach.

        ``max_connections``: 0 is what the file handles allow.
        """
        super().initialize(application, max_body_size=SERVER_BOUND_BYTES, max_header_size=max_header_bytes)
        self.conn_params.header_timeout = None
        self._application = application
        self._max_connections = max_connections or connection_bound()
        self.clients = Connections()

    def add_sockets(self, sockets: Iterable[socket.socket]) -> None:
        """Accept on ``sockets`` too."""
        for one in sockets:
            listener: Any = PatientListener(one, self._make_room)
            self._sockets[one.fileno()] = one
            self._handlers[one.fileno()] = add_accept_handler(listener, self._handle_connection)

    def handle_stream(self, stream: IOStream, address: tuple[Any, ...]) -> None:
        """A new connection."""
        if len(self._connections) >= self._max_connections:
            self.clients.tell_full(f"{self._max_connections} connections are open")
            if not self.clients.close_longest_idle():
                stream.close()
                return
        stream.set_nodelay(True)
        stream.__class__ = _ClientStream
        context = _HTTPRequestContext(stream, address, self.protocol, self.trusted_downstream)
        connection = ServerConnection(stream, self.conn_params, context)
        self._connections.add(connection)
        connection.start_serving(self)

    def start_request(self, server_conn: object, request_conn: HTTPConnection) -> HTTPMessageDelegate:
        """The connection waits for its next request."""
        self.clients.waits(server_conn)
        return RequestDelegate(self._application, self.clients, server_conn, request_conn)

    def on_close(self, server_conn: object) -> None:
        """The connection has ended."""
        self.clients.ended(server_conn)
        super().on_close(server_conn)

    def idle_streams(self) -> list[IOStream]:
        """Connections on which nothing is asked just now."""
        return self.clients.idle_streams()

    def close_idle(self, since_s: float) -> None:
        """Close what has waited since ``since_s`` (monotonic seconds)."""
        self.clients.close_idle(since_s)

    async def sweep(self) -> None:
        """Close connections that take too long, for ever."""
        while True:
            timeouts = self._application.timeouts
            await asyncio.sleep(min(_SWEEP_EVERY_S, timeouts.stall))
            now_s = clock.monotonic_s()
            self.close_idle(now_s - IDLE_S)
            self.clients.close_slow(now_s, stall_s=timeouts.stall, total_s=timeouts.total)

    def _make_room(self, reason: str) -> None:
        self.clients.tell_full(reason)
        self.clients.close_longest_idle()


class _HeadEnd:
    """In place of the expression for a head's end, whose answer it gives: searched for with ``find``."""

    __slots__ = ("_end",)
    pattern: Final = b"\r?\n\r?\n"

    def __init__(self) -> None:
        self._end = 0

    def search(self, buffer: bytearray) -> "_HeadEnd | None":
        """Itself where ``buffer`` holds an end of a head."""
        crlf = buffer.find(b"\n\r\n")
        lf = buffer.find(b"\n\n") if crlf < 0 else buffer.find(b"\n\n", 0, crlf)
        if lf >= 0:
            self._end = lf + 2
        elif crlf >= 0:
            self._end = crlf + 3
        else:
            return None
        return self

    def end(self) -> int:
        """Behind it."""
        return self._end


_HEAD_END: Final[Any] = _HeadEnd()


class _ClientStream(IOStream):
    """A client's connection. Tornado makes its own kind of stream; it becomes this one."""

    def set_nodelay(self, value: bool) -> None:
        """It stays on."""

    def read_until_regex(self, regex: bytes, max_bytes: int | None = None) -> Awaitable[bytes]:
        """As Tornado's own, which reads heads with it and nothing else; without asking the socket in vain."""
        if regex != _HeadEnd.pattern or self._state is None or not self._state & IOLoop.READ:
            return super().read_until_regex(regex, max_bytes)
        future = self._start_read()
        self._read_regex, self._read_max_bytes = _HEAD_END, max_bytes
        try:
            found = self._find_read_pos()
        except UnsatisfiableReadError as error:
            self.close(exc_info=error)
            return future
        if found is not None:
            self._read_from_buffer(found)
        return future

    def _handle_events(self, fd: Any, events: int) -> None:
        """As Tornado's own, but a connection whose request is at work stays watched.

        Tornado takes it off the loop and puts it on again with each request that comes in one piece. What is read ahead
        of its time stays bounded: a second piece, and the connection is watched no longer.
        """
        if events != IOLoop.READ or self._state != IOLoop.READ | IOLoop.ERROR or not self.reading():
            super()._handle_events(fd, events)
            return
        try:
            self._handle_read()
        except UnsatisfiableReadError as error:
            self.close(exc_info=error)
