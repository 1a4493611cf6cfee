"""Reads a request's body within our bound, so that a body that is too large still gets its JSON answer.

Tornado's own bound closes the connection without a word, and answering while the client still uploads resets it. So
the server's bound is several times ours: what exceeds ours is read and dropped, then the handler refuses.
"""

from collections.abc import Awaitable
from typing import Final

from tornado.httputil import (
    HTTPHeaders,
    HTTPMessageDelegate,
    HTTPServerRequest,
    RequestStartLine,
    ResponseStartLine,
)

# Past this many times our bound the connection is closed: nobody means to send that.
SERVER_BOUND_FACTOR: Final = 4


class BoundedBody(HTTPMessageDelegate):
    """Stands before a handler's own delegate and counts."""

    def __init__(self, delegate: HTTPMessageDelegate, request: HTTPServerRequest, max_bytes: int) -> None:
        self._delegate = delegate
        self._request = request
        self._left_bytes = max_bytes

    def headers_received(
        self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders
    ) -> Awaitable[None] | None:
        """Pass the head on. Tornado would parse forms by content type; our bodies are JSON whatever they claim."""
        self._request._parse_body = _leave_unparsed  # type: ignore[method-assign]
        return self._delegate.headers_received(start_line, headers)

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        """Keep the piece while the bound allows."""
        self._left_bytes -= len(chunk)
        if self._left_bytes < 0:
            self._request.is_body_over_bound = True  # type: ignore[attr-defined]
            return None
        return self._delegate.data_received(chunk)

    def finish(self) -> None:
        """The body is complete: the handler runs."""
        self._delegate.finish()

    def on_connection_close(self) -> None:
        """The client left while sending."""
        self._delegate.on_connection_close()


def _leave_unparsed() -> None:
    return None
