"""The state of one call, from its first byte to its end.

Strategy: libcurl's callbacks fill ``_head_lines`` and ``_chunks`` and put the transfer on its driver's ready list; when
libcurl has returned, the driver calls ``flush``, which publishes the head and hands over the queue. libcurl watches the
connect time-out, one loop timer the others: it is not moved for each read, but looks at the time of the last read when
it fires.

Rules:
- ``_curl`` is set while libcurl works for this call, and None from the moment it does not;
- what ends a transfer first stands, except that ``abort`` may still discard what was not delivered;
- the end is told only when all queued bytes have been, unless a time-out or an abort discarded them.
"""

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final, Protocol, Self

import pycurl

from freetheai.upstream.failures import failure_kind
from freetheai.upstream.head import parse_head, status_of
from freetheai.upstream.values import CallTimeouts, EndKind, ResponseHead, UpstreamEnd
from freetheai.wire.events import FailureKind, FailurePhase, UpstreamFailure

# Bytes of one transfer that may wait for a slow client before libcurl stops reading from the provider's socket.
HELD_BYTES: Final = 256 * 1024


class Driver(Protocol):
    """What a transfer needs of the client that drives it."""

    loop: asyncio.AbstractEventLoop

    def mark(self, transfer: "Transfer") -> None:
        """Call ``transfer.flush`` as soon as libcurl has returned."""
        ...

    def detach(self, curl: Any) -> None:
        """Take the handle from libcurl and back into the pool; an unfinished connection is closed at once."""
        ...


