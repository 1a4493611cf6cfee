"""Reading requests from a connection: Tornado's protocol, with a short way for what nearly every request looks like.

Strategy: the usual request has one head of plain lines and a body whose length is declared and that came along with the
head. For that, a head is taken apart without an expression a line, and the body is taken from the buffer without a
future. All else goes Tornado's own way, so that there is one answer to every malformed message.

Rules:
- the short way only decides what it is sure of: a head that holds anything but plain lines is parsed by Tornado;
- the order of calls to the delegate is Tornado's: head, pieces, end, or the news that the client left.
"""

import asyncio
import logging
import re
from collections.abc import Awaitable
from typing import Any, Final

from tornado.http1connection import HTTP1Connection, HTTP1ServerConnection
from tornado.httputil import HTTPHeaders, HTTPMessageDelegate, HTTPServerConnectionDelegate
from tornado.iostream import StreamClosedError, UnsatisfiableReadError

_logger = logging.getLogger(__name__)

# All that a head of plain lines may consist of (RFC 9110, section 5.5).
_PLAIN: Final = bytes(byte for byte in range(256) if byte >= 0x20 and byte != 0x7F) + b"\t\r\n"
_TOKEN: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
# Names of headers as clients write them, and as they are looked up: there are few, and a stranger can't add many.
_MAX_NAMES: Final = 2000
_MAX_NAME_CHARACTERS: Final = 64
_names: dict[str, str] = {}


class ServerConnection(HTTP1ServerConnection):
    """A client's connection, from its first request to its last."""

    async def _server_request_loop(self, delegate: HTTPServerConnectionDelegate) -> None:
        stream: Any = self.stream
        try:
            while True:
                connection = _Connection(stream, False, self.params, self.context)
                if not await connection.read_response(delegate.start_request(self, connection)):
                    return
                if stream._read_buffer_size:
                    # The next request is here already: others first.
                    await asyncio.sleep(0)
        except (StreamClosedError, UnsatisfiableReadError, asyncio.CancelledError):
            return
        except Exception:
            _logger.exception("a connection failed")
            stream.close()
        finally:
            delegate.on_close(self)


class _Connection(HTTP1Connection):
    """One request of a connection and its answer."""

    def _parse_headers(self, data: bytes) -> tuple[str, HTTPHeaders]:
        return parse_head(data) or super()._parse_headers(data)

    def _read_body(self, code: int, headers: HTTPHeaders, delegate: HTTPMessageDelegate) -> Awaitable[None] | None:
        length = headers._combined_cache.get("Content-Length", "")
        stream: Any = self.stream
        # Not more than one piece of the stream's, as it would be read; digits alone (`isdigit` knows others too).
        if (
            0 < len(length) < 6
            and length.isascii()
            and length.isdigit()
            and 0 < (size := int(length)) <= min(stream._read_buffer_size, self.params.chunk_size)
            and "Transfer-Encoding" not in headers
            and not self._write_finished
        ):
            return self._deliver_whole(delegate, stream._consume(size))
        return super()._read_body(code, headers, delegate)

    def _deliver_whole(self, delegate: HTTPMessageDelegate, body: bytes) -> Awaitable[None] | None:
        waiting = delegate.data_received(body)
        self.stream._maybe_add_error_listener()
        return waiting


def parse_head(data: bytes) -> tuple[str, HTTPHeaders] | None:
    """The start line and headers of a head with the empty line at its end; None where it is not of the usual kind."""
    breaks = data.count(b"\r\n")
    if data.translate(None, _PLAIN) or data.count(b"\r") != breaks or data.count(b"\n") != breaks:
        return None
    start_line, *lines, before_last, last = data.decode("latin1").split("\r\n")
    if not start_line or before_last or last:
        return None
    as_list: dict[str, list[str]] = {}
    combined: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        known = _names.get(name) or _learn(name)
        if not (colon and known) or known in combined:
            return None
        combined[known] = value = value.strip(" \t")
        as_list[known] = [value]
    headers = HTTPHeaders.__new__(HTTPHeaders)
    headers._as_list, headers._combined_cache = as_list, combined
    return start_line, headers


def _learn(name: str) -> str:
    if len(name) > _MAX_NAME_CHARACTERS or _TOKEN.fullmatch(name) is None:
        return ""
    known = "-".join(part.capitalize() for part in name.split("-"))
    if len(_names) < _MAX_NAMES:
        _names[name] = known
    return known
