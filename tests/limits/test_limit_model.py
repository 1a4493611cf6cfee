"""Acquire, renew, settle and the passing of time in any order, against a model in plain Python."""

import asyncio
from collections import Counter

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from freetheai.limits import Limiter, LimitRefused, Reason, open_redis
from support.limit_accounts import CLOCK_KEY, CLOCK_LUA, DAY_US, new_account, policy

WINDOW_US = 60_000_000
POLICIES = {
    "tight": policy(requests_per_minute=4, concurrency=2, daily_successes=5, max_addresses=1, lease_s=45),
    "usual": policy(requests_per_minute=8, concurrency=3, daily_successes=9, max_addresses=2, lease_s=60),
    "many at once": policy(requests_per_minute=50, concurrency=8, daily_successes=12, max_addresses=3, lease_s=100),
}


class Model:
    """What an account must look like, by the contract's words."""

    def __init__(self):
        self.now = 20_000 * DAY_US + DAY_US - 150_000_000  # two and a half minutes before midnight
        self.admitted = []
        self.running = {}  # lease id -> [expiry, day, address]
        self.lost = {}  # lease id -> day
        self.successes = Counter()

    @property
    def day(self):
        return self.now // DAY_US

    def pass_us(self, duration):
        self.now += duration
        for lease_id, (expiry, day, _) in list(self.running.items()):
            if expiry <= self.now:
                del self.running[lease_id]
                self.lost[lease_id] = day

    def minute(self):
        return sorted(at for at in self.admitted if at > self.now - WINDOW_US)

    def used(self, day):
        return self.successes[day] + sum(held == day for _, held, _ in self.running.values())

    def refusal(self, limits, address):
        addresses = {running for _, _, running in self.running.values()}
        if len(self.running) >= limits.concurrency:
            return Reason.CONCURRENCY
        if addresses and address not in addresses and len(addresses) >= limits.max_addresses:
            return Reason.OVERLAP
        if len(self.minute()) >= limits.requests_per_minute:
            return Reason.MINUTE
        return Reason.DAY if self.used(self.day) >= limits.daily_successes else None

    def settle(self, lease_id, is_success, cap):
        if lease_id in self.running:
            _, day, _ = self.running.pop(lease_id)
            self.successes[day] += is_success
        elif lease_id in self.lost:
            day = self.lost.pop(lease_id)
            if is_success and self.used(day) < cap:
                self.successes[day] += 1

    def numbers(self, limits, is_refused):
        minute, least = self.minute(), int(is_refused)
        over = max(0, len(minute) - limits.requests_per_minute)
        leaves_s = -(-(minute[over] + WINDOW_US - self.now) // 1_000_000) if over < len(minute) else 0
        expires = [expiry for expiry, _, _ in self.running.values()]
        expires_s = min(5, -(-(min(expires) - self.now) // 1_000_000)) if expires else 0
        midnight_s = -(-((self.day + 1) * DAY_US - self.now) // 1_000_000)
        return (
            (limits.requests_per_minute, max(0, limits.requests_per_minute - len(minute)), max(least, leaves_s)),
            (limits.concurrency, max(0, limits.concurrency - len(self.running)), max(least, expires_s)),
            (limits.daily_successes, max(0, limits.daily_successes - self.used(self.day)), midnight_s),
        )


def machine_on(server):
    """The state machine's class for this Redis."""

    class LimitMachine(RuleBasedStateMachine):
        @initialize()
        def begin(self):
            self.runner = asyncio.Runner()
            self.redis = open_redis(f"unix://{server.unix_path}")
            self.limiters = [Limiter(self.redis, "fta", clock_lua=CLOCK_LUA) for _ in range(2)]
            self.account = new_account()
            self.model = Model()
            self.known = []
            self.run(self.set_clock())

        def teardown(self):
            if hasattr(self, "runner"):
                self.run(self.redis.close())
                self.runner.close()

        def run(self, work):
            return self.runner.run(work)

        async def set_clock(self):
            await self.redis._client.execute("SET", CLOCK_KEY, self.model.now)

        @rule(limits=st.sampled_from(list(POLICIES)), address=st.sampled_from("abcd"), limiter=st.integers(0, 1))
        def acquire(self, limits, address, limiter):
            limits, expected = POLICIES[limits], self.model.refusal(POLICIES[limits], address)
            try:
                lease = self.run(self.limiters[limiter].acquire(self.account, limits, address))
            except LimitRefused as refused:
                assert refused.reason == expected
                assert refused.numbers == self.model.numbers(limits, is_refused=True)
                return
            assert expected is None
            self.known.append(lease)
            self.model.admitted.append(self.model.now)
            expiry = self.model.now + round(limits.lease_s * 1_000_000)
            self.model.running[lease.lease_id] = [expiry, self.model.day, address]
            assert lease.numbers == self.model.numbers(limits, is_refused=False)

        @precondition(lambda self: self.known)
        @rule(data=st.data(), is_success=st.booleans(), limiter=st.integers(0, 1))
        def settle(self, data, is_success, limiter):
            lease = data.draw(st.sampled_from(self.known))
            lease.is_settled = False  # Redis has to bear what a repeated command does
            self.run(self.limiters[limiter].settle(lease, is_success=is_success))
            self.model.settle(lease.lease_id, is_success, lease.policy.daily_successes)

        @precondition(lambda self: self.known)
        @rule(data=st.data(), limiter=st.integers(0, 1))
        def renew(self, data, limiter):
            lease = data.draw(st.sampled_from(self.known))
            is_renewed = self.run(self.limiters[limiter].renew(lease))
            assert is_renewed == (lease.lease_id in self.model.running)
            if is_renewed:
                expiry = self.model.now + round(lease.policy.lease_s * 1_000_000)
                self.model.running[lease.lease_id][0] = expiry

        @rule(duration=st.sampled_from([1, 999_999, 1_000_000, 7_300_000, 20_000_000, 45_000_000, 60_000_000]))
        def time_passes(self, duration):
            self.model.pass_us(duration)
            self.run(self.set_clock())

        @invariant()
        def both_limiters_see_what_the_model_says(self):
            if not hasattr(self, "model"):
                return
            for limits, limiter in zip(POLICIES.values(), [*self.limiters, self.limiters[0]], strict=True):
                numbers = self.run(limiter.standing(self.account, limits))
                assert numbers == self.model.numbers(limits, is_refused=False)

        @invariant()
        def no_cap_was_ever_exceeded(self):
            if hasattr(self, "model"):
                assert max(self.model.successes.values(), default=0) <= max(
                    limits.daily_successes for limits in POLICIES.values()
                )

    return LimitMachine


def test_any_order_of_steps_agrees_with_the_model(redis_server):
    run_state_machine_as_test(
        machine_on(redis_server),
        settings=settings(
            max_examples=50,
            stateful_step_count=40,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
