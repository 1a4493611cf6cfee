"""Two processes' parts over a real Redis: what each counts, both know, exactly once, whatever happens to Redis."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from adapters.base import Verdict
from freetheai import clock, errors
from freetheai.config import ProviderSettings
from freetheai.limits import RedisFailure, open_redis
from freetheai.limits.live import LiveBoard
from freetheai.live import Live
from freetheai.log import RequestRecord
from freetheai.providers import Providers
from support.limit_accounts import CLOCK_KEY, CLOCK_LUA
from support.on_loop import eventually, on_loop
from support.redis_server import RedisServer

BROKEN = Verdict(row=errors.PROVIDER_ERROR, scope="model")
START_S = 1_800_000_000


def make_providers() -> Providers:
    settings = ProviderSettings(adapter="llamacpp", base_url="http://a/v1", error_threshold=1, cooldown_seconds=60)
    return Providers({"opc": settings})


@contextlib.asynccontextmanager
async def house(url: str, count: int = 2, **options: Any) -> AsyncIterator[list[Live]]:
    """Some processes of one house; none has its loop running: a test takes the turns."""
    connections = [open_redis(url, timeout_s=0.5) for _ in range(count)]
    try:
        yield [Live(LiveBoard(redis, "t", **options), make_providers()) for redis in connections]
    finally:
        for redis in connections:
            await redis.close()


async def turn(*lives: Live) -> None:
    """Each writes and reads once, as its loop would."""
    for live in lives:
        live.truth()
        await live._try()


def counted(live: Live, alias: str = "opc/a") -> tuple[int, int]:
    figures = live.truth().alias(alias)
    return figures.successes_60m, figures.errors_60m


@on_loop
async def test_what_one_counts_the_other_knows_once(redis_server: RedisServer) -> None:
    async with house(redis_server.url) as (one, two):
        for _ in range(3):
            one.count("opc", "opc/a", True)
        two.count("opc", "opc/a", False)
        await turn(one, two, one)
        assert counted(one) == counted(two) == (3, 1)
        one.count("opc", "opc/a", True)
        for _ in range(3):
            await turn(one, two)
        assert counted(one) == counted(two) == (4, 1)
        assert one.truth().provider("opc") == two.truth().provider("opc")


@on_loop
async def test_the_hour_passes_on_redis_clock_and_the_last_time_stays(redis_server: RedisServer) -> None:
    def at(minutes: float) -> None:
        redis_server.command("SET", CLOCK_KEY, str(round((START_S + minutes * 60) * 1_000_000)))

    async with house(redis_server.url, clock_lua=CLOCK_LUA) as (one, two):
        at(0)
        await turn(one, two)
        one.count("opc", "opc/a", True)
        await turn(one, two)
        at(29)
        await turn(two)
        assert two.truth().alias("opc/a").successes_30m == 1
        at(30.5)
        two.count("opc", "opc/a", False)
        await turn(two)
        assert (two.truth().alias("opc/a").successes_30m, *counted(two)) == (0, 1, 1)
        at(60.5)
        await turn(two)
        assert counted(two) == (0, 1)
        at(1000)
        await turn(one, two)
        async with house(redis_server.url, 1, clock_lua=CLOCK_LUA) as (new,):
            await turn(new)
            figures = new.truth().provider("opc")
            assert (figures.requests_30m, figures.successes_60m) == (0, 0)
            assert abs(figures.last_success_s - START_S) <= 1, "on Redis' clock, however far from ours"


@on_loop
async def test_nothing_is_lost_or_counted_twice_while_redis_is_away(redis_server: RedisServer) -> None:
    async with house(redis_server.url) as (one, two):
        one.count("opc", "opc/a", True)
        await turn(one, two)
        redis_server.pause()
        one.count("opc", "opc/a", True)
        two.count("opc", "opc/a", True)
        await turn(one, two)
        assert counted(one) == (2, 0), "its own, and the last known"
        assert counted(two) == (2, 0)
        assert await asyncio.wait_for(one.fresh(), 5), "who asks is answered"
        redis_server.resume()
        await turn(one, two, one)
        assert counted(one) == counted(two) == (3, 0)


@on_loop
async def test_a_turn_that_is_broken_off_costs_nothing(redis_server: RedisServer) -> None:
    async with house(redis_server.url) as (one, two):
        await turn(one, two)
        one.count("opc", "opc/a", True)
        one.note_request(RequestRecord(user_id="ann", client="curl"))
        redis_server.pause()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(turn(one), 0.1)
        redis_server.resume()
        await one.close()
        await turn(two)
        assert counted(two) == (1, 0)
        assert two.truth().clients == {"curl": 1}


@on_loop
async def test_closing_writes_what_is_left_and_takes_its_word_back(redis_server: RedisServer) -> None:
    async with house(redis_server.url) as (one, two):
        fail(one)
        one.count("opc", "opc/a", False)
        await turn(one, two)
        assert two.truth().provider_status("opc") == "down"
        one.count("opc", "opc/a", False)
        await one.close()
        await turn(two)
        assert counted(two) == (0, 2)
        assert two.truth().provider_status("opc") == "degraded", "nobody says it is down any more"


@on_loop
async def test_a_process_that_died_is_forgotten(redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    def at(seconds: float) -> None:
        redis_server.command("SET", CLOCK_KEY, str(round((START_S + seconds) * 1_000_000)))

    async with house(redis_server.url, clock_lua=CLOCK_LUA) as (one, two):
        at(0)
        fail(one)
        await turn(one)
        at(10)
        await turn(two)
        assert two.truth().provider_status("opc") == "down"
        at(16)
        await turn(two)
        assert two.truth().provider_status("opc") == "unknown"


def fail(live: Live) -> None:
    """The provider's circuit opens in this process."""
    providers = live._providers
    assert isinstance(providers, Providers)
    provider = providers.find("opc")
    assert provider is not None
    provider.failed(provider.credentials[0], "a", BROKEN, clock.monotonic_s())


