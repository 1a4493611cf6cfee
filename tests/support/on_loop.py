"""Tests that are coroutines: each on an event loop of its own, and what it asks for now or soon."""

import asyncio
import functools
import inspect
from collections.abc import Callable
from typing import Any


def on_loop(test: Callable[..., Any]) -> Callable[..., None]:
    """Run a coroutine test to its end; it may take fixtures and parameters as any other."""

    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        asyncio.run(test(*args, **kwargs))

    return run


async def eventually(condition: Callable[[], Any], *, within_s: float = 20.0) -> Any:
    """Wait until ``condition()`` (plain or awaitable) is true and return it; a test that hopes in vain fails."""
    async with asyncio.timeout(within_s):
        while True:
            value = condition()
            if inspect.isawaitable(value):
                value = await value
            if value:
                return value
            await asyncio.sleep(0.02)
