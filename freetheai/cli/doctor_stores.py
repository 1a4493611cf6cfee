"""The part of `doctor` that asks MongoDB and Redis: whether they answer, hold what they should, and have our time."""

from typing import Final

from freetheai import clock
from freetheai.cli.finding import Finding
from freetheai.limits import RedisConnection, RedisFailure, open_redis
from freetheai.store.examine import count_indexes, missing_indexes, server_time_s
from freetheai.store.mongo import Store, StoreUnavailable

# Seconds by which clocks may differ: days begin by Redis' clock, check-ins and log lines by ours.
_CLOCKS_MAY_DIFFER_S: Final = 5.0
_CLOCK_CURE: Final = "let a time service (chrony, systemd-timesyncd) set the clocks of both machines"


async def check_mongodb(url: str, database: str) -> list[Finding]:
    """MongoDB answers, has its indexes and our time."""
    try:
        store = Store(url, database)
        try:
            await store.ping()
            missing, there_s = await missing_indexes(store), await server_time_s(store)
        finally:
            await store.close()
    except StoreUnavailable as error:
        return [Finding("mongodb", "error", str(error), _mongodb_cure(str(error)))]
    return [_judge_indexes(missing), *_judge_clock("mongodb", there_s)]


async def check_redis(url: str) -> list[Finding]:
    """Redis answers, may be written, and has our time."""
    try:
        redis = open_redis(url)
    except ValueError as error:
        return [Finding("redis", "error", str(error), "check redis.url")]
    try:
        there_s = await _redis_time_s(redis)
    except RedisFailure as error:
        return [Finding("redis", "error", str(error), _redis_cure(str(error)))]
    finally:
        await redis.close()
    return [Finding("redis", "ok", "answers"), *_judge_clock("redis", there_s)]


def _judge_indexes(missing: list[str]) -> Finding:
    if not missing:
        return Finding("mongodb", "ok", "answers; indexes stand")
    if len(missing) == count_indexes():
        return Finding("mongodb", "ok", "answers; a new database, its indexes are made at the first start")
    return Finding(
        "mongodb",
        "error",
        f"indexes are missing: {', '.join(missing)}",
        "start the server again, which makes them; if it says that two documents contradict one, remove one of them",
    )


def _judge_clock(name: str, there_s: float) -> list[Finding]:
    ahead_s = there_s - clock.now_s()
    if abs(ahead_s) <= _CLOCKS_MAY_DIFFER_S:
        return []
    direction = "behind" if ahead_s > 0 else "ahead of"
    return [
        Finding("clock", "error", f"this machine's clock is {abs(ahead_s):.0f} s {direction} {name}'s", _CLOCK_CURE)
    ]


async def _redis_time_s(redis: RedisConnection) -> float:
    await redis.ping()
    reply = await redis.execute("TIME")
    # Of a cluster each master tells it.
    seconds, microseconds = next(iter(reply.values())) if isinstance(reply, dict) else reply
    return int(seconds) + int(microseconds) / 1_000_000


def _mongodb_cure(reason: str) -> str:
    if "uthentication failed" in reason or "requires authentication" in reason:
        return "check user, password and authSource in mongodb.url"
    return "check host and port in mongodb.url, that mongod runs, and the network between"


def _redis_cure(reason: str) -> str:
    if any(word in reason for word in ("WRONGPASS", "NOAUTH", "invalid username-password", "invalid password")):
        return "check user and password in redis.url"
    if "READONLY" in reason:
        return "redis.url names a replica: name the master, or use sentinel:// or redis+cluster://"
    return "check host and port in redis.url, that Redis runs, and the network between"