@on_loop
async def test_members_are_counted_over_ten_minutes_each_once(redis_server: RedisServer) -> None:
    def at(seconds: float) -> None:
        redis_server.command("SET", CLOCK_KEY, str(round((START_S + seconds) * 1_000_000)))

    def call(live: Live, user: str, client: str) -> None:
        live.note_request(RequestRecord(user_id=user, client=client))

    async with house(redis_server.url, clock_lua=CLOCK_LUA) as (one, two):
        at(0)
        await turn(one, two)
        call(one, "ann", "codex")
        call(two, "ann", "codex")
        call(one, "bob", "codex")
        call(one, "ann", "strange-name")
        call(one, "bob", "stranger-name")
        call(one, "", "codex")
        await turn(one, two, one)
        for live in (one, two):
            assert live.truth().clients == {"codex": 2, "other": 2}
        at(590)
        await turn(one, two)
        await turn(one, two)
        call(two, "bob", "codex")
        await turn(two, one)
        at(610)
        await turn(one, two)
        await turn(one, two)
        for live in (one, two):
            assert live.truth().clients == {"codex": 1}
        call(one, "bob", "codex")
        await turn(one)
        assert redis_server.command("ZCARD", "t:live:client:codex") == b":1\r\n", "Redis keeps no more than is counted"


@on_loop
async def test_refusals_are_counted_by_their_type(redis_server: RedisServer) -> None:
    async with house(redis_server.url) as (one, two):
        for error_type in ("invalid_api_key", "invalid_api_key", "rate_limit_error", ""):
            one.note_request(RequestRecord(type=error_type))
        await turn(one, two)
        assert two.truth().totals.refusals == {"invalid_api_key": [2, 2], "rate_limit_error": [1, 1]}


