"""Wrong keys from one source address: how many a minute, and how long an address that sends more has to wait.

Strategy: a wrong key is noted in a sliding log on Redis, exact across processes. An address whose log is full is told
how long; every process that was told remembers that until the wait is over, and needs neither Redis nor MongoDB to
refuse the address meanwhile.

Rules:
- nothing is asked before a key has failed: who only sends good keys costs nothing here;
- an IPv6 address counts as its /64, which is what one subscriber has;
- a caller without an address (a Unix socket) is not counted: everyone would share one log;
- without Redis nothing is counted, and the wrong key stays what it is: a wrong key.
"""

import secrets
from collections import OrderedDict
from typing import Final

from freetheai import clock
from freetheai.addresses import subscriber_of
from freetheai.limits.scripts import RedisFailure, ScriptRunner, load_failed_keys_script

# Addresses remembered as full; past it the one that was told first is asked for anew when its next key fails.
MAX_REMEMBERED: Final = 10_000


class FailedKeys:
    """The logs of all addresses on one Redis; ``window_s`` is the minute (seconds)."""

    def __init__(self, runner: ScriptRunner, prefix: str, *, window_s: float = 60.0, clock_lua: str = "") -> None:
        self._runner = runner
        self._prefix = prefix
        self._window_us = round(window_s * 1_000_000)
        self._script = load_failed_keys_script(clock=clock_lua)
        # counted address -> when its wait is over (monotonic seconds)
        self._full_until_s: OrderedDict[str, float] = OrderedDict()

    def wait_s(self, address: str) -> float:
        """How long (seconds) ``address`` still has to wait, as far as this process was told; 0: it need not."""
        if not self._full_until_s:
            return 0.0
        counted = subscriber_of(address)
        until_s = self._full_until_s.get(counted)
        if until_s is None:
            return 0.0
        left_s = until_s - clock.monotonic_s()
        if left_s > 0:
            return left_s
        del self._full_until_s[counted]
        return 0.0

    async def note(self, address: str, count: int, limit: int) -> float:
        """``count`` wrong keys came from ``address``, of which any window takes ``limit``. Never raises for Redis.

        Returns 0 when they were noted; else the seconds until there is room for so many, and none of them is noted.
        """
        counted = subscriber_of(address)
        if not counted:
            return 0.0
        key = f"{self._prefix}:failed_keys:{counted}".encode()
        try:
            wait_us = await self._runner.run(
                self._script, (key,), (limit, self._window_us, count, secrets.token_hex(8))
            )
        except RedisFailure:
            return 0.0
        wait_s = int(wait_us) / 1_000_000
        if wait_s > 0:
            self._remember(counted, clock.monotonic_s() + wait_s)
        return wait_s

    def _remember(self, counted: str, until_s: float) -> None:
        self._full_until_s[counted] = until_s
        self._full_until_s.move_to_end(counted)
        if len(self._full_until_s) > MAX_REMEMBERED:
            self._full_until_s.popitem(last=False)
