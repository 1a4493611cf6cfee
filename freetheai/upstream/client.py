"""The client: Tornado's curl client with its path for each request replaced.

Strategy: ``CurlAsyncHTTPClient`` brings the multi handle and ties its sockets and timer to the loop. It calls
``_finish`` for each transfer that libcurl is done with and ``_process_queue`` after every return from libcurl: here the
first only detaches, and the second, in place of starting queued requests, delivers what the callbacks have queued. So a
handler's code never runs within libcurl, nor between libcurl's report of an end and our taking note of it.

Rules:
- what never changes is set once for a handle; a call sets its URL, headers, body, method and connect time-out;
- a handle that goes back to the pool holds nothing of its last call;
- an idle connection may be dead: libcurl then repeats the request by itself on a new one, if not a byte had come back.
  It gives up after five such connections; then the call is made once more, on one of its own.
"""

import asyncio
import math
import ssl
from collections import deque
from collections.abc import Sequence
from typing import Any, Final

import pycurl
from tornado.curl_httpclient import CurlAsyncHTTPClient

from freetheai import __version__, errors
from freetheai.errors import ApiError
from freetheai.upstream.pieces import PieceSource
from freetheai.upstream.sockets import CurlSockets
from freetheai.upstream.transfer import Transfer
from freetheai.upstream.values import Answer, ResponseHead, UpstreamCall

USER_AGENT: Final = f"freetheai-gateway/{__version__}"

# libcurl reads and writes in pieces of this size. 16 KiB is its least for uploads: its default of 64 costs every
# stream 46 KB of memory.
_BUFFER_BYTES: Final = 16 * 1024
# Handles kept for reuse beyond those at work, and idle connections kept open to all providers together: libcurl by
# itself would keep as many as the busiest moment had.
_MAX_IDLE_HANDLES: Final = 256
_MAX_IDLE_CONNECTIONS: Final = 256
# Sent with every call. `Expect` is emptied because libcurl asks for 100-continue above 1 MiB, which relays answer
# with 417 or not at all; compressed streams come in blocks instead of tokens.
_HEADERS: Final = ["Expect:", "Accept-Encoding: identity"]


class _Handle:
    """A prepared libcurl handle and the transfer it works for."""

    __slots__ = ("curl", "has_own_method", "has_pieces", "is_fresh", "transfer")

    def __init__(self, ca_file: str) -> None:
        self.transfer: Transfer | None = None
        self.has_pieces = False
        self.has_own_method = False
        self.is_fresh = False
        self.curl = curl = pycurl.Curl()
        for option, value in _constant_options(ca_file):
            curl.setopt(option, value)
        curl.setopt(pycurl.HEADERFUNCTION, self._on_header)
        curl.setopt(pycurl.WRITEFUNCTION, self._on_body)

    def prepare(self, call: UpstreamCall) -> None:
        """Set what belongs to this call alone."""
        curl = self.curl
        curl.setopt(pycurl.URL, call.url)
        curl.setopt(pycurl.HTTPHEADER, call.headers + _HEADERS)
        curl.setopt(pycurl.CONNECTTIMEOUT_MS, max(1, int(call.timeouts.connect_s * 1000)))
        if call.pieces:
            self._prepare_pieces(call.pieces)
        elif call.body or call.method == "POST":
            # The bytes themselves, not a copy: pycurl keeps them alive. Sets the length and the method too.
            curl.setopt(pycurl.POSTFIELDS, call.body)
        else:
            curl.setopt(pycurl.HTTPGET, 1)
        if call.method not in ("GET", "POST") or (call.body and call.method == "GET"):
            curl.setopt(pycurl.CUSTOMREQUEST, call.method)
            self.has_own_method = True

    def make_fresh(self) -> None:
        """Let the call make a connection of its own."""
        self.is_fresh = True
        self.curl.setopt(pycurl.FRESH_CONNECT, 1)

    def clear(self) -> None:
        """Let go of the call: its body may be megabytes of someone's prompt."""
        self.transfer = None
        self.curl.setopt(pycurl.POSTFIELDS, b"")
        if self.has_own_method:
            self.curl.unsetopt(pycurl.CUSTOMREQUEST)
            self.has_own_method = False
        if self.is_fresh:
            self.curl.setopt(pycurl.FRESH_CONNECT, 0)
            self.is_fresh = False

    def _prepare_pieces(self, pieces: Sequence[bytes]) -> None:
        """Have the body asked for. A handle that has had POSTFIELDS once can't (pycurl unsets it not): never reused."""
        source = PieceSource(pieces)
        self.curl.setopt(pycurl.POST, 1)
        self.curl.setopt(pycurl.POSTFIELDSIZE_LARGE, source.size_bytes)
        self.curl.setopt(pycurl.READFUNCTION, source.read)
        self.curl.setopt(pycurl.SEEKFUNCTION, source.seek)
        self.has_pieces = True

    def _on_header(self, line: bytes) -> None:
        if self.transfer is not None:
            self.transfer.receive_header(line)

    def _on_body(self, data: bytes) -> int | None:
        return self.transfer.receive_body(data) if self.transfer is not None else None


