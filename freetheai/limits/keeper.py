"""Renews the leases of running requests, so that a slot stays taken exactly as long as its request runs.

One pass over all leases, not a timer each: a lease is renewed when a third of its life has passed since the last time.
"""

import asyncio
import logging
from typing import Final

from freetheai import clock
from freetheai.errors import ApiError
from freetheai.limits import Lease, Limiter

_logger = logging.getLogger(__name__)

_PASSES_PER_LEASE: Final = 12


class LeaseKeeper:
    """Knows the leases that are held here and keeps them alive."""

    def __init__(self, limiter: Limiter, lease_s: float) -> None:
        self._limiter = limiter
        self._lease_s = lease_s
        # lease -> when it is due (monotonic seconds)
        self._due_s: dict[str, float] = {}
        self._leases: dict[str, Lease] = {}

    def __len__(self) -> int:
        return len(self._leases)

    def hold(self, lease: Lease) -> None:
        """Keep ``lease`` alive from now on."""
        self._leases[lease.lease_id] = lease
        self._due_s[lease.lease_id] = clock.monotonic_s() + self._lease_s / 3

    def drop(self, lease: Lease) -> bool:
        """Its request has ended: renew it no more. Whether it was held until now."""
        self._due_s.pop(lease.lease_id, None)
        return self._leases.pop(lease.lease_id, None) is not None

    async def run(self) -> None:
        """Renew what is due, for ever."""
        while True:
            await asyncio.sleep(self._lease_s / _PASSES_PER_LEASE)
            await self.renew_due()

    async def renew_due(self) -> None:
        """One pass. A lease that Redis has already let go is logged and left: its request runs to its end."""
        now_s = clock.monotonic_s()
        due = [lease_id for lease_id, due_s in self._due_s.items() if due_s <= now_s]
        await asyncio.gather(*(self._renew(lease_id) for lease_id in due))

    async def _renew(self, lease_id: str) -> None:
        lease = self._leases.get(lease_id)
        if lease is None:
            return
        try:
            is_held = await self._limiter.renew(lease)
        except ApiError:
            return  # Redis is away: due at the next pass again.
        if lease_id in self._due_s:
            self._due_s[lease_id] = clock.monotonic_s() + self._lease_s / 3
        if not is_held:
            _logger.warning("a running request's lease had expired", extra={"lease": lease_id})