@on_loop
async def test_what_a_stranger_wrote_into_redis_does_no_harm(redis_server: RedisServer) -> None:
    async with house(redis_server.url) as (one, two):
        one.count("opc", "opc/a", True)
        minute = int(one.now_s() // 60)
        redis_server.command("HSET", f"t:live:minute:{minute}", "stranger", "{nonsense")
        redis_server.command("HSET", "t:live:states", "stranger", "nonsense", "other", "1 {")
        redis_server.command("HSET", "t:live:last", "provider success opc", "soon")
        await turn(one, two)
        assert counted(two) == (1, 0)


@on_loop
async def test_everything_in_redis_ends_by_itself(redis_server: RedisServer) -> None:
    async with house(redis_server.url) as (one, two):
        one.count("opc", "opc/a", True)
        one.note_request(RequestRecord(user_id="ann", client="curl", type="user_paused"))
        await turn(one, two)
        await one.close()
        keys = redis_server.command("KEYS", "t:*").decode().split("\r\n")[2::2]
        assert len(keys) >= 4
        for key in keys:
            assert int(redis_server.command("PTTL", key)[1:]) > 0, key


@on_loop
async def test_its_loop_shares_within_moments_and_idles_quietly(redis_server: RedisServer) -> None:
    async with house(redis_server.url) as (one, two):
        loops = [asyncio.ensure_future(live.run()) for live in (one, two)]
        try:
            one.count("opc", "opc/a", True)
            truth: Callable[[], Awaitable[bool]] = _knows(two)
            await eventually(truth, within_s=5)
        finally:
            for loop in loops:
                loop.cancel()


def _knows(live: Live) -> Callable[[], Awaitable[bool]]:
    async def knows() -> bool:
        return (await live.fresh()).alias("opc/a").successes_30m == 1

    return knows


@on_loop
async def test_one_who_only_listens_writes_nothing(redis_server: RedisServer) -> None:
    async with house(redis_server.url, 1) as (one,):
        one.count("opc", "opc/a", True)
        await turn(one)
        redis = open_redis(redis_server.url)
        try:
            listener = Live(LiveBoard(redis, "t"), None)
            assert (await listener.listen()).alias("opc/a").successes_60m == 1
            assert redis_server.command("HLEN", "t:live:states") == b":1\r\n"
            redis_server.pause()
            with pytest.raises(RedisFailure):
                await listener.listen()
        finally:
            redis_server.resume()
            await redis.close()


@on_loop
async def test_a_cluster_carries_it(redis_servers: Callable[..., list[RedisServer]]) -> None:
    nodes = redis_servers(3, "--cluster-enabled", "yes", "--cluster-node-timeout", "2000")
    share = 16384 // 3 + 1
    for number, node in enumerate(nodes):
        slots = [str(slot) for slot in range(number * share, min(16384, (number + 1) * share))]
        assert node.command("CLUSTER", "ADDSLOTS", *slots) == b"+OK\r\n"
        assert node.command("CLUSTER", "MEET", "127.0.0.1", str(nodes[0].port)) == b"+OK\r\n"
    await eventually(lambda: all(b"cluster_state:ok" in node.command("CLUSTER", "INFO") for node in nodes))
    url = "redis+cluster://" + ",".join(f"127.0.0.1:{node.port}" for node in nodes)
    async with house(url) as (one, two):
        for live in (one, two):
            await live._board._redis.ping()
        one.count("opc", "opc/a", True)
        fail(one)
        for client in ("curl", "codex", "cline"):
            one.note_request(RequestRecord(user_id="ann", client=client))
        await turn(one, two)
        assert counted(two) == (1, 0)
        assert two.truth().provider_status("opc") == "down"
        assert two.truth().clients == {"curl": 1, "codex": 1, "cline": 1}
        assert sorted(int(node.command("DBSIZE")[1:]) for node in nodes)[1] > 0, "its keys are spread"