class _CurlDriver(CurlAsyncHTTPClient):
    """Tornado's client without its requests: see the head of this module. Of its methods ``fetch`` must not be used."""

    def initialize(self, ca_file: str = "") -> None:  # type: ignore[override]
        """``ca_file``: certificates to trust."""
        self.loop = asyncio.get_running_loop()
        self.sockets = CurlSockets(self.loop, self._act)
        # When libcurl's timer is due, and when the callback for it comes (the loop's seconds).
        self._due_s = self._called_s = math.inf
        super().initialize(max_clients=0)
        self.ca_file = ca_file
        self.handles: dict[Any, _Handle] = {}
        self._idle: list[_Handle] = []
        self._ready: deque[Transfer] = deque()
        self._multi.setopt(pycurl.M_MAXCONNECTS, _MAX_IDLE_CONNECTIONS)

    def begin(self, call: UpstreamCall) -> Transfer:
        """Start ``call``; raises ValueError for one that cannot be sent."""
        if call.method == "HEAD" or any("\n" in line or "\r" in line for line in call.headers):
            raise ValueError("a call may not be HEAD, nor have line breaks in its headers")
        handle = self._idle.pop() if self._idle and not call.pieces else _Handle(self.ca_file)
        transfer = handle.transfer = Transfer(self, call.timeouts)
        try:
            handle.prepare(call)
        except Exception:
            handle.curl.close()
            raise
        self.handles[handle.curl] = handle
        transfer.attach(handle.curl)
        self._multi.add_handle(handle.curl)
        return transfer

    def mark(self, transfer: Transfer) -> None:
        """Flush it as soon as libcurl has returned."""
        self._ready.append(transfer)

    def detach(self, curl: Any) -> None:
        """Take the handle from libcurl; outside of its callbacks this closes an unfinished connection at once."""
        handle = self.handles.pop(curl)
        self._multi.remove_handle(curl)
        handle.clear()
        if len(self._idle) < _MAX_IDLE_HANDLES and not handle.has_pieces:
            self._idle.append(handle)
        else:
            curl.close()

    def close(self) -> None:
        """Abort what runs and close all connections; a second time does nothing."""
        if self._closed:
            return
        for handle in list(self.handles.values()):
            if handle.transfer is not None:
                handle.transfer.abort()
        for handle in self._idle:
            handle.curl.close()
        self._idle.clear()
        super().close()
        self.sockets.close()

    def _handle_socket(self, event: int, fd: int, multi: Any, data: Any) -> None:
        """Called by libcurl to say what it waits for on a socket."""
        del multi, data
        self.sockets.watch(fd, event)

    def _act(self, fd: int, action: int) -> None:
        """What libcurl waits for on a socket has come."""
        try:
            _, running = self._multi.socket_action(fd, action)
        except pycurl.error:
            running = -1  # whose fault it was, libcurl says of the transfer
        if running < len(self.handles):
            self._finish_pending_requests()
        else:
            self._process_queue()

    def _finish(self, curl: Any, curl_error: int | None = None, curl_message: str | None = None) -> None:
        handle = self.handles[curl]
        transfer = handle.transfer
        if transfer is not None:
            if curl_error == pycurl.E_SEND_ERROR and not (handle.is_fresh or handle.has_pieces or transfer.has_heard):
                # Only dead connections of the pool were tried: nothing was sent that anyone could have read.
                self._multi.remove_handle(curl)
                handle.make_fresh()
                self._multi.add_handle(curl)
                return
            transfer.finish_by_curl(curl_error or 0, curl_message or "")

    def _process_queue(self) -> None:
        while self._ready:
            self._ready.popleft().flush()

    def _set_timeout(self, msecs: int) -> None:
        """Called by libcurl to set its one timer; -1 means none, which Tornado's own takes for "at once".

        libcurl sets it anew with every call, nearly always for later: then the callback that waits already looks again.
        """
        self._due_s = math.inf if msecs < 0 else self.loop.time() + msecs / 1000
        if self._timeout is None or self._due_s < self._called_s:
            self._call_in_time()

    def _call_in_time(self) -> None:
        if self._timeout is not None:
            self._timeout.cancel()  # type: ignore[attr-defined]
            self._timeout = None
        if self._due_s < math.inf:
            self._called_s = self._due_s
            self._timeout = self.loop.call_at(self._due_s, self._look_at_time)

    def _look_at_time(self) -> None:
        if self.loop.time() < self._due_s:
            self._timeout = None
            self._call_in_time()
        else:
            self._handle_timeout()


