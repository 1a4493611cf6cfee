"""The limits on a real Redis with its own clock: exact however many ask at once."""

import asyncio

import pytest

from freetheai import errors
from freetheai.limits import Reason, limit_headers
from support.limit_accounts import (
    CLOCK_KEY,
    CLOCK_LUA,
    DAY_US,
    leases,
    limiter_on,
    many,
    new_account,
    policy,
    reasons,
    refusal,
)
from support.on_loop import eventually, on_loop

# Noon of some day, in microseconds: far enough from midnight for what a test adds.
NOON_US = 20_000 * DAY_US + DAY_US // 2


class Clock:
    """Redis' clock as the scripts of a test see it."""

    def __init__(self, server):
        self._server = server
        self.set(NOON_US)

    def set(self, now_us):
        self.now_us = now_us
        self._server.command("SET", CLOCK_KEY, str(now_us))

    def pass_s(self, seconds):
        self.set(self.now_us + round(seconds * 1_000_000))


@pytest.fixture
def clock(redis_server):
    return Clock(redis_server)


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        pytest.param({"requests_per_minute": 10}, Reason.MINUTE, id="minute"),
        pytest.param({"concurrency": 10}, Reason.CONCURRENCY, id="concurrency"),
        pytest.param({"daily_successes": 10}, Reason.DAY, id="day"),
    ],
)
@on_loop
async def test_of_200_at_once_exactly_ten_are_let_in(redis_server, limits, reason):
    async with limiter_on(redis_server.url) as one, limiter_on(redis_server.url) as two:
        account, limited = new_account(), policy(**limits)
        results = await asyncio.gather(many(one, account, limited, 100), many(two, account, limited, 100))
        both = [result for results_of_one in results for result in results_of_one]
        assert len(leases(both)) == 10
        assert reasons(both) == {reason}


@on_loop
async def test_an_address_more_is_refused_however_many_ask_at_once(redis_server):
    async with limiter_on(redis_server.url) as limiter:
        account, limited = new_account(), policy(max_addresses=2)
        attempts = (limiter.acquire(account, limited, f"2001:db8:0:{i % 5}::{i}") for i in range(100))
        results = await asyncio.gather(*attempts, return_exceptions=True)
        assert len(leases(results)) == 40
        assert reasons(results) == {Reason.OVERLAP}


@on_loop
async def test_a_cap_with_one_left_gives_exactly_one_success(redis_server):
    async with limiter_on(redis_server.url) as one, limiter_on(redis_server.url) as two:
        account, limited = new_account(), policy(daily_successes=3)

        async def use(limiter):
            results = await many(limiter, account, limited, 20)
            for lease in leases(results):
                await limiter.settle(lease, is_success=True)
            return len(leases(results))

        for _ in range(2):
            await one.settle(await one.acquire(account, limited, "a"), is_success=True)
        successes = await asyncio.gather(use(one), use(two))
        assert sum(successes) == 1
        assert (await one.standing(account, limited)).day.remaining == 0


@on_loop
async def test_failures_leave_the_day_and_the_slots_as_they_were(redis_server):
    async with limiter_on(redis_server.url) as limiter:
        account, limited = new_account(), policy(daily_successes=5, concurrency=5)
        before = await limiter.standing(account, limited)
        for _ in range(4):
            for lease in leases(await many(limiter, account, limited, 5)):
                await limiter.settle(lease, is_success=False)
        after = await limiter.standing(account, limited)
        assert (after.day.remaining, after.concurrency) == (before.day.remaining, before.concurrency) == (5, (5, 5, 0))


@on_loop
async def test_an_admitted_request_keeps_its_minute_slot_whatever_became_of_it(redis_server):
    async with limiter_on(redis_server.url) as limiter:
        account, limited = new_account(), policy(requests_per_minute=2)
        for _ in range(2):
            await limiter.settle(await limiter.acquire(account, limited, "a"), is_success=False)
        assert (await refusal(limiter, account, limited)).reason is Reason.MINUTE


