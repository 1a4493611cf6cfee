"""What the gates and limits of a request cost: round trips counted at the services, processor time of their code.

Strategy: round trips are counted by Redis and MongoDB themselves while the gateway answers plain chat; what they do
when nobody asks is measured before and taken off. Processor time is taken in this process, which runs the same gates
and the same limiter against the same Redis and MongoDB, 32 at a time; beside it, as the yardstick, two pings of Redis.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from motor.motor_asyncio import AsyncIOMotorClient
from redis.asyncio import Redis

from freetheai import admission
from freetheai.addresses import NetworkSet
from freetheai.admission import ClientBans, House, Visitor
from freetheai.config import GatesSettings, LimitsSettings
from freetheai.config.limits import LimitTier
from freetheai.limits import FailedKeys, Limiter, Policies, RedisConnection, open_redis
from freetheai.store.directory import Directory
from freetheai.store.mongo import Store
from scripts.benchmarks.house import House as BenchHouse
from scripts.benchmarks.load import ask_plain
from scripts.benchmarks.report import Aim, Figure, figure

_PARALLEL: Final = 32
_IDLE_S: Final = 2.0
_LIMITS: Final = LimitsSettings(
    daily_success_limit=10**8,
    max_addresses=50,
    tiers=(LimitTier(level=1, minimum_invites=0, rate_limit_per_minute=10**7, concurrency_limit=10**5),),
)


@dataclass(frozen=True, slots=True)
class _Trips:
    scripts: int
    mongodb: int


async def measure_gates(house: BenchHouse, seconds: float, rounds: int, each: int) -> list[Figure]:
    """``seconds`` of plain chat for the round trips; ``rounds`` of ``each`` passages for the processor time."""
    scripts, mongodb = await _round_trips(house, seconds)
    async with _gates(house) as (pass_once, ping_twice):
        pairs = []
        for _ in range(rounds):
            ours, yardstick = await _cost_us(pass_once, each), await _cost_us(ping_twice, each)
            pairs.append((ours, yardstick))
    return [
        figure("gates.cpu_us", "gates and limits (bare: two Redis pings)", "µs/request", pairs, Aim(max_value=300)),
        # One before and one after the provider's call.
        figure("gates.redis_trips", "  round trips to Redis", "a request", [(scripts, 2.0)], Aim(max_value=2.01)),
        figure("gates.mongodb_trips", "  round trips to MongoDB", "a request", [(mongodb, 1.0)], Aim(max_value=0.05)),
    ]


async def _round_trips(house: BenchHouse, seconds: float) -> tuple[float, float]:
    redis, mongodb = Redis.from_url(house.redis_url), AsyncIOMotorClient(house.mongodb_url)
    try:
        # Owners are read once, and stay known for ten seconds.
        await ask_plain(house.gateway, connections=_PARALLEL, seconds=0.5)
        before_idle = await _count(redis, mongodb)
        await asyncio.sleep(_IDLE_S)
        before = await _count(redis, mongodb)
        began_s = time.monotonic()
        asking = await ask_plain(house.gateway, connections=_PARALLEL, seconds=seconds)
        after, took_s = await _count(redis, mongodb), time.monotonic() - began_s
    finally:
        await redis.aclose()
        mongodb.close()
    answers = sum(connection.answers for connection in asking)
    idle_mongodb = (before.mongodb - before_idle.mongodb) / _IDLE_S * took_s
    return (
        (after.scripts - before.scripts) / answers,
        max(0.0, after.mongodb - before.mongodb - idle_mongodb) / answers,
    )


async def _count(redis: Redis, mongodb: Any) -> _Trips:
    calls = await redis.info("commandstats")
    status = await mongodb.admin.command("serverStatus")
    return _Trips(
        scripts=int(calls.get("cmdstat_evalsha", {}).get("calls", 0)),
        # Messages, not documents: the ledger writes many rows with one.
        mongodb=int(status["network"]["numRequests"]),
    )


_Once = Callable[[], Awaitable[None]]


@asynccontextmanager
async def _gates(house: BenchHouse) -> AsyncIterator[tuple[_Once, _Once]]:
    """The gates and limits of one request as a call, and the yardstick as another."""
    store = Store(house.mongodb_url, "freetheai")
    redis: RedisConnection = open_redis(house.redis_url)
    directory, limiter, policies = Directory(store), Limiter(redis, "bench-gates"), Policies()
    gates = House(
        directory=directory,
        failed_keys=FailedKeys(redis, "bench-gates"),
        settings=GatesSettings(membership=True, checkin=True),
        banned_networks=NetworkSet(),
        banned_clients=ClientBans(),
    )
    key = house.gateway.keys[0]

    async def pass_once() -> None:
        visitor = Visitor("203.0.113.7", "openai-python", (key,))
        owner = await admission.admit(visitor, gates, admission.GATES)
        lease = await limiter.acquire(owner.user_id, policies.of(_LIMITS, owner), visitor.address)
        await limiter.settle(lease, is_success=True)

    async def ping_twice() -> None:
        await redis.ping()
        await redis.ping()

    try:
        yield pass_once, ping_twice
    finally:
        await limiter.close()
        await directory.close()
        await redis.close()
        await store.close()


async def _cost_us(once: _Once, count: int) -> float:
    async def several() -> None:
        for _ in range(count // _PARALLEL):
            await once()

    began_s = time.process_time()
    await asyncio.gather(*(several() for _ in range(_PARALLEL)))
    return (time.process_time() - began_s) / (count // _PARALLEL * _PARALLEL) * 1e6
