"""The clients of the benchmark: raw sockets, callbacks, no HTTP library, so that they are not what is measured."""

import asyncio
import itertools
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import orjson

_STATUS_OK: Final = b"HTTP/1.1 200"
_LENGTH: Final = re.compile(rb"\r\nContent-Length: (\d+)", re.IGNORECASE)
_PATIENCE_S: Final = 30.0

_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What is asked: where it listens, which model it serves, with which keys."""

    name: str
    port: int
    model: str
    keys: tuple[str, ...] = ("none",)
    pid: int = 0

    def request(self, play: str, *, chunks: int = 0, key: int = 0) -> tuple[int, bytes]:
        """A number that names it, and the bytes of one request for ``play`` (see ``upstream.py``)."""
        number = next(_numbers)
        question = f"Why is the sea salt? play={play} chunks={chunks} number={number};"
        body = {
            "model": self.model,
            "messages": [
                {"role": "system", "content": "You answer in full sentences, and briefly. " * 6},
                {"role": "user", "content": question},
            ],
            "temperature": 0.7,
            "max_tokens": 512,
            "stream": play != "plain",
        }
        data = orjson.dumps(body)
        head = (
            f"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\n"
            f"Authorization: Bearer {self.keys[key % len(self.keys)]}\r\nContent-Type: application/json\r\n"
            f"Accept: application/json\r\nUser-Agent: OpenAI/Python 2.8.1\r\nContent-Length: {len(data)}\r\n\r\n"
        )
        return number, head.encode() + data


class LoadError(Exception):
    """The target answered otherwise than with success; nothing measured after that means anything."""


class Plain(asyncio.Protocol):
    """One connection that asks again as soon as it has the answer, until ``until_s`` (``time.perf_counter``)."""

    def __init__(self, request: bytes, until_s: float) -> None:
        self.answers = 0
        self.seconds: list[float] = []
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._request = request
        self._until_s = until_s
        self._got = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask."""
        self._transport: asyncio.WriteTransport = transport  # type: ignore[assignment]
        self._ask()

    def _ask(self) -> None:
        self._asked_s = time.perf_counter()
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """Take what came."""
        got = self._got = self._got + data if self._got else data
        head_end = got.find(b"\r\n\r\n")
        if head_end < 0:
            return
        length = _LENGTH.search(got, 0, head_end + 2)
        if length is None or not got.startswith(_STATUS_OK):
            self._fail(got)
            return
        if len(got) < head_end + 4 + int(length[1]):
            return
        now_s = time.perf_counter()
        self._got = b""
        self.answers += 1
        self.seconds.append(now_s - self._asked_s)
        if now_s < self._until_s:
            self._ask()
        else:
            self._transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        """It is over."""
        if not self.done.done():
            self.done.set_result(None)

    def _fail(self, got: bytes) -> None:
        self.done.set_exception(LoadError(got[:1500].decode(errors="replace")))
        self._transport.close()


async def ask_plain(target: Target, *, connections: int, seconds: float) -> list[Plain]:
    """Keep ``connections`` busy for ``seconds``; each of them with what it has seen."""
    loop = asyncio.get_running_loop()
    until_s = time.perf_counter() + seconds
    asking = []
    for index in range(connections):
        _, request = target.request("plain", key=index)
        plain = Plain(request, until_s)
        await loop.create_connection(lambda plain=plain: plain, "127.0.0.1", target.port)
        asking.append(plain)
    await asyncio.wait_for(asyncio.gather(*(plain.done for plain in asking)), seconds + _PATIENCE_S)
    return asking


class Stream(asyncio.Protocol):
    """One streamed request: ``opened`` with its first event, ``done`` at its end.

    ``on_chunk`` is called with ``number`` for each read that brought events. ``first_s``: from asking to the first.
    """

    def __init__(self, request: tuple[int, bytes]) -> None:
        loop = asyncio.get_running_loop()
        self.number, self._request = request
        self.events = 0
        self.first_s = 0.0
        self.opened: asyncio.Future[None] = loop.create_future()
        self.done: asyncio.Future[None] = loop.create_future()
        self.on_chunk: Callable[[int], None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask."""
        self.transport: asyncio.WriteTransport = transport  # type: ignore[assignment]
        self._asked_s = time.perf_counter()
        transport.write(self._request)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        """Take what came."""
        if not self.opened.done() and not self._open(data):
            return
        events = data.count(b"data: ")
        self.events += events
        if data.endswith(b"\r\n0\r\n\r\n") or data == b"0\r\n\r\n":
            self.transport.close()
        elif events and self.on_chunk is not None:
            self.on_chunk(self.number)

    def connection_lost(self, error: Exception | None) -> None:
        """It is over."""
        if not self.opened.done():
            self.opened.set_exception(LoadError("closed before the first event"))
        if not self.done.done():
            self.done.set_result(None)

    def _open(self, data: bytes) -> bool:
        now_s = time.perf_counter()
        if data.startswith(b"HTTP/1.1 ") and not data.startswith(_STATUS_OK):
            self.opened.set_exception(LoadError(data[:1500].decode(errors="replace")))
            self.transport.close()
            return False
        if b"data: " not in data:
            return False
        self.first_s = now_s - self._asked_s
        self.opened.set_result(None)
        return True


async def open_stream(target: Target, play: str, *, chunks: int = 0, key: int = 0) -> Stream:
    """Ask for a stream and wait for its first event."""
    loop = asyncio.get_running_loop()
    request = target.request(play, chunks=chunks, key=key)
    _, stream = await loop.create_connection(lambda: Stream(request), "127.0.0.1", target.port)
    try:
        await asyncio.wait_for(asyncio.shield(stream.opened), _PATIENCE_S)
    except TimeoutError:
        raise LoadError(f"{target.name}: no first event within {_PATIENCE_S:g} s") from None
    return stream


async def ended(streams: list[Stream], seconds: float) -> None:
    """Wait until all have ended; LoadError when they do not within ``seconds``."""
    try:
        await asyncio.wait_for(asyncio.gather(*(stream.done for stream in streams)), seconds)
    except TimeoutError:
        raise LoadError(f"streams did not end within {seconds:g} s") from None