@pytest.mark.parametrize(
    ("limits", "address"),
    [
        pytest.param({"requests_per_minute": 1}, "a", id="minute"),
        pytest.param({"concurrency": 1}, "a", id="concurrency"),
        pytest.param({"daily_successes": 1}, "a", id="day"),
        pytest.param({"max_addresses": 1}, "b", id="overlap"),
    ],
)
@on_loop
async def test_a_refusal_takes_nothing(redis_server, clock, limits, address):
    async with limiter_on(redis_server.url, clock_lua=CLOCK_LUA) as limiter:
        account, limited = new_account(), policy(**limits)
        lease = await limiter.acquire(account, limited, "a")
        wide = policy()
        before = await limiter.standing(account, wide)
        for _ in range(3):
            await refusal(limiter, account, limited, address)
        assert await limiter.standing(account, wide) == before
        await limiter.settle(lease, is_success=False)
        if "requests_per_minute" not in limits:
            assert await limiter.acquire(account, limited, address)


@on_loop
async def test_when_several_bind_concurrency_is_told_then_overlap_then_minute_then_day(redis_server):
    async with limiter_on(redis_server.url) as limiter:
        account = new_account()
        tight = {"concurrency": 1, "max_addresses": 1, "requests_per_minute": 1, "daily_successes": 1}
        await limiter.acquire(account, policy(**tight), "a")
        told = []
        for loosened in ("concurrency", "max_addresses", "requests_per_minute", "daily_successes"):
            told.append((await refusal(limiter, account, policy(**tight), "b")).reason)
            del tight[loosened]
        assert told == [Reason.CONCURRENCY, Reason.OVERLAP, Reason.MINUTE, Reason.DAY]


@on_loop
async def test_the_headers_say_what_is_left_after_this_request(redis_server, clock):
    async with limiter_on(redis_server.url, clock_lua=CLOCK_LUA) as limiter:
        account = new_account()
        limited = policy(requests_per_minute=10, concurrency=3, daily_successes=250, lease_s=60)
        await limiter.acquire(account, limited, "a")
        clock.pass_s(12.4)
        lease = await limiter.acquire(account, limited, "a")
        assert limit_headers(lease.numbers) == [
            ("X-RateLimit-Limit", "10"),
            ("X-RateLimit-Remaining", "8"),
            ("X-RateLimit-Reset", "48"),
            ("X-Concurrency-Limit", "3"),
            ("X-Concurrency-Remaining", "1"),
            ("X-Concurrency-Reset", "5"),
            ("X-DailyLimit-Limit", "250"),
            ("X-DailyLimit-Remaining", "248"),
            ("X-DailyLimit-Reset", str(43_200 - 12)),
        ]


@on_loop
async def test_an_unused_account_has_everything_left_and_nothing_to_reset_but_the_day(redis_server, clock):
    async with limiter_on(redis_server.url, clock_lua=CLOCK_LUA) as limiter:
        limited = policy(requests_per_minute=10, concurrency=1, daily_successes=250)
        assert await limiter.standing(new_account(), limited) == ((10, 10, 0), (1, 1, 0), (250, 250, 43_200))


@on_loop
async def test_the_minutes_wait_is_true_to_the_second(redis_server, clock):
    async with limiter_on(redis_server.url, clock_lua=CLOCK_LUA) as limiter:
        account, limited = new_account(), policy(requests_per_minute=3)
        for pause_s in (0.0, 10.3, 5.0):
            clock.pass_s(pause_s)
            await limiter.settle(await limiter.acquire(account, limited, "a"), is_success=True)
        clock.pass_s(1.2)
        refused = await refusal(limiter, account, limited)
        assert refused.retry_after_s == refused.numbers.minute.reset_s == 44  # 60 - 16.5, rounded up
        clock.pass_s(refused.retry_after_s - 1)
        assert (await refusal(limiter, account, limited)).retry_after_s == 1
        clock.pass_s(1)
        await limiter.acquire(account, limited, "a")
        # The next to leave came 10.3 s after the first.
        assert (await refusal(limiter, account, limited)).retry_after_s == 10


