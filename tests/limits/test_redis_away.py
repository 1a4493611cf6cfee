"""Redis dies, stands still, forgets its scripts, comes back: refused promptly, served again at once, nothing leaks.

Each test runs with both clients behind the seam.
"""

import asyncio
import contextlib

import pytest

from freetheai import errors
from freetheai.errors import ApiError
from freetheai.limits import Limiter, Reason, open_redis
from support.limit_accounts import new_account, policy, refusal
from support.on_loop import eventually, on_loop

pytestmark = pytest.mark.parametrize(
    "is_pipelined", [pytest.param(True, id="pipelining client"), pytest.param(False, id="redis-py")]
)


@contextlib.asynccontextmanager
async def limiter_on(url, *, is_pipelined, timeout_s=0.4):
    redis = open_redis(url, timeout_s=timeout_s, is_pipelined=is_pipelined)
    limiter = Limiter(redis, "fta")
    try:
        yield limiter
    finally:
        await limiter.close()
        await redis.close()


async def outcome(work):
    """The row of the error that ``work`` ends with, or None."""
    try:
        async with asyncio.timeout(10):  # generous: what hangs fails here
            await work
    except ApiError as error:
        return error.spec
    return None


@on_loop
async def test_no_redis_at_all_refuses_promptly_and_recovers(new_redis_server, is_pipelined):
    async with limiter_on(new_redis_server.url, is_pipelined=is_pipelined) as limiter:
        rows = await asyncio.gather(*(outcome(limiter.acquire(f"u{i}", policy(), "a")) for i in range(50)))
        assert set(rows) == {errors.DEPENDENCY_UNAVAILABLE}
        assert not limiter.is_available
        assert await outcome(limiter.standing("u", policy())) is errors.DEPENDENCY_UNAVAILABLE
        new_redis_server.start()
        assert await outcome(limiter.acquire("u", policy(), "a")) is None
        assert limiter.is_available


@on_loop
async def test_a_killed_redis_refuses_and_the_first_request_after_its_return_is_served(redis_server, is_pipelined):
    async with limiter_on(redis_server.url, is_pipelined=is_pipelined) as limiter:
        account, limits = new_account(), policy(concurrency=2, daily_successes=2)
        held = await limiter.acquire(account, limits, "a")
        for _ in range(2):
            redis_server.stop()
            assert await outcome(limiter.acquire(account, limits, "a")) is errors.DEPENDENCY_UNAVAILABLE
            assert await outcome(limiter.renew(held)) is errors.DEPENDENCY_UNAVAILABLE
            redis_server.start()
            assert await limiter.renew(held)
        lease = await limiter.acquire(account, limits, "a")
        assert lease.numbers.concurrency.remaining == 0  # what was held before is known still
        await limiter.settle(lease, is_success=True)


@on_loop
async def test_a_redis_that_stands_still_refuses_in_time_and_nothing_stays_taken(redis_server, is_pipelined):
    async with limiter_on(redis_server.url, is_pipelined=is_pipelined) as limiter:
        account, limits = new_account(), policy(concurrency=1)
        await limiter.settle(await limiter.acquire(account, limits, "a"), is_success=True)
        redis_server.pause()
        try:
            rows = await asyncio.gather(*(outcome(limiter.acquire(account, limits, "a")) for _ in range(20)))
            assert set(rows) == {errors.DEPENDENCY_UNAVAILABLE}
        finally:
            redis_server.resume()

        # Redis may grant what it reads late; that is given back, so the one slot is free again well before it expires.
        async def is_served():
            return await outcome(limiter.acquire(account, limits, "a")) is None

        await eventually(is_served)
        await eventually(lambda: not limiter._unsettled)
        assert (await limiter.standing(account, limits)).concurrency.remaining == 0


