"""Clients that never stop asking, for what is done to a gateway under load: each answer is counted by how it ended.

``fresh``: a connection for each request; ``kept``: connections that are used again. Ends: the status as text, or
``refused``, ``reset`` (by the gateway or the kernel), ``cut`` (closed before the answer's end), ``silent`` (no
answer in time).
"""

import asyncio
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any, Self

import orjson

_PATIENCE_S = 20.0


class SteadyLoad:
    """Use as a context manager; ``ends`` may be read at any time."""

    def __init__(
        self,
        ports: list[int],
        key: str,
        *,
        fresh: int = 4,
        kept: int = 2,
        pause_s: float = 0.01,
        model: str = "fake/one",
    ) -> None:
        self.ends: Counter[str] = Counter()
        self.kept_ends: Counter[str] = Counter()
        # The bodies of all answers but successes, to be shown where none is expected.
        self.refusals: Counter[str] = Counter()
        self._requests = [_request(key, model, is_stream=is_stream) for is_stream in (False, True)]
        self._ports = ports
        self._workers = [True] * kept + [False] * fresh
        self._pause_s = pause_s
        self._is_stopped = False
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Ask no more, and wait for what is under way."""
        self._is_stopped = True
        self._thread.join(60)
        assert not self._thread.is_alive(), "a client hangs"
        if self._failure is not None:
            raise self._failure

    @property
    def successes(self) -> int:
        return self.ends["200"] + self.kept_ends["200"]

    def _run(self) -> None:
        try:
            asyncio.run(self._all())
        except BaseException as failure:
            self._failure = failure

    async def _all(self) -> None:
        await asyncio.gather(*(self._work(number, is_kept) for number, is_kept in enumerate(self._workers)))

    async def _work(self, number: int, is_kept: bool) -> None:
        ends, connection = (self.kept_ends if is_kept else self.ends), None
        while not self._is_stopped:
            number += 1
            port = self._ports[number % len(self._ports)]
            try:
                async with asyncio.timeout(_PATIENCE_S):
                    connection = connection or await asyncio.open_connection("127.0.0.1", port)
                    said = bytearray()
                    status, may_keep = await ask(*connection, self._requests[number % 2], said.extend)
                end = str(status)
                if status != 200:
                    self.refusals[said.decode(errors="replace")] += 1
            except Exception as error:
                end, may_keep = _name(error), False
            ends[end] += 1
            if connection is not None and not (is_kept and may_keep):
                connection[1].close()
                connection = None
            await asyncio.sleep(self._pause_s)
        if connection is not None:
            connection[1].close()


async def ask(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    request: bytes,
    on_data: Callable[[bytes], Any] | None = None,
) -> tuple[int, bool]:
    """Send ``request`` and read the whole answer: its status, and whether the connection may be used again."""
    writer.write(request)
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    status = int(head.split(b" ", 2)[1])
    if b"transfer-encoding: chunked" in head:
        while size := int(await reader.readuntil(b"\r\n"), 16):
            data = await reader.readexactly(size + 2)
            if on_data is not None:
                on_data(data[:-2])
        await reader.readexactly(2)
    else:
        length = int(head.partition(b"content-length:")[2].split(b"\r\n", 1)[0])
        body = await reader.readexactly(length)
        if on_data is not None:
            on_data(body)
    return status, b"connection: close" not in head


def _request(key: str, model: str, *, is_stream: bool) -> bytes:
    body = orjson.dumps({"model": model, "messages": [{"role": "user", "content": "Hi"}], "stream": is_stream})
    return (
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body


def _name(error: Exception) -> str:
    match error:
        case ConnectionRefusedError():
            return "refused"
        case ConnectionResetError() | BrokenPipeError():
            return "reset"
        case asyncio.IncompleteReadError():
            return "cut" if error.partial else "closed"
        case TimeoutError():
            return "silent"
    return repr(error)
