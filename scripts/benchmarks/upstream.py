"""The upstream of the benchmark: prebuilt bytes from raw sockets, so that it is not what is measured.

What it plays is written in the prompt, which every proxy hands on: ``play=NAME chunks=N number=N;``

- ``plain``: one JSON answer;
- ``lockstep``: a stream that goes on when ``advance`` is called: by the client, once it has the chunk before, so that
  every chunk is a read of its own whatever the speed;
- ``paced``: a chunk every ``PACE_S`` seconds;
- ``silent``: a first chunk, then nothing.
"""

import asyncio
import re
import time
from collections.abc import Callable
from typing import Final, Self

import orjson

PACE_S: Final = 0.02

_PLAY: Final = re.compile(rb"play=(\w+) chunks=(\d+) number=(\d+);")
_LENGTH: Final = re.compile(rb"\r\nContent-Length: (\d+)", re.IGNORECASE)
_WORDS: Final = ("The", " river", " carries", " what", " the", " hills", " let", " go,", ' "slowly"', " and", "\n\n")


def _chunked(text: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(text), text)


def _event(delta: dict[str, str], finish: str | None = None) -> bytes:
    chunk = {
        "id": "chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT",
        "object": "chat.completion.chunk",
        "created": 1741569952,
        "model": "bench-model",
        "system_fingerprint": "fp_44709d6fcb",
        "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}],
    }
    return b"data: " + orjson.dumps(chunk) + b"\n\n"


_TEXT: Final = "".join(_WORDS) * 8
_PLAIN_BODY: Final = orjson.dumps(
    {
        "id": "chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT",
        "object": "chat.completion",
        "created": 1741569952,
        "model": "bench-model",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": _TEXT, "refusal": None, "annotations": []},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 119, "completion_tokens": 88, "total_tokens": 207},
    }
)
_PLAIN: Final = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(_PLAIN_BODY) + _PLAIN_BODY
)
_OPENING: Final = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    + _chunked(_event({"role": "assistant", "content": ""}) + _event({"content": "Well,"}))
)
_CHUNKS: Final = [_chunked(_event({"content": word})) for word in _WORDS]
_ENDING: Final = _chunked(_event({}, "stop")) + _chunked(b"data: [DONE]\n\n") + b"0\r\n\r\n"


class Upstream:
    """The server and what runs on it, by the number that the client gave."""

    def __init__(self) -> None:
        self.url = ""
        self.streams: dict[int, _Connection] = {}
        # number -> called with the time (``time.perf_counter``) at which the connection of that stream was closed
        self.on_close: dict[int, Callable[[float], None]] = {}
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Connection(self), "127.0.0.1", 0, backlog=2048)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *raised: object) -> None:
        if self._server is not None:
            self._server.close()

    def advance(self, number: int) -> None:
        """Send the next chunk of that stream; after its last one the end."""
        if (stream := self.streams.get(number)) is not None:
            stream.advance()

    def drop_all(self) -> None:
        """Close every stream, as seen from here."""
        for stream in list(self.streams.values()):
            stream.drop()


class _Connection(asyncio.Protocol):
    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream
        self._waiting = b""
        self._number = -1
        self._chunks_left = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.WriteTransport = transport  # type: ignore[assignment]

    def connection_lost(self, error: Exception | None) -> None:
        now_s = time.perf_counter()
        self._upstream.streams.pop(self._number, None)
        self._chunks_left = -1
        if (told := self._upstream.on_close.pop(self._number, None)) is not None:
            told(now_s)

    def data_received(self, data: bytes) -> None:
        data = self._waiting + data
        head_end = data.find(b"\r\n\r\n")
        length = _LENGTH.search(data, 0, head_end) if head_end > 0 else None
        if length is None or len(data) < head_end + 4 + int(length[1]):
            self._waiting = data
            return
        self._waiting = b""
        play = _PLAY.search(data, head_end)
        if play is None:
            self._transport.close()
            return
        self._answer(play[1], int(play[2]), int(play[3]))

    def advance(self) -> None:
        if self._chunks_left > 0:
            self._chunks_left -= 1
            self._transport.write(_CHUNKS[self._chunks_left % len(_CHUNKS)])
        elif self._chunks_left == 0:
            self._chunks_left = -1
            self._upstream.streams.pop(self._number, None)
            self._transport.write(_ENDING)

    def drop(self) -> None:
        self._transport.abort()

    def _answer(self, name: bytes, chunks: int, number: int) -> None:
        if name == b"plain":
            self._transport.write(_PLAIN)
            return
        self._number = number
        self._chunks_left = chunks
        self._upstream.streams[number] = self
        self._transport.write(_OPENING)
        if name == b"paced":
            asyncio.get_running_loop().call_later(PACE_S, self._tick)

    def _tick(self) -> None:
        self.advance()
        if self._chunks_left >= 0:
            asyncio.get_running_loop().call_later(PACE_S, self._tick)
