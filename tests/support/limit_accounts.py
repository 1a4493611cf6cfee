"""What the tests of the limits share: limiters on a real Redis, accounts of their own, a clock that can be set."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator
from typing import Any

from freetheai.limits import Lease, Limiter, LimitPolicy, LimitRefused, Reason, open_redis

DAY_US = 86_400_000_000
_accounts = itertools.count()

# In place of clock.lua: the time is what a test last wrote to this key (microseconds).
CLOCK_KEY = "test:clock"
CLOCK_LUA = f"local function now_us() return tonumber(redis.call('GET', '{CLOCK_KEY}')) end\n"


def new_account() -> str:
    """An account that no other test uses; with the characters that would break a careless hash tag."""
    return f"member}}{{ {next(_accounts)}:ß"


def policy(**limits: Any) -> LimitPolicy:
    """Limits that do not bind, except those given."""
    wide = {"requests_per_minute": 10_000, "concurrency": 10_000, "daily_successes": 10_000, "max_addresses": 10_000}
    return LimitPolicy(**{**wide, **limits})


@contextlib.asynccontextmanager
async def limiter_on(url: str, *, timeout_s: float = 1.5, **options: Any) -> AsyncIterator[Limiter]:
    """A limiter with a connection of its own."""
    redis = open_redis(url, timeout_s=timeout_s)
    limiter = Limiter(redis, "fta", **options)
    try:
        yield limiter
    finally:
        await limiter.close()
        await redis.close()


async def many(limiter: Limiter, account: str, limits: LimitPolicy, count: int) -> list[Lease | LimitRefused]:
    """``count`` acquires at the same moment: the lease or the refusal of each."""
    attempts = (limiter.acquire(account, limits, "192.0.2.1") for _ in range(count))
    results = await asyncio.gather(*attempts, return_exceptions=True)
    for result in results:
        if not isinstance(result, Lease | LimitRefused):
            raise result
    return results  # type: ignore[return-value]


def leases(results: list[Lease | LimitRefused]) -> list[Lease]:
    """Those that were granted."""
    return [result for result in results if isinstance(result, Lease)]


def reasons(results: list[Lease | LimitRefused]) -> set[Reason]:
    """Why the others were not."""
    return {result.reason for result in results if isinstance(result, LimitRefused)}


async def refusal(limiter: Limiter, account: str, limits: LimitPolicy, address: str = "192.0.2.1") -> LimitRefused:
    """The refusal of an acquire that must be refused."""
    try:
        await limiter.acquire(account, limits, address)
    except LimitRefused as refused:
        return refused
    raise AssertionError("was granted")
