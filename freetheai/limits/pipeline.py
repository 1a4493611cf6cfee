"""A pipelining Redis client: all concurrent commands share one connection.

Strategy: commands of one loop iteration leave in one write; replies come in the order of the commands, so a queue of
futures is all the bookkeeping. The first command after a loss connects anew; all who wait share that attempt.

Rules:
- a command is answered, or fails with RedisUnavailable, within ``timeout_s`` (and as much again if it had to connect);
- replies are matched by order alone: after a timeout the connection is closed, for a late reply would be taken for
  the next command's, and all that wait on it fail;
- a command whose connection was lost is sent once more: only what may be done twice goes through here;
- there is no back-off: a Redis that is back serves the next command.

Protocol: https://redis.io/docs/latest/develop/reference/protocol-spec/ (version 2)
"""

import asyncio
import functools
from collections import deque
from dataclasses import dataclass
from typing import Any, Final

from freetheai.limits.scripts import Part, RedisNotAsked, RedisReplyError, RedisUnavailable
from freetheai.tasks import TaskGroup

# No reply of ours comes near: what is longer isn't Redis (bytes).
MAX_REPLY_BYTES: Final = 1 << 20
# The node can't serve at all just now; reconnecting may find one that can.
_AWAY: Final = ("LOADING", "READONLY", "MASTERDOWN", "NOAUTH")


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where Redis is: ``unix_path``, or ``host`` and ``port``; and who we are there."""

    host: str = "localhost"
    port: int = 6379
    unix_path: str = ""
    username: str = ""
    password: str = ""
    database: int = 0


class ConnectionLost(RedisUnavailable):
    """The connection ended before the reply came; not a timeout."""


class ProtocolError(Exception):
    """What came is no Redis reply."""


class _Incomplete(Exception):
    """The reply goes on in the next read."""


class ReplyReader:
    """Cut bytes into replies; an error reply is a RedisReplyError *value*."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[Any]:
        """Return the replies that ``data`` completes; keep the rest.

        Raises:
            ProtocolError: no Redis speaks like that.
        """
        buffer = self._rest + data if self._rest else data
        replies: list[Any] = []
        position = 0
        try:
            while position < len(buffer):
                reply, position = _parse(buffer, position)
                replies.append(reply)
        except _Incomplete:
            pass
        except RecursionError:
            raise ProtocolError("nested too deep") from None
        self._rest = buffer[position:]
        if len(self._rest) > MAX_REPLY_BYTES:
            raise ProtocolError("reply too long")
        return replies


def _parse(buffer: bytes, start: int) -> tuple[Any, int]:
    end = buffer.find(b"\r\n", start)
    if end < 0:
        raise _Incomplete
    kind, line, after = buffer[start], buffer[start + 1 : end], end + 2
    if kind == 58:  # :
        return _integer(line), after
    if kind == 36:  # $
        return _bulk(buffer, _integer(line), after)
    if kind == 42:  # *
        return _array(buffer, _integer(line), after)
    if kind == 43:  # +
        return line, after
    if kind == 45:  # -
        return RedisReplyError(line.decode(errors="replace")), after
    raise ProtocolError("unknown kind of reply")


def _integer(line: bytes) -> int:
    try:
        return int(line)
    except ValueError:
        raise ProtocolError("not a number") from None


def _bulk(buffer: bytes, length: int, start: int) -> tuple[bytes | None, int]:
    if length < 0:
        return None, start
    end = start + length
    if len(buffer) < end + 2:
        raise _Incomplete
    return buffer[start:end], end + 2


def _array(buffer: bytes, length: int, position: int) -> tuple[list[Any] | None, int]:
    if length < 0:
        return None, position
    items = []
    for _ in range(length):
        item, position = _parse(buffer, position)
        items.append(item)
    return items, position


def encode(parts: tuple[Part, ...]) -> bytes:
    """A command as Redis reads it."""
    return b"*%d\r\n%b" % (len(parts), b"".join(map(_encode_part, parts)))


@functools.lru_cache(maxsize=4096, typed=True)
def _encode_part(part: Part) -> bytes:
    # Remembered: of a command only the lease's id is new, the rest are a few scripts, accounts and limits.
    raw = part if isinstance(part, bytes) else str(part).encode(errors="surrogatepass")
    return b"$%d\r\n%b\r\n" % (len(raw), raw)


