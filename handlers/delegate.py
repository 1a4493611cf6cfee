"""From a connection's bytes to a handler at work: one object a request where Tornado's own way has three.

Strategy: Tornado parses the head and the body's framing and calls this delegate; routing, the bound on the body and the
start of the handler happen here. A handler that reads its body itself (``stream_request_body``) goes Tornado's own way,
behind ``BoundedBody``.

Rules:
- a body is kept only for a handler that reads it, a large one only as far as ``early.py`` lets it in; the rest is read
  and dropped, so that the answer arrives;
- ``connections.py`` ends what sends too slowly.
"""

from collections.abc import Awaitable
from typing import TYPE_CHECKING

from tornado.httputil import (
    HTTPConnection,
    HTTPHeaders,
    HTTPMessageDelegate,
    HTTPServerRequest,
    RequestStartLine,
    ResponseStartLine,
)
from tornado.web import RequestHandler

from freetheai.wire.multipart import SMALL_BYTES
from handlers.body import DRAIN_BYTES, leave_unparsed
from handlers.early import FREE_BYTES, Place

if TYPE_CHECKING:
    from handlers.connections import Connections
    from handlers.routes import GatewayApplication


class RequestDelegate(HTTPMessageDelegate):
    """One request of one connection."""

    __slots__ = (
        "_application", "_chunks", "_connection", "_connections", "_handler", "_inner", "_is_kept", "_left_bytes",
        "_place", "_request", "_server_conn", "_unasked_bytes",
    )  # fmt: skip

    def __init__(
        self,
        application: "GatewayApplication",
        connections: "Connections",
        server_conn: object,
        connection: HTTPConnection,
    ) -> None:
        """``connections``: this one waits there until its head has come, and sends from then until the body's end."""
        self._application = application
        self._connections = connections
        self._server_conn = server_conn
        self._connection = connection
        self._inner: HTTPMessageDelegate | None = None
        self._handler: tuple[type[RequestHandler], list[str]] | None = None
        self._chunks: list[bytes] = []
        self._is_kept = False
        self._place: Place | None = None
        self._left_bytes = 0

    @property
    def left_bytes(self) -> int:
        """Less with every byte of the body that comes."""
        return self._left_bytes

    @property
    def has_own_watch(self) -> bool:
        """The handler reads its body itself, and sees for itself whether it comes on."""
        return self._inner is not None

    def headers_received(
        self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders
    ) -> Awaitable[None] | None:
        """The head is there: choose the handler."""
        self._connections.sends(self._server_conn, self)
        request = HTTPServerRequest(
            connection=self._connection,
            server_connection=self._server_conn,
            start_line=start_line,  # type: ignore[arg-type]  # of a server it is the request's
            headers=headers,
        )
        handler, args = self._application.choose(request)
        if getattr(handler, "_stream_request_body", False):
            self._inner = self._application.find_handler(request)
            return self._inner.headers_received(start_line, headers)
        request._parse_body = leave_unparsed  # type: ignore[method-assign]
        self._request = request
        self._handler = handler, args
        self._is_kept = getattr(handler, "reads_body", False)
        self._left_bytes = self._application.max_body_bytes
        self._unasked_bytes = self._left_bytes - FREE_BYTES
        return None

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        """Keep the piece while the bound allows (see ``BoundedBody``); Tornado reads on when the answer is done."""
        self._left_bytes -= len(chunk)
        if self._inner is not None:
            return self._inner.data_received(chunk)
        if self._left_bytes >= 0:
            if self._is_kept:
                self._keep(chunk)
                if self._left_bytes < self._unasked_bytes:
                    self._unasked_bytes = 0
                    return self._ask()
            return None
        self._request.is_body_over_bound = True  # type: ignore[attr-defined]
        self._drop()
        if self._left_bytes < -DRAIN_BYTES:
            # The handler's refusal ends the connection, since the body has not been read.
            self.finish()
        return None

    def finish(self) -> None:
        """The body is complete, or has been given up: the handler runs."""
        self._connections.has_sent(self._server_conn)
        if self._inner is not None:
            self._inner.finish()
            return
        if self._handler is None:
            return
        handler_class, args = self._handler
        self._handler = None
        chunks, self._chunks = self._chunks, []
        self._request.body = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        if self._place is not None:
            self._leave()
        self._application.run(handler_class, self._request, args)

    def on_connection_close(self) -> None:
        """The client left while sending; a handler at work is told by the connection itself."""
        self._connections.has_sent(self._server_conn)
        self._drop()
        self._handler = None
        if self._inner is not None:
            self._inner.on_connection_close()

    # -- within

    def _keep(self, chunk: bytes) -> None:
        chunks = self._chunks
        if chunks and len(chunks[-1]) + len(chunk) <= SMALL_BYTES:
            # A body sent in crumbs must not cost many times its size.
            chunks[-1] += chunk
        else:
            chunks.append(chunk)

    async def _ask(self) -> None:
        """Ask whether the body, a large one, may come."""
        found = await self._application.let_in(self._request)
        if isinstance(found, Place):
            self._place = found
            return
        self._request.refusal = found  # type: ignore[attr-defined]
        self._drop()

    def _drop(self) -> None:
        """Keep nothing of what has come, nor of what will."""
        self._is_kept = False
        self._chunks.clear()
        self._leave()

    def _leave(self) -> None:
        place, self._place = self._place, None
        if place is not None:
            self._application.leave(place)