@on_loop
async def test_the_days_wait_is_true_to_the_second(redis_server, clock):
    async with limiter_on(redis_server.url, clock_lua=CLOCK_LUA) as limiter:
        account, limited = new_account(), policy(daily_successes=1)
        await limiter.settle(await limiter.acquire(account, limited, "a"), is_success=True)
        refused = await refusal(limiter, account, limited)
        assert (refused.spec, refused.retry_after_s) == (errors.DAILY_LIMIT, 43_200)
        clock.pass_s(refused.retry_after_s - 1)
        assert (await refusal(limiter, account, limited)).retry_after_s == 1
        clock.pass_s(1)
        assert (await limiter.acquire(account, limited, "a")).numbers.day == (1, 0, 86_400)


@pytest.mark.parametrize(
    ("left_s", "wait_s"),
    [
        pytest.param(59.5, 5, id="long before the lease ends: a slot is likely free sooner"),
        pytest.param(2.5, 3, id="shortly before"),
        pytest.param(0.001, 1, id="at the last moment"),
    ],
)
@on_loop
async def test_the_wait_for_a_slot_is_short(redis_server, clock, left_s, wait_s):
    async with limiter_on(redis_server.url, clock_lua=CLOCK_LUA) as limiter:
        account, limited = new_account(), policy(concurrency=1, lease_s=60)
        await limiter.acquire(account, limited, "a")
        clock.pass_s(60 - left_s)
        refused = await refusal(limiter, account, limited)
        assert refused.retry_after_s == refused.numbers.concurrency.reset_s == wait_s


@on_loop
async def test_no_reset_is_zero_on_a_refusal(redis_server, clock):
    async with limiter_on(redis_server.url, clock_lua=CLOCK_LUA) as limiter:
        account, limited = new_account(), policy(concurrency=1, lease_s=600)
        await limiter.acquire(account, limited, "a")
        clock.pass_s(120)  # the minute is empty again
        assert [gauge.reset_s for gauge in (await refusal(limiter, account, limited)).numbers][:2] == [1, 5]


@pytest.mark.parametrize("is_success", [True, False])
@on_loop
async def test_a_request_over_midnight_belongs_to_the_day_it_began(redis_server, clock, is_success):
    async with limiter_on(redis_server.url, clock_lua=CLOCK_LUA) as limiter:
        account, limited = new_account(), policy(daily_successes=5, lease_s=60)
        clock.set(20_001 * DAY_US - 1_000_000)
        yesterdays = await limiter.acquire(account, limited, "a")
        clock.pass_s(2)
        todays = await limiter.acquire(account, limited, "a")
        await limiter.settle(yesterdays, is_success=is_success)
        assert (await limiter.standing(account, limited)).day.remaining == 4
        await limiter.settle(todays, is_success=True)
        assert (await limiter.standing(account, limited)).day.remaining == 4
        clock.pass_s(-2)
        assert (await limiter.standing(account, limited)).day.remaining == (4 if is_success else 5)


@on_loop
async def test_a_lease_that_expires_gives_back_its_slot_its_address_and_its_reservation(redis_server, clock):
    async with limiter_on(redis_server.url, clock_lua=CLOCK_LUA) as limiter:
        account = new_account()
        limited = policy(concurrency=1, daily_successes=1, max_addresses=1, lease_s=60)
        await limiter.acquire(account, limited, "a")
        clock.pass_s(59.9)
        assert (await refusal(limiter, account, limited)).reason is Reason.CONCURRENCY
        clock.pass_s(0.1)
        assert await limiter.acquire(account, limited, "b")


@on_loop
async def test_a_renewed_lease_lasts_and_an_expired_one_says_so(redis_server, clock):
    async with limiter_on(redis_server.url, clock_lua=CLOCK_LUA) as limiter:
        account, limited = new_account(), policy(concurrency=1, lease_s=60)
        lease = await limiter.acquire(account, limited, "a")
        for _ in range(10):
            clock.pass_s(20)
            assert await limiter.renew(lease)
        assert (await refusal(limiter, account, limited)).reason is Reason.CONCURRENCY
        clock.pass_s(60)
        assert not await limiter.renew(lease)
        assert lease.is_lost