class _Connection(asyncio.Protocol):
    """One connection: what waits to be written, and who waits for which reply."""

    def __init__(self, timeout_s: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._timeout_s = timeout_s
        self._reader = ReplyReader()
        self._transport: asyncio.WriteTransport | None = None
        self._unsent: list[bytes] = []
        self._waiting: deque[tuple[asyncio.Future[Any], float]] = deque()  # and its deadline, loop time
        self._watchdog: asyncio.TimerHandle | None = None
        self.is_closed = False

    def __len__(self) -> int:
        return len(self._waiting)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)  # noqa: S101 - what create_connection gives
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        self.close(ConnectionLost(f"connection lost: {exc or 'closed by Redis'}"))

    def data_received(self, data: bytes) -> None:
        try:
            replies = self._reader.feed(data)
        except ProtocolError as error:
            self.close(RedisUnavailable(f"not a Redis reply: {error}"))
            return
        for reply in replies:
            if not self._waiting:
                self.close(RedisUnavailable("a reply that nobody asked for"))
                return
            future, _ = self._waiting.popleft()
            if not future.done():  # who asked may have gone meanwhile
                future.set_result(reply)

    def send(self, command: bytes) -> asyncio.Future[Any]:
        """Queue a command for this loop iteration's write; the future is its reply."""
        if self.is_closed:
            raise ConnectionLost("connection lost")
        future: asyncio.Future[Any] = self._loop.create_future()
        deadline = self._loop.time() + self._timeout_s
        self._waiting.append((future, deadline))
        if not self._unsent:
            self._loop.call_soon(self._write)
        self._unsent.append(command)
        if self._watchdog is None:
            self._watchdog = self._loop.call_at(deadline, self._watch)
        return future

    def close(self, reason: RedisUnavailable) -> None:
        """End the connection at once; all that wait on it fail with ``reason``'s kind and words."""
        if self.is_closed:
            return
        self.is_closed = True
        if self._watchdog is not None:
            self._watchdog.cancel()
        if self._transport is not None:
            self._transport.abort()
        while self._waiting:
            future, _ = self._waiting.popleft()
            if not future.done():
                future.set_exception(type(reason)(str(reason)))

    def _write(self) -> None:
        if self._transport is not None and not self.is_closed:
            self._transport.write(b"".join(self._unsent))
        self._unsent.clear()

    def _watch(self) -> None:
        # One timer for all: the oldest command has the earliest deadline.
        self._watchdog = None
        if not self._waiting:
            return
        deadline = self._waiting[0][1]
        if deadline <= self._loop.time():
            self.close(RedisUnavailable(f"no reply within {self._timeout_s:g} s"))
        else:
            self._watchdog = self._loop.call_at(deadline, self._watch)


class PipelineClient:
    """Commands to one Redis over one shared connection, opened when first needed.

    ``timeout_s``: how long a command may take (seconds). ``max_waiting``: commands without a reply beyond which the
    next is refused at once.
    """

    def __init__(self, endpoint: Endpoint, *, timeout_s: float = 1.5, max_waiting: int = 10_000) -> None:
        self._endpoint = endpoint
        self._timeout_s = timeout_s
        self._max_waiting = max_waiting
        self._connection: _Connection | None = None
        self._opening: asyncio.Task[_Connection | RedisUnavailable] | None = None
        self._tasks = TaskGroup()
        self._is_closed = False

    async def execute(self, *parts: Part) -> Any:
        """Send one command and return its reply.

        Raises:
            RedisUnavailable: no reply in time, no connection, or too many wait.
            RedisReplyError: the reply is an error.
        """
        command = encode(parts)
        try:
            reply = await self._ask(command)
        except ConnectionLost:
            reply = await self._ask_again(command)
        if isinstance(reply, RedisReplyError):
            if str(reply).startswith(_AWAY):
                self._drop(RedisUnavailable(str(reply)))
            raise reply
        return reply

    async def close(self) -> None:
        """Close the connection; commands fail from now on."""
        self._is_closed = True
        self._drop(RedisUnavailable("client closed"))
        await self._tasks.close()

    async def _ask(self, command: bytes) -> Any:
        connection = self._connection
        if connection is None or connection.is_closed:
            connection = await self._connect()
        if len(connection) >= self._max_waiting:
            raise RedisNotAsked("too many commands wait for Redis")
        return await connection.send(command)

    async def _ask_again(self, command: bytes) -> Any:
        try:
            return await self._ask(command)
        except RedisNotAsked as error:
            # True of this attempt, not of the first: that one may have had its effect before the connection was lost.
            raise RedisUnavailable(str(error)) from error

    async def _connect(self) -> _Connection:
        if self._is_closed:
            raise RedisNotAsked("client closed")
        if self._opening is None:
            self._opening = self._tasks.start(self._open(), "redis connect")
        opening = self._opening
        try:
            # Shielded: the one who asked first may leave, the others still wait for this attempt.
            opened = await asyncio.shield(opening)
        except asyncio.CancelledError:
            if opening.cancelled():  # by close(), not by our caller's leaving
                raise RedisNotAsked("client closed") from None
            raise
        if isinstance(opened, RedisUnavailable):
            raise RedisNotAsked(str(opened))
        return opened

    async def _open(self) -> "_Connection | RedisUnavailable":
        try:
            async with asyncio.timeout(self._timeout_s):
                self._connection = await self._handshake()
                return self._connection
        except TimeoutError:
            return RedisUnavailable(f"no connection within {self._timeout_s:g} s")
        except OSError as error:
            return RedisUnavailable(f"no connection: {error.strerror or error}")
        except RedisUnavailable as error:
            return error
        finally:
            self._opening = None

    async def _handshake(self) -> _Connection:
        loop, at = asyncio.get_running_loop(), self._endpoint
        connection = _Connection(self._timeout_s)
        if at.unix_path:
            await loop.create_unix_connection(lambda: connection, at.unix_path)
        else:
            await loop.create_connection(lambda: connection, at.host, at.port)
        try:
            for command in _greeting(at):
                reply = await connection.send(encode(command))
                if isinstance(reply, RedisReplyError):
                    raise RedisUnavailable(f"{command[0]!s} refused: {reply}")
        except BaseException:
            connection.close(RedisUnavailable("greeting failed"))
            raise
        return connection

    def _drop(self, reason: RedisUnavailable) -> None:
        if self._connection is not None:
            self._connection.close(reason)
            self._connection = None


def _greeting(at: Endpoint) -> list[tuple[Part, ...]]:
    greeting: list[tuple[Part, ...]] = []
    if at.password:
        greeting.append(("AUTH", at.username, at.password) if at.username else ("AUTH", at.password))
    if at.database:
        greeting.append(("SELECT", at.database))
    return greeting
