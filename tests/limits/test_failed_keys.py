"""Wrong keys from one address: never more than the limit in any window, whoever counts, and the wait told is true."""

import asyncio

import pytest

from freetheai.addresses import subscriber_of
from freetheai.limits import FailedKeys, open_redis
from freetheai.limits.failed_keys import MAX_REMEMBERED
from support.limit_accounts import CLOCK_KEY, CLOCK_LUA
from support.on_loop import on_loop

ADDRESS = "192.0.2.7"


def at(server, second: float) -> None:
    server.command("SET", CLOCK_KEY, str(round((1_800_000_000 + second) * 1_000_000)))


@on_loop
async def test_the_log_slides_and_the_wait_is_exact(redis_server):
    redis = open_redis(redis_server.url)
    try:
        for second in (0, 10, 20):
            at(redis_server, second)
            assert await FailedKeys(redis, "t", clock_lua=CLOCK_LUA).note(ADDRESS, 1, 3) == 0
        at(redis_server, 25.5)
        fresh = FailedKeys(redis, "t", clock_lua=CLOCK_LUA)
        assert await fresh.note(ADDRESS, 1, 3) == 34.5
        assert await fresh.note(ADDRESS, 2, 3) == 44.5, "room for two comes when two have left"
        at(redis_server, 59.999999)
        assert await fresh.note(ADDRESS, 1, 3) == 0.000001
        at(redis_server, 60)
        assert await fresh.note(ADDRESS, 1, 3) == 0
        assert await fresh.note(ADDRESS, 1, 3) == 10, "refused ones were not noted"
    finally:
        await redis.close()


@on_loop
async def test_processes_that_share_a_redis_count_as_one(redis_server):
    redises = [open_redis(redis_server.url) for _ in range(3)]
    processes = [FailedKeys(redis, "t") for redis in redises]
    try:
        waits = await asyncio.gather(*(processes[number % 3].note(ADDRESS, 1, 30) for number in range(120)))
        assert sum(wait == 0 for wait in waits) == 30
        assert all(59 < wait <= 60 for wait in waits if wait)
        assert await processes[0].note("192.0.2.8", 1, 30) == 0
    finally:
        for redis in redises:
            await redis.close()


@on_loop
async def test_several_keys_of_one_request_count_each_and_never_exceed_the_limit(redis_server):
    redis = open_redis(redis_server.url)
    failed = FailedKeys(redis, "t")
    try:
        assert await failed.note(ADDRESS, 4, 5) == 0
        assert await failed.note(ADDRESS, 2, 5) > 59
        assert await failed.note(ADDRESS, 1, 5) == 0
        assert await failed.note("192.0.2.9", 4, 2) == 0, "more keys than the limit: as many as it takes"
        assert await failed.note("192.0.2.9", 1, 2) > 59
        assert int(redis_server.command("ZCARD", "t:failed_keys:192.0.2.9").strip()[1:]) == 2
    finally:
        await redis.close()


@on_loop
async def test_what_was_told_is_remembered_for_its_wait_only(redis_server):
    redis = open_redis(redis_server.url)
    failed = FailedKeys(redis, "t", window_s=0.3)
    try:
        assert failed.wait_s(ADDRESS) == 0
        await failed.note(ADDRESS, 1, 1)
        assert failed.wait_s(ADDRESS) == 0, "the last one that fits is no refusal"
        assert 0 < await failed.note(ADDRESS, 1, 1) <= 0.3
        assert 0 < failed.wait_s(ADDRESS) <= 0.3
        assert failed.wait_s("192.0.2.8") == 0
        await asyncio.sleep(0.35)
        assert failed.wait_s(ADDRESS) == 0
        assert await failed.note(ADDRESS, 1, 1) == 0
    finally:
        await redis.close()


@on_loop
async def test_the_table_of_full_addresses_is_bounded(redis_server):
    redis = open_redis(redis_server.url)
    failed = FailedKeys(redis, "t")
    try:
        for number in range(MAX_REMEMBERED + 5):
            failed._remember(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", float("inf"))
        assert len(failed._full_until_s) == MAX_REMEMBERED
        assert failed.wait_s("10.0.0.4") == 0
        assert failed.wait_s("10.0.0.5") > 0
    finally:
        await redis.close()


@on_loop
async def test_a_repeated_command_notes_once(redis_server):
    redis = open_redis(redis_server.url)
    failed = FailedKeys(redis, "t")
    try:
        for _ in range(3):
            assert await redis.run(failed._script, (b"t:log",), (2, 60_000_000, 2, "same")) == 0
        assert redis_server.command("ZCARD", "t:log") == b":2\r\n"
        assert 0 < int(redis_server.command("PTTL", "t:log").strip()[1:]) <= 60_000
    finally:
        await redis.close()


@on_loop
async def test_without_redis_nothing_is_counted_and_nothing_raises(redis_server):
    redis = open_redis(redis_server.url, timeout_s=0.3)
    failed = FailedKeys(redis, "t")
    redis_server.stop()
    try:
        assert await failed.note(ADDRESS, 1, 1) == 0
        redis_server.start()
        assert await failed.note(ADDRESS, 1, 1) == 0
        assert await failed.note(ADDRESS, 1, 1) > 0
    finally:
        await redis.close()


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        pytest.param("192.0.2.7", "192.0.2.7", id="IPv4"),
        pytest.param("2001:db8:1:2::3", "2001:db8:1:2::/64", id="IPv6"),
        pytest.param("2001:db8:1:2:ffff::9", "2001:db8:1:2::/64", id="another of the same subscriber"),
        pytest.param("2001:db8:1:3::3", "2001:db8:1:3::/64", id="the neighbour"),
        pytest.param("", "", id="a Unix socket"),
        pytest.param("no address", "", id="what is none"),
    ],
)
def test_an_ipv6_subscriber_is_one(address, counted):
    assert subscriber_of(address) == counted