@on_loop
async def test_a_late_end_or_renewal_never_frees_or_takes_anothers_slot(redis_server, clock):
    async with limiter_on(redis_server.url, clock_lua=CLOCK_LUA) as limiter:
        account, limited = new_account(), policy(concurrency=1, daily_successes=10, lease_s=60)
        late = await limiter.acquire(account, limited, "a")
        clock.pass_s(61)
        other = await limiter.acquire(account, limited, "a")
        assert not await limiter.renew(late)
        await limiter.settle(late, is_success=False)
        assert (await refusal(limiter, account, limited)).reason is Reason.CONCURRENCY
        await limiter.settle(other, is_success=False)
        assert (await limiter.standing(account, limited)).day.remaining == 10


@pytest.mark.parametrize(
    ("cap", "used_meanwhile", "counted"),
    [
        pytest.param(2, 1, 2, id="there is room: it counts"),
        pytest.param(1, 1, 1, id="its place was given to another: the cap stands"),
    ],
)
@on_loop
async def test_the_success_of_an_expired_lease(redis_server, clock, cap, used_meanwhile, counted):
    async with limiter_on(redis_server.url, clock_lua=CLOCK_LUA) as limiter:
        account, limited = new_account(), policy(daily_successes=cap, lease_s=60)
        late = await limiter.acquire(account, limited, "a")
        clock.pass_s(61)
        for _ in range(used_meanwhile):
            await limiter.settle(await limiter.acquire(account, limited, "a"), is_success=True)
        await limiter.settle(late, is_success=True)
        late.is_settled = False  # as if the first reply had been lost
        await limiter.settle(late, is_success=True)
        assert (await limiter.standing(account, policy(daily_successes=100))).day.remaining == 100 - counted


@on_loop
async def test_the_success_of_a_lease_that_expired_yesterday_counts_for_yesterday(redis_server, clock):
    async with limiter_on(redis_server.url, clock_lua=CLOCK_LUA) as limiter:
        account, limited = new_account(), policy(daily_successes=5, lease_s=60)
        clock.set(20_001 * DAY_US - 100_000_000)
        late = await limiter.acquire(account, limited, "a")
        clock.pass_s(101)
        await limiter.settle(late, is_success=True)
        assert (await limiter.standing(account, limited)).day.remaining == 5
        clock.pass_s(-2)
        assert (await limiter.standing(account, limited)).day.remaining == 4


@on_loop
async def test_an_acquire_that_redis_hears_twice_takes_once(redis_server):
    async with limiter_on(redis_server.url) as limiter:
        account, limited = new_account(), policy()
        run = limiter._runner.run

        async def run_twice(*command):  # as the client does when the connection was lost before the reply
            await run(*command)
            return await run(*command)

        limiter._runner.run = run_twice
        lease = await limiter.acquire(account, limited, "a")
        assert {gauge.limit - gauge.remaining for gauge in lease.numbers} == {1}


@on_loop
async def test_settling_twice_does_no_harm(redis_server):
    async with limiter_on(redis_server.url) as limiter:
        account, limited = new_account(), policy(concurrency=5, daily_successes=5)
        lease, running = [await limiter.acquire(account, limited, "a") for _ in range(2)]
        for is_success in (True, False, True):
            lease.is_settled = False
            await limiter.settle(lease, is_success=is_success)
        numbers = await limiter.standing(account, limited)
        assert (numbers.concurrency.remaining, numbers.day.remaining) == (4, 3)
        await limiter.settle(running, is_success=False)


