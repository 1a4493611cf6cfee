"""Take and give back what a request uses: the gate of the limits.

Strategy: each step is one script on Redis, which alone knows the time and the counts; here are only the words for the
client, and the settlements that Redis could not take at once.

Rules:
- without Redis nobody is let in: DEPENDENCY_UNAVAILABLE, promptly;
- what may have been taken is given back: when the caller leaves during ``acquire``, and when the reply was lost;
- ``settle`` never fails and never counts twice; a settlement that Redis does not take is tried again in the background,
  and one that is lost altogether costs at most the lease's time;
- a running lease is renewed by `keeper.py`; one that nobody renews expires.
"""

import asyncio
import logging
from dataclasses import dataclass, field
from typing import Any, Final

from freetheai import clock, errors, ids
from freetheai.addresses import subscriber_of
from freetheai.errors import ApiError, ErrorSpec
from freetheai.limits.headers import LimitNumbers, LimitReply, Reason, limit_numbers
from freetheai.limits.policy import LimitPolicy
from freetheai.limits.scripts import (
    Part,
    RedisFailure,
    RedisNotAsked,
    RedisUnavailable,
    Script,
    ScriptRunner,
    account_keys,
    load_scripts,
)
from freetheai.tasks import TaskGroup

# How long a settlement is tried again (seconds), how often, and how many failures may wait; successes always may.
SETTLE_PATIENCE_S: Final = 300.0
SETTLE_PAUSE_S: Final = 0.5
MAX_UNSETTLED: Final = 10_000

_logger = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True, eq=False)
class Lease:
    """What one running request holds, and the numbers its answer's headers show.

    ``is_lost``: it expired while the request ran (Redis or we stood still for
    longer than the lease); the slot may be another's, a success still counts while the day has room.
    """

    account: str
    lease_id: str
    policy: LimitPolicy
    numbers: LimitNumbers
    is_lost: bool = False
    is_settled: bool = False


class LimitRefused(ApiError):
    """A 429 of our own limits; ``numbers`` are for its headers, ``reason`` says which limit bound."""

    def __init__(
        self, spec: ErrorSpec, message: str, *, retry_after_s: int, numbers: LimitNumbers, reason: Reason
    ) -> None:
        super().__init__(spec, message, retry_after_s=retry_after_s)
        self.numbers = numbers
        self.reason = reason


@dataclass(frozen=True, slots=True)
class _Settlement:
    """A step that ends a lease (its id is the first of ``args``), tried until ``give_up_s`` (monotonic clock)."""

    account: str
    script: Script
    args: tuple[Part, ...]
    is_success: bool
    give_up_s: float = field(default_factory=lambda: clock.monotonic_s() + SETTLE_PATIENCE_S)


