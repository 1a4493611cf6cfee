"""Who is Verified: decided here, done in Discord by the process that has the bot.

Strategy: a decision is written and told; the bot gives or takes the role and says so here. What could not be done stays
pending and is tried again, so a decision holds through an outage and may be made in any process.

Rules:
- a member is told once, when the role is new to them;
- who staff took the role from is barred: activity gives it again only after staff gave it;
- who left and came back has no roles; the role is given back if it was ours to give and staff did not take it.
"""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from freetheai import clock
from freetheai.accounts import Publish
from freetheai.bus import NoticeNotSent
from freetheai.store.activity import Activities, Activity
from freetheai.store.audit import Audit, AuditRow
from freetheai.store.mongo import Store

_logger = logging.getLogger(__name__)

# The kind of notice that says that something is to be done for a member.
WANTED: Final = "verification"
BY_ACTIVITY: Final = "bot:activity"
BY_STAFF: Final = "discord:staff"
# Counts are kept so long after the last message that counted.
COUNTS_KEPT: Final = timedelta(days=90)


class Verification:
    """Decisions. Every method raises ``StoreUnavailable`` when MongoDB is away."""

    def __init__(self, store: Store, publish: Publish, now: Callable[[], datetime] = clock.utc_now) -> None:
        self._activities = Activities(store)
        self._audit = Audit(store)
        self._publish = publish
        self._now = now

    async def verify(self, user_id: str, actor: str) -> None:
        """Give the role, whatever was before."""
        await self._activities.want(user_id, "give", by=actor, is_barred=False)
        await self._publish_wanted(user_id)

    async def unverify(self, user_id: str, actor: str) -> None:
        """Take the role; activity does not give it again."""
        await self._activities.want(user_id, "take", by=actor, is_barred=True)
        await self._note(actor, "member.unverify", user_id)
        await self._publish_wanted(user_id)

    async def earn(self, user_id: str) -> None:
        """Activity was enough: give the role, unless staff took it."""
        if await self._activities.want_give(user_id, by=BY_ACTIVITY, was_granted=False):
            await self._publish_wanted(user_id)

    async def restore(self, user_id: str) -> None:
        """Who had the role came back: give it again, unless staff took it."""
        if await self._activities.want_give(user_id, by="bot:rejoined", was_granted=True):
            await self._publish_wanted(user_id)

    async def find(self, user_id: str) -> Activity | None:
        """What is known of a member."""
        return await self._activities.find(user_id)

    async def count(self, user_id: str, written_at: datetime) -> Activity:
        """A message counts."""
        expires_at = self._now() + COUNTS_KEPT
        return await self._activities.count(user_id, clock.utc_day(written_at), written_at, expires_at)

    async def given(self, user_id: str, *, by: str) -> bool:
        """The member has the role now; True: they did not have it from us before."""
        is_new = await self._activities.given(user_id, self._now())
        if is_new:
            await self._note(by, "member.verify", user_id)
        return is_new

    async def given_by_staff(self, user_id: str) -> None:
        """Staff gave the role in Discord."""
        if await self._activities.given_by_staff(user_id, self._now(), by=BY_STAFF):
            await self._note(BY_STAFF, "member.verify", user_id)

    async def taken_by_staff(self, user_id: str) -> None:
        """Staff took the role in Discord."""
        await self._activities.want(user_id, "", by=BY_STAFF, is_barred=True)
        await self._note(BY_STAFF, "member.unverify", user_id)

    async def done(self, user_id: str) -> None:
        """Nothing more is to be done."""
        await self._activities.done(user_id)

    async def list_pending(self) -> list[str]:
        """Who something is to be done for."""
        return await self._activities.list_pending()

    async def _note(self, actor: str, action: str, user_id: str) -> None:
        await self._audit.add(AuditRow(at=self._now(), actor=actor, action=action, target=user_id, details={}))

    async def _publish_wanted(self, user_id: str) -> None:
        try:
            await self._publish(WANTED, user_id)
        except NoticeNotSent as error:
            _logger.warning("stored, but done later: %s", error)