@on_loop
async def test_a_caller_that_leaves_while_it_waits_takes_nothing(redis_server):
    async with limiter_on(redis_server.url) as limiter:
        account, limited = new_account(), policy(concurrency=1)
        await limiter.acquire(new_account(), limited, "a")  # connected, and Redis knows the script
        waiting = asyncio.ensure_future(limiter.acquire(account, limited, "a"))
        await asyncio.sleep(0)  # it has asked
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

        async def has_everything_but_the_minute():
            numbers = await limiter.standing(account, limited)
            assert numbers.minute.remaining == limited.requests_per_minute - 1  # it was granted
            return (numbers.concurrency.remaining, numbers.day.remaining) == (1, limited.daily_successes)

        await eventually(has_everything_but_the_minute)
        assert await limiter.acquire(account, limited, "a")


@on_loop
async def test_the_window_slides_on_redis_own_clock(redis_server):
    window_s = 0.4
    async with limiter_on(redis_server.url, window_s=window_s) as limiter:
        account, limited = new_account(), policy(requests_per_minute=4)
        loop = asyncio.get_running_loop()
        admitted = []
        while len(admitted) < 20:
            asked = loop.time()
            results = await many(limiter, account, limited, 3)
            admitted += [(asked, loop.time())] * len(leases(results))
            await asyncio.sleep(0.01)
        # Four in any window: the fifth after each is a window later. Redis looked at its clock in between asking and
        # answer; the two clocks may differ by a little.
        pairs = zip(admitted, admitted[4:], strict=False)
        assert all(answered - asked > window_s - 0.01 for (asked, _), (_, answered) in pairs)


@on_loop
async def test_a_lowered_limit_counts_what_was_used_under_the_higher_one(redis_server, clock):
    async with limiter_on(redis_server.url, clock_lua=CLOCK_LUA) as limiter:
        account = new_account()
        for _ in range(5):
            await limiter.acquire(account, policy(), "a")
            clock.pass_s(1)
        lowered = policy(requests_per_minute=3)
        refused = await refusal(limiter, account, lowered)
        # Three of five have to leave until there is room for one: the third came 3 s before now.
        assert (refused.numbers.minute.remaining, refused.retry_after_s) == (0, 57)
        clock.pass_s(57)
        assert await limiter.acquire(account, lowered, "a")


@on_loop
async def test_an_idle_account_leaves_nothing_behind(redis_server):
    async with limiter_on(redis_server.url, window_s=0.05) as limiter:
        await limiter.settle(await limiter.acquire("idle", policy(), "a"), is_success=False)
        await eventually(lambda: redis_server.command("DBSIZE") == b":0\r\n")
        lease = await limiter.acquire("idle", policy(), "a")
        await limiter.settle(lease, is_success=True)
        for key in ("days", "minute"):
            assert int(redis_server.command("PTTL", f"fta:{{idle}}:{key}")[1:]) != -1


@pytest.mark.parametrize("prefix", ["a{b", "a}b"])
def test_a_prefix_that_breaks_the_hash_tag_is_refused(prefix):
    from freetheai.limits import Limiter

    with pytest.raises(ValueError, match="hash tag"):
        Limiter(None, prefix)


@pytest.mark.parametrize(
    ("limits", "row", "says"),
    [
        pytest.param({"concurrency": 2}, errors.CONCURRENCY_LIMIT, "2 at the same time", id="concurrency"),
        pytest.param({"requests_per_minute": 2}, errors.RATE_LIMIT, "2 requests a minute: retry in 60 s", id="minute"),
        pytest.param({"daily_successes": 2}, errors.DAILY_LIMIT, "A running request holds one", id="day"),
        pytest.param({"max_addresses": 1}, errors.RATE_LIMIT, "at most 1 network address", id="overlap"),
    ],
)
@on_loop
async def test_a_refusal_tells_what_bound_and_what_to_do(redis_server, clock, limits, row, says):
    async with limiter_on(redis_server.url, clock_lua=CLOCK_LUA) as limiter:
        account = new_account()
        for _ in range(2):
            await limiter.acquire(account, policy(**limits), "a")
        refused = await refusal(limiter, account, policy(**limits), "b")
        assert refused.spec is row
        assert refused.message.startswith(row.text)
        assert says in refused.message
        assert refused.headers()["Retry-After"] == str(refused.retry_after_s)
