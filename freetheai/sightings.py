"""What Discord says of a person, written where everyone reads it: the record in Redis first, then the account.

Rules:
- one thing after the other for each person, and nothing older after something newer;
- the record is told of before the account is written: a leaver is out at once;
- the account only mirrors: `/me`, the catalog and staff's lists show it, the gates of requests don't ask it;
- what Redis did not take is kept, the newest of each person, until it does: ``retry``; what MongoDB did not take
  likewise: ``retry_accounts``.
"""

import asyncio
import logging
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal

from freetheai import clock
from freetheai.bus import NoticeNotSent
from freetheai.limits import RedisFailure
from freetheai.limits.member_records import MemberRecords
from freetheai.membership import CHANGED, Publish
from freetheai.store.mongo import Store, StoreUnavailable
from freetheai.store.users import Users

_logger = logging.getLogger(__name__)

MAX_WAITING: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """One person as Discord told; ``seen_s``: when it was so at the earliest (seconds, monotonic)."""

    user_id: str
    is_member: bool
    roles: frozenset[str]
    seen_s: float


@dataclass(slots=True)
class _Turns:
    """One after the other for one person; the record does not wait for the account."""

    record: asyncio.Lock = field(default_factory=asyncio.Lock)
    account: asyncio.Lock = field(default_factory=asyncio.Lock)
    waiting: int = 0


class Sightings:
    """Writes them. Nothing here raises for a database that is away."""

    def __init__(
        self, records: MemberRecords, store: Store, publish: Publish, now: Callable[[], datetime] = clock.utc_now
    ) -> None:
        self._records = records
        self._users = Users(store)
        self._publish = publish
        self._now = now
        self._waiting: dict[str, Sighting] = {}
        self._unmirrored: dict[str, Sighting] = {}
        # When the newest of each person that was written was seen.
        self._newest: dict[str, float] = {}
        self._turns: dict[str, _Turns] = {}

    async def note(self, sighting: Sighting, *, is_answer: bool = False) -> bool:
        """Write ``sighting``; every process is told if it is news, or if someone waits for it (``is_answer``).

        False: Redis did not take it; it is tried again later.
        """
        turns = self._turns.setdefault(sighting.user_id, _Turns())
        turns.waiting += 1
        try:
            async with turns.record:
                outcome = await self._write(sighting, is_answer=is_answer)
            if outcome == "newest":
                async with turns.account:
                    if not await self._mirror(sighting):
                        _keep_newest(self._unmirrored, sighting)
            return outcome != "away"
        finally:
            turns.waiting -= 1
            if not turns.waiting:
                self._turns.pop(sighting.user_id, None)

    async def note_all(self, sightings: Collection[Sighting]) -> None:
        """Write many."""
        await asyncio.gather(*(self.note(each) for each in sightings))

    async def retry(self) -> None:
        """Write what Redis did not take."""
        for sighting in list(self._waiting.values()):
            if not await self.note(sighting):
                return

    async def retry_accounts(self) -> None:
        """Write what MongoDB did not take into the accounts, as long as it takes it."""
        for sighting in list(self._unmirrored.values()):
            turns = self._turns.setdefault(sighting.user_id, _Turns())
            turns.waiting += 1
            try:
                async with turns.account:
                    if self._unmirrored.get(sighting.user_id) is sighting and not await self._mirror(sighting):
                        return
            finally:
                turns.waiting -= 1
                if not turns.waiting:
                    self._turns.pop(sighting.user_id, None)

    async def tell(self, kind: str, user_id: str) -> None:
        """Tell every process; whoever is not reached reads anew by itself."""
        try:
            await self._publish(kind, user_id)
        except NoticeNotSent as error:
            _logger.warning("other processes were not told of a member: %s", error)

    async def _write(self, sighting: Sighting, *, is_answer: bool) -> Literal["newest", "older", "away"]:
        user_id = sighting.user_id
        if sighting.seen_s < self._newest.get(user_id, sighting.seen_s):
            if is_answer:
                await self.tell(CHANGED, user_id)
            return "older"
        try:
            is_news = await self._records.write(
                user_id,
                is_member=sighting.is_member,
                roles=sighting.roles,
                age_s=max(0.0, clock.monotonic_s() - sighting.seen_s),
            )
        except RedisFailure:
            _keep_newest(self._waiting, sighting)
            return "away"
        self._remember(sighting)
        waiting = self._waiting.get(user_id)
        if waiting is not None and waiting.seen_s <= sighting.seen_s:
            del self._waiting[user_id]
        if is_news or is_answer:
            await self.tell(CHANGED, user_id)
        return "older" if is_news is None else "newest"

    async def _mirror(self, sighting: Sighting) -> bool:
        """Show it in the account; False: MongoDB did not take it."""
        try:
            has_changed = await self._users.observe(
                sighting.user_id,
                is_member=sighting.is_member,
                roles=sorted(sighting.roles),
                at=self._now(),
            )
        except StoreUnavailable as error:
            if sighting.user_id not in self._unmirrored:
                _logger.warning("an account does not show what discord says yet", extra={"reason": str(error)})
            return False
        self._unmirrored.pop(sighting.user_id, None)
        if has_changed:
            await self.tell("users", sighting.user_id)
        return True

    def _remember(self, sighting: Sighting) -> None:
        self._newest.pop(sighting.user_id, None)
        self._newest[sighting.user_id] = sighting.seen_s
        if len(self._newest) > MAX_WAITING:
            del self._newest[next(iter(self._newest))]


def _keep_newest(waiting: dict[str, Sighting], sighting: Sighting) -> None:
    """Let ``sighting`` wait, unless a newer one of the person does."""
    known = waiting.pop(sighting.user_id, None)
    waiting[sighting.user_id] = sighting if known is None or known.seen_s <= sighting.seen_s else known
    if len(waiting) > MAX_WAITING:
        del waiting[next(iter(waiting))]