class Transfer:
    """One call to a provider, made by ``Upstream.start``. Use it as a context manager: its exit aborts what still runs.

    One task at a time may wait for it. Cancelling that task does not stop the transfer; leaving the ``with`` does.
    """

    __slots__ = (
        "_chunks", "_curl", "_driver", "_end", "_error", "_first_byte_s", "_has_whole_head", "_head", "_head_lines",
        "_is_delivering", "_is_held", "_is_marked", "_is_paused", "_last_byte_at", "_on_data", "_phase",
        "_queued_bytes", "_started_at", "_timeouts", "_timer", "_waiter",
    )  # fmt: skip

    def __init__(self, driver: Driver, timeouts: CallTimeouts) -> None:
        self._driver = driver
        self._timeouts = timeouts
        self._curl: Any = None
        self._started_at = self._last_byte_at = driver.loop.time()
        self._timer: asyncio.TimerHandle | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._on_data: Callable[[bytes], None] | None = None
        self._phase: FailurePhase = "stream"
        self._head_lines: list[bytes] = []
        self._has_whole_head = False
        self._head: ResponseHead | None = None
        self._first_byte_s = 0.0
        self._chunks: list[bytes] = []
        self._queued_bytes = 0
        self._is_marked = self._is_paused = self._is_held = self._is_delivering = False
        self._end: UpstreamEnd | None = None
        self._error: Exception | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.abort()

    # -- what a handler calls

    async def head(self) -> ResponseHead | UpstreamEnd:
        """Status and headers as soon as they are there, or the end of a transfer that never had any."""
        while self._head is None:
            if self._end is not None:
                return self._end
            await self._wait()
        return self._head

    async def run(self, on_data: Callable[[bytes], None]) -> UpstreamEnd:
        """Give the body to ``on_data``, one call for each upstream read, and return how it ended.

        What has arrived before is delivered at once. ``on_data`` may hold, release and abort; what it raises aborts the
        transfer and is raised here.
        """
        self._on_data = on_data
        try:
            self._deliver()
            while self._end is None or self._chunks:
                await self._wait()
        finally:
            self._on_data = None
        if self._error is not None:
            raise self._error
        return self._end

    async def collect(self, max_bytes: int) -> tuple[bytes, UpstreamEnd]:
        """Gather the body; return it with the end.

        A body of more than ``max_bytes`` is given up: its beginning comes with a ``too_large`` failure.
        """
        self._phase = "body"
        pieces: list[bytes] = []
        room = max_bytes

        def gather(data: bytes) -> None:
            nonlocal room
            pieces.append(data[:room])
            room -= len(data)
            if room < 0:
                self.abort()

        end = await self.run(gather)
        if room < 0:
            end = self._make_end("failed", self._failure("too_large", message=f"more than {max_bytes} bytes"))
        return b"".join(pieces), end

    def hold(self) -> None:
        """Deliver nothing from now on. Past ``HELD_BYTES`` waiting, the provider is no longer read."""
        self._is_held = True

    def release(self) -> None:
        """Deliver what waits, within this call, and go on."""
        self._is_held = False
        # The idle clock did not run while we were the slow ones.
        self._last_byte_at = self._driver.loop.time()
        self._deliver()

    def abort(self) -> None:
        """Stop at once: the provider sees the connection close (on HTTP/2 the stream), ``on_data`` is not called again,
        and ``run`` returns an end of kind ``aborted``. Does nothing if all was delivered already.
        """
        if self._end is None or self._chunks:
            self._finish("aborted", discard=True)

    # -- what the driver calls

    def attach(self, curl: Any) -> None:
        """Libcurl works on it from now on."""
        self._curl = curl
        self._timer = self._driver.loop.call_at(
            self._started_at + min(self._timeouts.first_byte_s, self._timeouts.total_s), self._check_deadlines
        )

    def receive_header(self, line: bytes) -> None:
        """The header callback: one line with its line break. libcurl bounds line and head (100 and 300 KiB)."""
        if self._has_whole_head:
            return  # a trailer
        if line not in (b"\r\n", b"\n"):
            self._head_lines.append(line)
        elif status_of(self._head_lines[0]) < 200:
            self._head_lines.clear()  # 100 Continue, 103 Early Hints: the answer is still to come
        else:
            self._has_whole_head = True
            self._mark()

    def receive_body(self, data: bytes) -> int | None:
        """The write callback. What is answered with a pause stays in libcurl and is given again later."""
        if self._queued_bytes >= HELD_BYTES:
            self._is_paused = True
            return int(pycurl.WRITEFUNC_PAUSE)
        self._chunks.append(data)
        self._queued_bytes += len(data)
        self._mark()
        return None

    @property
    def has_heard(self) -> bool:
        """Whether a byte of an answer has come."""
        return self._head is not None or bool(self._head_lines) or bool(self._chunks)

    def flush(self) -> None:
        """Once libcurl has returned: publish the head, deliver what is queued."""
        self._is_marked = False
        self._last_byte_at = self._driver.loop.time()
        self._publish_head()
        self._deliver()

    def finish_by_curl(self, errno: int, message: str) -> None:
        """The handle is done: well (0) or with an error number. Runs no code of a handler."""
        self._publish_head()
        if errno == 0 and self._head is not None:
            self._finish("complete")
            return
        if errno == 0:
            # libcurl takes a close within the header lines for a good end of an answer without a body.
            errno, message = pycurl.E_PARTIAL_FILE, "closed within the head"
        kind, code = failure_kind(errno, self._failure_phase()), f"curl_{errno}"
        self._finish("failed", self._failure(kind, code="connect" if kind == "timeout" else code, message=message))

    # -- within

    def _mark(self) -> None:
        if not self._is_marked:
            self._is_marked = True
            self._driver.mark(self)

    def _publish_head(self) -> None:
        if self._head is not None or not self._has_whole_head:
            return
        now = self._driver.loop.time()
        self._head = parse_head(self._head_lines)
        self._head_lines.clear()
        self._first_byte_s = now - self._started_at
        # From here on the idle time-out counts, and it may be due before the timer is.
        idle_at = now + self._timeouts.idle_s
        if self._timer is not None and self._timer.when() > idle_at:
            self._timer.cancel()
            self._timer = self._driver.loop.call_at(idle_at, self._check_deadlines)
        self._wake()

    def _deliver(self) -> None:
        """Hand over the queue, and let libcurl go on if it was stopped because of it."""
        if self._is_delivering:
            return  # called from within on_data: the loop below goes on
        self._is_delivering = True
        while self._on_data is not None and not self._is_held:
            if self._chunks:
                data = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
                self._discard()
                self._call(self._on_data, data)
            elif self._is_paused and self._curl is not None:
                self._unpause()
            else:
                break
        self._is_delivering = False
        if self._end is not None and not self._chunks:
            self._wake()

    def _call(self, on_data: Callable[[bytes], None], data: bytes) -> None:
        try:
            on_data(data)
        except Exception as error:
            # Neither the provider's fault nor ours: it belongs to whoever awaits run().
            self._error = error
            self._on_data = None
            self.abort()

    def _unpause(self) -> None:
        """May call ``receive_body`` within, with what libcurl has kept."""
        self._is_paused = False
        try:
            self._curl.pause(pycurl.PAUSE_CONT)
        except pycurl.error:
            # It failed while it was paused; libcurl reports it as finished in a moment.
            return

    def _discard(self) -> None:
        self._chunks.clear()
        self._queued_bytes = 0

    def _check_deadlines(self) -> None:
        """The timer fired: end the transfer if a time-out has passed, look again later if not."""
        now = self._driver.loop.time()
        total_at = self._started_at + self._timeouts.total_s
        if self._head is None:
            code, due_at = "first_byte", self._started_at + self._timeouts.first_byte_s
        elif self._is_held or self._is_paused:
            code, due_at = "idle", now + self._timeouts.idle_s
        else:
            code, due_at = "idle", self._last_byte_at + self._timeouts.idle_s
        if now >= total_at:
            code = "total"
        if now >= min(due_at, total_at):
            self._finish("failed", self._failure("timeout", code=code), discard=True)
        else:
            self._timer = self._driver.loop.call_at(min(due_at, total_at), self._check_deadlines)

    def _failure_phase(self) -> FailurePhase:
        if self._head is not None:
            return self._phase
        # Bytes of the request that went out: 0 means not connected (the times are set for failures too).
        return "headers" if self._curl.getinfo(pycurl.REQUEST_SIZE) else "connect"

    def _failure(self, kind: FailureKind, *, code: str = "", message: str = "") -> UpstreamFailure:
        status, headers = (self._head.status, self._head.headers) if self._head is not None else (0, {})
        phase = self._failure_phase()
        return UpstreamFailure(kind=kind, phase=phase, status=status, headers=headers, code=code, message=message)

    def _make_end(self, kind: EndKind, failure: UpstreamFailure | None = None) -> UpstreamEnd:
        connect_s = self._end.connect_s if self._end is not None else 0.0
        if self._curl is not None:
            # The second is the time of TCP alone, set where there is no TLS on top of it.
            connect_s = self._curl.getinfo(pycurl.APPCONNECT_TIME) or self._curl.getinfo(pycurl.CONNECT_TIME)
        return UpstreamEnd(
            kind=kind,
            failure=failure,
            connect_s=connect_s,
            first_byte_s=self._first_byte_s,
            duration_s=self._driver.loop.time() - self._started_at,
        )

    def _finish(self, kind: EndKind, failure: UpstreamFailure | None = None, *, discard: bool = False) -> None:
        self._end = self._make_end(kind, failure)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._curl is not None:
            curl, self._curl = self._curl, None
            self._driver.detach(curl)
        if discard:
            self._discard()
        if not self._chunks:
            self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def _wait(self) -> None:
        self._waiter = self._driver.loop.create_future()
        await self._waiter
