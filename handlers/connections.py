"""The connections of the public port: how many there may be, and how long each may take its time.

Rules:
- one that asks nothing, or is slow with its head, is closed after a while; when there are as many as there may be, the
  one that has asked nothing for the longest makes room for the next: whoever opens many closes their own first;
- one that is slow with a body is closed: nothing for ``stall_s``, or not the whole within ``total_s``;
- looked at by a sweep over all of them, not by a timer each: to note a request costs a few operations on dicts.
"""

import errno
import logging
import resource
import socket
from collections.abc import Callable
from typing import Any, Final, Protocol

from tornado.http1connection import HTTP1ServerConnection
from tornado.ioloop import IOLoop
from tornado.iostream import IOStream

from freetheai import clock

_logger = logging.getLogger(__name__)

# How long (seconds) a connection may wait between two requests, and how long a head that has begun may take.
IDLE_S: Final = 600.0
HEAD_S: Final = 60.0
MAX_CONNECTIONS: Final = 20_000
# Of the file handles that we may have so many, at most half, are for other things than clients: providers first of all.
_OTHER_HANDLES: Final = 4500
# What `accept` may say when there is no room: in our table, in the system's, or in memory.
_NO_ROOM: Final = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_NO_ROOM_PAUSE_S: Final = 0.2
_TELL_EVERY_S: Final = 60.0


def connection_bound() -> int:
    """How many connections there may be, by the file handles that the system lets us have."""
    handles, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if handles == resource.RLIM_INFINITY:
        return MAX_CONNECTIONS
    return max(1, min(MAX_CONNECTIONS, handles - min(_OTHER_HANDLES, handles // 2)))


class Sender(Protocol):
    """A request whose body is on its way."""

    @property
    def left_bytes(self) -> int:
        """Less with every byte that comes."""
        ...

    @property
    def has_own_watch(self) -> bool:
        """Somebody else sees whether it comes on."""
        ...


class _Progress:
    """How far a body was at the last sweep."""

    __slots__ = ("began_s", "left_bytes", "moved_s", "sender")

    def __init__(self, sender: Sender, now_s: float) -> None:
        self.sender = sender
        self.began_s = self.moved_s = now_s
        self.left_bytes = sender.left_bytes


class Connections:
    """All connections that ask nothing, or are still asking; those that are answered are not here."""

    def __init__(self) -> None:
        # since when each waits (monotonic seconds), the longest first
        self._waiting: dict[object, float] = {}
        self._sending: dict[object, Sender] = {}
        self._half_heads: dict[object, float] = {}
        self._progress: dict[object, _Progress] = {}
        self._told_s = -_TELL_EVERY_S

    def waits(self, connection: object) -> None:
        """For its next request."""
        self._waiting[connection] = clock.monotonic_s()

    def sends(self, connection: object, sender: Sender) -> None:
        """The head has come, the body follows."""
        self._waiting.pop(connection, None)
        self._sending[connection] = sender

    def has_sent(self, connection: object) -> None:
        """The body is whole, or never will be."""
        self._sending.pop(connection, None)

    def ended(self, connection: object) -> None:
        """The connection is closed."""
        self._waiting.pop(connection, None)
        self._sending.pop(connection, None)

    @property
    def waiting_count(self) -> int:
        """How many ask nothing."""
        return len(self._waiting)

    def idle_streams(self) -> list[IOStream]:
        """Of those on which nothing is asked just now."""
        return [one.stream for one in self._waiting if isinstance(one, HTTP1ServerConnection)]

    def close_longest_idle(self) -> bool:
        """Make room for another one; whether there was any to be closed."""
        for connection in self._waiting:
            del self._waiting[connection]
            _close(connection)
            return True
        return False

    def close_idle(self, since_s: float) -> None:
        """Close what has waited since ``since_s`` (monotonic seconds)."""
        for connection, began_s in list(self._waiting.items()):
            if began_s < since_s:
                _close(connection)

    def close_slow(self, now_s: float, *, stall_s: float, total_s: float) -> None:
        """Close what is slow with its head or its body; what is new to us is looked at again next time."""
        half = [one for one in self._waiting if isinstance(one, HTTP1ServerConnection) and _has_begun(one)]
        self._half_heads = {one: self._half_heads.get(one, now_s) for one in half}
        for connection, began_s in self._half_heads.items():
            if now_s - began_s >= HEAD_S:
                _close(connection)
        known, self._progress = self._progress, {}
        for connection, sender in list(self._sending.items()):
            progress = known.get(connection)
            if progress is None or progress.sender is not sender:
                progress = _Progress(sender, now_s)
            if progress.left_bytes != sender.left_bytes or sender.has_own_watch:
                progress.left_bytes, progress.moved_s = sender.left_bytes, now_s
            self._progress[connection] = progress
            if now_s - progress.moved_s >= stall_s or now_s - progress.began_s >= total_s:
                _close(connection)

    def tell_full(self, reason: str) -> None:
        """Log that there is no room, once in a while."""
        now_s = clock.monotonic_s()
        if now_s - self._told_s >= _TELL_EVERY_S:
            self._told_s = now_s
            _logger.warning("no room for more connections", extra={"reason": reason})


class PatientListener:
    """A listening socket for Tornado that has no room at times: then it rests for a moment, or the loop would spin."""

    def __init__(self, listener: socket.socket, make_room: Callable[[str], None]) -> None:
        """``make_room(reason)`` closes something, if there is anything to be closed."""
        self._listener = listener
        self._make_room = make_room
        self._loop = IOLoop.current()

    def fileno(self) -> int:
        """Its file handle; the loop asks."""
        return self._listener.fileno()

    def close(self) -> None:
        """Close it; the loop may ask."""
        self._listener.close()

    def accept(self) -> tuple[socket.socket, Any]:
        """The next connection. Raises BlockingIOError: there is none, or no room for it yet."""
        try:
            return self._listener.accept()
        except OSError as error:
            if error.errno not in _NO_ROOM:
                raise
            self._make_room(str(error))
        self._loop.update_handler(self, 0)
        self._loop.call_later(_NO_ROOM_PAUSE_S, self._go_on)
        raise BlockingIOError

    def _go_on(self) -> None:
        try:
            self._loop.update_handler(self, IOLoop.READ)
        except (KeyError, ValueError, OSError):
            return  # it was closed meanwhile


def _has_begun(connection: HTTP1ServerConnection) -> bool:
    return bool(connection.stream._read_buffer_size)


def _close(connection: object) -> None:
    if isinstance(connection, HTTP1ServerConnection):
        connection.stream.close()
