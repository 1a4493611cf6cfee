"""Reads a request's body within our bound, so that a body that is too large still gets its JSON answer.

Tornado's own bound closes the connection without a word, and an answer sent while the client still uploads is mostly
lost to the reset that follows. So Tornado's is out of reach, and what exceeds ours is read and dropped; only past
``DRAIN_BYTES`` more do we answer without having read to the end.
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

# What is read and dropped beyond the bound for the sake of an orderly answer.
DRAIN_BYTES: Final = 128 * 1024 * 1024
# Tornado's own bound: never met, since ours comes first.
SERVER_BOUND_BYTES: Final = 2**50


class BoundedBody(HTTPMessageDelegate):
    """Stands before a handler's own delegate and counts."""

    def __init__(self, delegate: HTTPMessageDelegate, request: HTTPServerRequest, max_bytes: int) -> None:
        self._delegate = delegate
        self._request = request
        self._left_bytes = max_bytes
        self._is_handled = False

    def headers_received(
        self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders
    ) -> Awaitable[None] | None:
        """Pass the head on. Tornado would parse forms by content type; our bodies are JSON whatever they claim."""
        self._request._parse_body = leave_unparsed  # type: ignore[method-assign]
        return self._delegate.headers_received(start_line, headers)

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        """Keep the piece while the bound allows."""
        self._left_bytes -= len(chunk)
        if self._left_bytes >= 0:
            return self._delegate.data_received(chunk)
        self._request.is_body_over_bound = True  # type: ignore[attr-defined]
        if self._left_bytes < -DRAIN_BYTES:
            # The handler's refusal ends the connection, since the body has not been read.
            self.finish()
        return None

    def finish(self) -> None:
        """The body is complete, or has been given up: the handler runs."""
        if not self._is_handled:
            self._is_handled = True
            self._delegate.finish()

    def on_connection_close(self) -> None:
        """The client left while sending."""
        self._delegate.on_connection_close()


def leave_unparsed() -> None:
    """In place of a request's ``_parse_body``."""