class Limiter:
    """The limits of all accounts on one Redis; any number of processes may share it.

    ``prefix`` begins every key and holds no braces; ``window_s`` is the minute (seconds).
    """

    def __init__(self, runner: ScriptRunner, prefix: str, *, window_s: float = 60.0, clock_lua: str = "") -> None:
        if "{" in prefix or "}" in prefix:
            raise ValueError("redis.prefix: braces are Redis' hash tag and can't be part of it")
        self._runner = runner
        self._prefix = prefix
        self._window_us = round(window_s * 1_000_000)
        self._scripts = load_scripts(clock=clock_lua)
        self._tasks = TaskGroup()
        self._unsettled: dict[Part, _Settlement] = {}
        self._settling: asyncio.Task[None] | None = None
        self._is_away = False

    @property
    def is_available(self) -> bool:
        """Whether Redis took the last step that it was asked for."""
        return not self._is_away

    async def acquire(self, account: str, policy: LimitPolicy, address: str) -> Lease:
        """Take a slot of the minute, of the day and of concurrency for ``account``, or none of them.

        The lease runs out ``policy.lease_s`` seconds (Redis' clock) after its last renewal, so a crash frees it.
        ``address`` is the request's source: while the account has one running, at most ``policy.max_addresses``
        different ones are served. An IPv6 address counts as its /64: within it a machine changes its own by the hour.

        Raises:
            LimitRefused: CONCURRENCY_LIMIT (all slots in use), RATE_LIMIT (too many addresses, or the minute),
                DAILY_LIMIT; asked in this order, and the first that binds is told.
            ApiError: DEPENDENCY_UNAVAILABLE (Redis did not answer: we refuse rather than let everyone in).
        """
        lease_id = ids.lease_id()
        lease_us = round(policy.lease_s * 1_000_000)
        source = subscriber_of(address) or address
        minute, day = policy.requests_per_minute, policy.daily_successes
        try:
            raw = await self._run(
                self._scripts.acquire,
                account,
                (lease_id, source, lease_us, minute, self._window_us, policy.concurrency, day, policy.max_addresses),
            )
        except RedisNotAsked as error:
            raise ApiError(errors.DEPENDENCY_UNAVAILABLE) from error
        except (RedisFailure, asyncio.CancelledError) as error:
            # Redis may have granted it all the same.
            self._settle_later(_Settlement(account, self._scripts.abandon, (lease_id,), is_success=False))
            if isinstance(error, asyncio.CancelledError):
                raise
            raise ApiError(errors.DEPENDENCY_UNAVAILABLE) from error
        reply = LimitReply.of(raw)
        numbers = _numbers(reply, policy)
        if reply.reason != Reason.GRANTED:
            raise _refusal(reply, policy, numbers)
        return Lease(account=account, lease_id=lease_id, policy=policy, numbers=numbers)

    async def renew(self, lease: Lease) -> bool:
        """Let ``lease`` begin anew. False: it had expired or was settled; its slot may be another's.

        Raises:
            ApiError: DEPENDENCY_UNAVAILABLE; the lease may still be good.
        """
        lease_us = round(lease.policy.lease_s * 1_000_000)
        try:
            is_renewed = bool(await self._run(self._scripts.renew, lease.account, (lease.lease_id, lease_us)))
        except RedisFailure as error:
            raise ApiError(errors.DEPENDENCY_UNAVAILABLE) from error
        lease.is_lost = not is_renewed
        return is_renewed

    async def settle(self, lease: Lease, *, is_success: bool, is_refundable: bool = False) -> None:
        """End the request: its slot is free, its day reservation kept (success) or given back. Twice does no harm.

        A success whose lease had expired counts if its day still has room. ``is_refundable``: a success that is only
        promised so far, see ``refund``. Never raises for Redis.
        """
        if lease.is_settled:
            return
        lease.is_settled = True
        args: tuple[Part, ...] = (lease.lease_id, int(is_success), lease.policy.daily_successes)
        if is_refundable:
            args += (1,)
        try:
            await self._run(self._scripts.settle, lease.account, args)
        except (RedisFailure, asyncio.CancelledError) as error:
            self._settle_later(_Settlement(lease.account, self._scripts.settle, args, is_success=is_success))
            if isinstance(error, asyncio.CancelledError):
                raise

    async def refund(self, account: str, lease_id: str) -> None:
        """Give a refundable success back to the day it was counted on; twice does no harm.

        Raises:
            ApiError: DEPENDENCY_UNAVAILABLE; it may or may not have been given back: ask again.
        """
        try:
            await self._run(self._scripts.refund, account, (lease_id,))
        except RedisFailure as error:
            raise ApiError(errors.DEPENDENCY_UNAVAILABLE) from error

    async def standing(self, account: str, policy: LimitPolicy) -> LimitNumbers:
        """Where the account stands just now; takes nothing.

        Raises:
            ApiError: DEPENDENCY_UNAVAILABLE.
        """
        try:
            reply = await self._run(self._scripts.standing, account, (policy.requests_per_minute, self._window_us))
        except RedisFailure as error:
            raise ApiError(errors.DEPENDENCY_UNAVAILABLE) from error
        return _numbers(LimitReply.of(reply), policy)

    async def close(self) -> None:
        """Try once more what is not settled, then stop; leases that are still held expire."""
        await self._tasks.close()
        await self._settle_all()
        if self._unsettled:
            _logger.warning("settlements lost", extra={"count": len(self._unsettled)})

    async def _run(self, script: Script, account: str, args: tuple[Part, ...]) -> Any:
        try:
            reply = await self._runner.run(script, account_keys(self._prefix, account), args)
        except RedisFailure as error:
            if not self._is_away:  # once, not for every request of an outage
                _logger.error("redis failed", extra={"reason": str(error)})
            self._is_away = True
            raise
        if self._is_away:
            _logger.warning("redis answers again")
            self._is_away = False
        return reply

    # Settlements that Redis did not take.

    def _settle_later(self, settlement: _Settlement) -> None:
        # A failure that finds no room expires by itself, a success would be lost.
        if not settlement.is_success and len(self._unsettled) >= MAX_UNSETTLED:
            return
        self._unsettled[settlement.args[0]] = settlement
        if self._settling is None or self._settling.done():
            self._settling = self._tasks.start(self._settle_unsettled(), "late settlements")

    async def _settle_unsettled(self) -> None:
        pause_s = 0.0  # at first at once: the caller may only have left
        while self._unsettled:
            await asyncio.sleep(pause_s)
            await self._settle_all()
            pause_s = SETTLE_PAUSE_S

    async def _settle_all(self) -> None:
        """Try all once; stop at the first that gets no answer, since the others would wait as long."""
        for lease_id, settlement in list(self._unsettled.items()):
            try:
                await self._run(settlement.script, settlement.account, settlement.args)
                del self._unsettled[lease_id]
            except RedisFailure as error:
                if settlement.give_up_s <= clock.monotonic_s():
                    del self._unsettled[lease_id]
                    _logger.error("settlement lost", extra={"user_id": settlement.account, "reason": str(error)})
                if isinstance(error, RedisUnavailable):
                    return


def _numbers(reply: LimitReply, policy: LimitPolicy) -> LimitNumbers:
    return limit_numbers(
        reply, minute=policy.requests_per_minute, concurrency=policy.concurrency, day=policy.daily_successes
    )


def _refusal(reply: LimitReply, policy: LimitPolicy, numbers: LimitNumbers) -> LimitRefused:
    reason = Reason(reply.reason)
    spec, gauge, words = {
        Reason.CONCURRENCY: (
            errors.CONCURRENCY_LIMIT,
            numbers.concurrency,
            f" Your limit is {policy.concurrency} at the same time.",
        ),
        Reason.OVERLAP: (
            errors.RATE_LIMIT,
            numbers.concurrency,
            f" While a request runs, an account is served to at most {policy.max_addresses} network addresses at once:"
            " wait for the requests from the others to end, and run /resetkey in Discord if they are not yours.",
        ),
        Reason.MINUTE: (
            errors.RATE_LIMIT,
            numbers.minute,
            f" Your limit is {policy.requests_per_minute} requests a minute: retry in {numbers.minute.reset_s} s.",
        ),
        Reason.DAY: (
            errors.DAILY_LIMIT,
            numbers.day,
            " A running request holds one until it ends." if reply.running else "",
        ),
    }[reason]
    return LimitRefused(spec, spec.text + words, retry_after_s=gauge.reset_s, numbers=numbers, reason=reason)
