"""A success that is only promised: counted at once, given back once, on the day it was counted on."""

import pytest
import redis

from support.limit_accounts import CLOCK_KEY, CLOCK_LUA, DAY_US, limiter_on, new_account, policy
from support.on_loop import on_loop

NOON_US = 20_000 * DAY_US + DAY_US // 2
ADDRESS = "192.0.2.1"


@pytest.fixture(autouse=True)
def noon(redis_server):
    redis_server.command("SET", CLOCK_KEY, str(NOON_US))


async def used(limiter, account):
    limits = policy()
    return limits.daily_successes - (await limiter.standing(account, limits)).day.remaining


async def promised(limiter, account):
    lease = await limiter.acquire(account, policy(), ADDRESS)
    await limiter.settle(lease, is_success=True, is_refundable=True)
    return lease.lease_id


@on_loop
async def test_a_promise_counts_until_it_is_given_back_and_only_once(redis_server):
    async with limiter_on(redis_server.url, clock_lua=CLOCK_LUA) as limiter:
        account = new_account()
        first, second = await promised(limiter, account), await promised(limiter, account)
        assert await used(limiter, account) == 2
        for _ in range(3):
            await limiter.refund(account, first)
        assert await used(limiter, account) == 1
        await limiter.refund(account, second)
        assert await used(limiter, account) == 0


@on_loop
async def test_a_plain_success_and_a_failure_are_never_given_back(redis_server):
    async with limiter_on(redis_server.url, clock_lua=CLOCK_LUA) as limiter:
        account = new_account()
        for is_success in (True, False):
            lease = await limiter.acquire(account, policy(), ADDRESS)
            await limiter.settle(lease, is_success=is_success, is_refundable=not is_success)
            await limiter.refund(account, lease.lease_id)
        await limiter.refund(account, "nobody's")
        assert await used(limiter, account) == 1


@on_loop
async def test_the_next_day_is_not_given_what_the_last_one_took(redis_server):
    async with limiter_on(redis_server.url, clock_lua=CLOCK_LUA) as limiter:
        account = new_account()
        yesterday = await promised(limiter, account)
        redis_server.command("SET", CLOCK_KEY, str(NOON_US + DAY_US))
        await promised(limiter, account)
        await limiter.refund(account, yesterday)
        assert await used(limiter, account) == 1


@on_loop
async def test_an_account_s_old_promises_are_forgotten(redis_server):
    async with limiter_on(redis_server.url, clock_lua=CLOCK_LUA) as limiter:
        account = new_account()
        old = await promised(limiter, account)
        for days in (1, 2, 3):
            redis_server.command("SET", CLOCK_KEY, str(NOON_US + days * DAY_US))
            await promised(limiter, account)
        with redis.Redis.from_url(redis_server.url) as client:
            kept = [name.decode() for key in client.keys("*tickets") for name in client.hkeys(key)]
        assert len(kept) >= 2
        assert f"kept:{old}" not in kept


@on_loop
async def test_a_late_success_may_be_given_back_too(redis_server):
    async with limiter_on(redis_server.url, clock_lua=CLOCK_LUA) as limiter:
        account = new_account()
        lease = await limiter.acquire(account, policy(), ADDRESS)
        # The lease runs out while the request still runs.
        redis_server.command("SET", CLOCK_KEY, str(NOON_US + round(lease.policy.lease_s * 1_000_000) + 1))
        assert await used(limiter, account) == 0
        await limiter.settle(lease, is_success=True, is_refundable=True)
        assert await used(limiter, account) == 1
        await limiter.refund(account, lease.lease_id)
        assert await used(limiter, account) == 0