@on_loop
async def test_an_acquire_that_arrives_after_it_was_abandoned_takes_nothing(redis_server, is_pipelined):
    async with limiter_on(redis_server.url, is_pipelined=is_pipelined) as limiter:
        account, limits = new_account(), policy()
        run = limiter._runner.run
        late = []

        async def held_up(script, keys, args):
            if script is limiter._scripts.acquire and not late:
                late.append((script, keys, args))
                raise_after = asyncio.get_running_loop().create_future()
                return await raise_after
            return await run(script, keys, args)

        limiter._runner.run = held_up
        waiting = asyncio.ensure_future(limiter.acquire(account, limits, "a"))
        await asyncio.sleep(0)
        waiting.cancel()
        await eventually(lambda: waiting.done() and not limiter._unsettled)
        await run(*late[0])
        assert (await limiter.standing(account, limits)).concurrency.remaining == limits.concurrency


@pytest.mark.parametrize(
    ("is_success", "left"), [pytest.param(True, 4, id="success"), pytest.param(False, 5, id="failure")]
)
@on_loop
async def test_what_ends_while_redis_is_away_is_settled_afterwards(redis_server, is_pipelined, is_success, left):
    async with limiter_on(redis_server.url, is_pipelined=is_pipelined) as limiter:
        account, limits = new_account(), policy(concurrency=1, daily_successes=5)
        lease = await limiter.acquire(account, limits, "a")
        redis_server.stop()
        await limiter.settle(lease, is_success=is_success)  # doesn't raise
        redis_server.start()

        async def is_settled():
            numbers = await limiter.standing(account, limits)
            return (numbers.concurrency.remaining, numbers.day.remaining) == (1, left)

        await eventually(is_settled)


@on_loop
async def test_closing_settles_what_was_left(redis_server, is_pipelined):
    redis = open_redis(redis_server.url, is_pipelined=is_pipelined)
    limiter, account, limits = Limiter(redis, "fta"), new_account(), policy(concurrency=1)
    lease = await limiter.acquire(account, limits, "a")
    redis_server.stop()
    await limiter.settle(lease, is_success=False)
    redis_server.start()
    await limiter.close()
    assert (await limiter.standing(account, limits)).concurrency.remaining == 1
    await redis.close()


@pytest.mark.parametrize("forget", ["flush", "restart"])
@on_loop
async def test_scripts_that_redis_forgot_are_sent_again(redis_server, is_pipelined, forget):
    async with limiter_on(redis_server.url, is_pipelined=is_pipelined) as limiter:
        account, limits = new_account(), policy(requests_per_minute=3)
        for _ in range(3):
            lease = await limiter.acquire(account, limits, "a")
            if forget == "flush":
                redis_server.command("SCRIPT", "FLUSH")
            else:
                redis_server.restart()
            assert await limiter.renew(lease)
        assert (await refusal(limiter, account, limits)).reason is Reason.MINUTE


@on_loop
async def test_a_redis_that_answers_with_errors_refuses_and_recovers(redis_server, is_pipelined):
    async with limiter_on(redis_server.url, is_pipelined=is_pipelined) as limiter:
        redis_server.command("SET", "fta:{broken}:leases", "no sorted set")
        assert await outcome(limiter.acquire("broken", policy(), "a")) is errors.DEPENDENCY_UNAVAILABLE
        assert await outcome(limiter.acquire("whole", policy(), "a")) is None
        redis_server.command("DEL", "fta:{broken}:leases")
        assert await outcome(limiter.acquire("broken", policy(), "a")) is None


@on_loop
async def test_a_success_is_not_lost_behind_an_account_whose_keys_are_broken(redis_server, is_pipelined):
    async with limiter_on(redis_server.url, is_pipelined=is_pipelined) as limiter:
        limits = policy(daily_successes=5)
        broken, whole = await limiter.acquire("broken", limits, "a"), await limiter.acquire("whole", limits, "a")
        redis_server.stop()
        await limiter.settle(broken, is_success=True)
        await limiter.settle(whole, is_success=True)
        redis_server.start()
        redis_server.command("SET", "fta:{broken}:leases", "no sorted set")

        async def is_counted():
            return (await limiter.standing("whole", limits)).concurrency.remaining == limits.concurrency

        await eventually(is_counted)
        assert (await limiter.standing("whole", limits)).day.remaining == 4
        redis_server.command("DEL", "fta:{broken}:leases")
