"""Clients that do what clients do: ask in three formats, leave midway, read slowly, send nonsense, keep connections."""

import asyncio
import random
import time
from collections import Counter
from typing import Any

import orjson

from scripts.soaking.house import House

_PATIENCE_S = 30.0
_ROUTES = {"chat": "/v1/chat/completions", "messages": "/v1/messages", "responses": "/v1/responses"}


class Clients:
    """``count`` of them; ``ends`` counts how their requests ended."""

    def __init__(self, house: House, count: int, seed: int) -> None:
        self.requests = 0
        self.ends: Counter[str] = Counter()
        self._house = house
        self._dice = [random.Random(f"{seed} {number}") for number in range(count)]

    async def play(self, seconds: float) -> None:
        """Ask for so long, then let go of everything."""
        until_s = time.monotonic() + seconds
        await asyncio.gather(*(self._one(dice, until_s) for dice in self._dice))

    async def _one(self, dice: random.Random, until_s: float) -> None:
        while time.monotonic() < until_s:
            self.requests += 1
            try:
                async with asyncio.timeout(_PATIENCE_S):
                    end = await self._ask(dice)
            except (OSError, EOFError) as error:
                end = type(error).__name__
            self.ends[end] += 1
            await asyncio.sleep(dice.random() * 0.02)

    async def _ask(self, dice: random.Random) -> str:
        # A slow reader has a small window, or the system would read for it.
        way = dice.choices(["read", "leave", "slow", "vanish"], weights=[80, 12, 4, 4])[0]
        reader, writer = await asyncio.open_connection("127.0.0.1", self._house.port, limit=2**14)
        try:
            for _ in range(dice.randint(1, 5) if way == "read" else 1):
                writer.write(self._request(dice, may_stream=True))
                if way == "vanish":
                    return "left before the answer"
                status, is_open = await _read(reader, dice, way)
                if not is_open:
                    break
            return status
        finally:
            writer.transport.abort() if way in ("leave", "vanish") else writer.close()

    def _request(self, dice: random.Random, *, may_stream: bool) -> bytes:
        name = dice.choice(list(_ROUTES))
        prefix = dice.choices(["good", "claude", "bad"], weights=[5, 3, 2])[0]
        said = "Why is the sea salt? " * dice.choice([1, 5, 2000 if dice.random() < 0.05 else 20])
        body: dict[str, Any] = {"model": f"{prefix}/model", "stream": may_stream and dice.random() < 0.7}
        if name == "responses":
            body["input"] = said
        else:
            body |= {"messages": [{"role": "user", "content": said}], "max_tokens": 200}
        data, key, path = orjson.dumps(body), dice.choice(self._house.keys), _ROUTES[name]
        match dice.randint(1, 40):
            case 1:
                data = data[: len(data) // 2]
            case 2:
                key = f"fta_{dice.randrange(16**20):040x}"
            case 3:
                path = f"/v1/{dice.randrange(16**8):x}"
            case 4:
                data = data.replace(b"/model", b"/%d" % dice.randrange(10**6))
        head = f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nContent-Length: {len(data)}\r\n\r\n"
        return head.encode() + data


async def _read(reader: asyncio.StreamReader, dice: random.Random, way: str) -> tuple[str, bool]:
    """The status (or what we did instead of reading on), and whether the connection may be used again."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    status = head.split(b" ", 2)[1].decode()
    is_open = b"connection: close" not in head
    if b"transfer-encoding: chunked" not in head:
        await reader.readexactly(int(head.partition(b"content-length:")[2].split(b"\r\n", 1)[0]))
        return status, is_open
    while size := int(await reader.readuntil(b"\r\n"), 16):
        if way == "leave" and dice.random() < 0.3:
            return "left midway", False
        if way == "slow":
            await asyncio.sleep(0.05)
        await reader.readexactly(size + 2)
    await reader.readexactly(2)
    return f"{status} streamed", is_open
