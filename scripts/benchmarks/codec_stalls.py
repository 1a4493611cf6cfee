"""How long a loop is held up while big bodies are parsed or converted beside it, as the handlers do it."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import orjson

from handlers.big_bodies import BigBodies

# The loop is asked for this often (seconds); what comes later was held up.
_TICK_S = 0.001


def longest_wait_ms(work: Callable[[], Any], size_bytes: int, rounds: int) -> tuple[float, float]:
    """The longest that the loop waited during ``work``, and how long that took (ms), in the best of some rounds."""
    waits = [asyncio.run(_wait(work, size_bytes)) for _ in range(rounds)]
    return min(waits)


def big_request(size_bytes: int) -> bytes:
    """A Chat Completions request of many small messages: what takes longest to parse."""
    text = "some words here and there " * 8
    one = len(orjson.dumps({"role": "assistant", "content": text}))
    turns = [{"role": ("user", "assistant")[number % 2], "content": text} for number in range(size_bytes // one)]
    return orjson.dumps({"model": "a/m", "messages": turns})


async def _wait(work: Callable[[], Any], size_bytes: int) -> tuple[float, float]:
    longest_s, is_over = 0.0, False

    async def tick() -> None:
        nonlocal longest_s
        last_s = time.perf_counter()
        while not is_over:
            await asyncio.sleep(_TICK_S)
            now_s = time.perf_counter()
            longest_s = max(longest_s, now_s - last_s - _TICK_S)
            last_s = now_s

    ticking = asyncio.ensure_future(tick())
    await asyncio.sleep(10 * _TICK_S)
    longest_s = 0.0
    began_s = time.perf_counter()
    await BigBodies().run(size_bytes, work)
    took_s = time.perf_counter() - began_s
    is_over = True
    await ticking
    return longest_s * 1e3, took_s * 1e3