class Upstream:
    """All calls to all providers. Make it on the running loop that will use it.

    ``max_transfers``: how many may run at once; one more is refused. ``ca_file``: certificates to trust in place of the
    system's. The environment's proxy settings are not looked at.
    """

    def __init__(self, *, max_transfers: int = 1000, ca_file: str = "") -> None:
        self._max_transfers = max_transfers
        self._driver = _CurlDriver(force_instance=True, ca_file=ca_file or default_ca_file())

    @property
    def active(self) -> int:
        """Transfers at work now."""
        return len(self._driver.handles)

    def start(self, call: UpstreamCall) -> Transfer:
        """Start a call. It is sent when the loop runs next; nothing waits for a free place.

        Raises:
            ApiError: PROVIDER_UNAVAILABLE, ``max_transfers`` are at work: no fault of the provider's.
            ValueError: method, URL or headers cannot be sent: a mistake of ours.
        """
        if len(self._driver.handles) >= self._max_transfers:
            raise ApiError(errors.PROVIDER_UNAVAILABLE)
        return self._driver.begin(call)

    async def fetch(self, call: UpstreamCall, max_body_bytes: int) -> Answer:
        """One call and its whole answer, at most ``max_body_bytes`` of it; raises as ``start`` does.

        Cancelling it aborts the call.
        """
        with self.start(call) as transfer:
            head = await transfer.head()
            if not isinstance(head, ResponseHead):
                return Answer(head=None, body=b"", end=head)
            body, end = await transfer.collect(max_body_bytes)
            return Answer(head=head, body=body, end=end)

    def close(self) -> None:
        """Abort all transfers (their tasks see ``aborted``) and close all connections. Twice does no harm.

        For the process's end only: it may block until look-ups of names that are still under way have given up.
        """
        self._driver.close()


def default_ca_file() -> str:
    """The system's file of trusted certificates, "" if there is none.

    libcurl in pycurl's wheel looks where Red Hat has it, and only there: elsewhere every TLS connection would fail.
    """
    return ssl.get_default_verify_paths().cafile or ""


def _constant_options(ca_file: str) -> list[tuple[int, Any]]:
    options: list[tuple[int, Any]] = [
        (pycurl.NOSIGNAL, 1),
        (pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS),
        (pycurl.FOLLOWLOCATION, 0),
        (pycurl.PROXY, ""),
        # What an escaped segment holds is a name, also `..`: it is not resolved.
        (pycurl.PATH_AS_IS, 1),
        (pycurl.TCP_NODELAY, 1),
        (pycurl.TCP_KEEPALIVE, 1),
        (pycurl.BUFFERSIZE, _BUFFER_BYTES),
        (pycurl.UPLOAD_BUFFERSIZE, _BUFFER_BYTES),
        (pycurl.SSL_VERIFYPEER, 1),
        (pycurl.SSL_VERIFYHOST, 2),
        (pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_2TLS),
        # 1 would let a call wait for another one's connection, in the hope to share it over HTTP/2: a second call was
        # seen to wait for the whole of the first, on plain HTTP too. Nothing waits here.
        (pycurl.PIPEWAIT, 0),
        (pycurl.USERAGENT, USER_AGENT),
        # Decodes what a provider compresses although our header asks it not to.
        (pycurl.ACCEPT_ENCODING, "gzip, deflate, br"),
    ]
    return [*options, (pycurl.CAINFO, ca_file)] if ca_file else options
