"""Who invited whom: which invite a newcomer came by, and what that counts for.

Strategy: Discord does not say by which invite someone joined. The invites' counters before and after tell, when
exactly one of them rose by as many as have joined. What counts drives the inviter's account, and so their tier.

Rules:
- no guess: where two invites rose, or none, nobody invited;
- an invite that is used up disappears: it rose by what was left of it;
- who left counts no more and never again; bots, one's own second account under one's own invite, and accounts younger
  than the setting never count.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from freetheai import clock
from freetheai.accounts import Publish
from freetheai.bus import NoticeNotSent
from freetheai.store.invites import Invited, Invites
from freetheai.store.mongo import Store
from freetheai.store.users import Users

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counter:
    """One invite. ``inviter_id`` "": nobody's, or a bot's. ``max_uses`` 0: no bound."""

    inviter_id: str
    uses: int
    max_uses: int = 0


def find_used(before: Mapping[str, Counter], after: Mapping[str, Counter], joined: int) -> str | None:
    """The code by which ``joined`` people have come since ``before``; None: can't be told."""
    rises = {code: now.uses - (before[code].uses if code in before else 0) for code, now in after.items()}
    rises = {code: rise for code, rise in rises.items() if rise > 0}
    if not rises:
        left = {code: was.max_uses - was.uses for code, was in before.items() if code not in after and was.max_uses}
        rises = {code: rise for code, rise in left.items() if 0 < rise <= joined}
    if len(rises) != 1:
        return None
    ((code, rise),) = rises.items()
    return code if rise == joined else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Newcomer:
    """Who joined. ``has_been_here``: Discord says that they come back."""

    user_id: str
    created_at: datetime
    has_been_here: bool
    is_bot: bool = False


def why_not_counted(newcomer: Newcomer, inviter_id: str, min_age_s: float, now: datetime) -> str:
    """Why ``inviter_id`` gets nothing for ``newcomer``; "": they do."""
    if not inviter_id:
        return "it is not known who invited them"
    if newcomer.is_bot:
        return "a bot"
    if inviter_id == newcomer.user_id:
        return "invited themselves"
    if newcomer.has_been_here:
        return "had been here before"
    if (now - newcomer.created_at).total_seconds() < min_age_s:
        return "the account is too young"
    return ""


class InviteBook:
    """Notes joins and leavings. Every method raises ``StoreUnavailable`` when MongoDB is away."""

    def __init__(self, store: Store, publish: Publish, now: Callable[[], datetime] = clock.utc_now) -> None:
        self._invites = Invites(store)
        self._users = Users(store)
        self._publish = publish
        self._now = now

    async def join(self, newcomer: Newcomer, inviter_id: str, code: str, min_age_s: float) -> bool:
        """Note a join; tells whether it counts. Of who has a document already nothing changes."""
        now = self._now()
        reason = why_not_counted(newcomer, inviter_id, min_age_s, now)
        is_new = await self._invites.add(
            Invited(
                user_id=newcomer.user_id,
                inviter_id=inviter_id,
                code=code,
                joined_at=now,
                left_at=None,
                is_counted=not reason,
                reason=reason,
            )
        )
        if inviter_id:
            # Also when it is not new: an attempt before this one may have ended between the two writes.
            await self.recount(inviter_id)
        return is_new and not reason

    async def leave(self, user_id: str) -> None:
        """Note that someone left."""
        before = await self._invites.leave(user_id, self._now())
        if before is not None and before["inviter_id"]:
            await self.recount(before["inviter_id"])

    async def counted(self) -> list[str]:
        """Everyone who counts for someone."""
        return await self._invites.counted()

    async def count(self, user_id: str) -> int:
        """How many people ``user_id`` brought who count."""
        return await self._invites.count(user_id)

    async def recount(self, inviter_id: str) -> None:
        """Let the account of ``inviter_id``, if there is one, have what counts now."""
        await self._apply(inviter_id, await self._invites.count(inviter_id))

    async def recount_all(self) -> None:
        """The same for everyone."""
        for inviter_id, count in (await self._invites.inviters()).items():
            await self._apply(inviter_id, count)

    async def _apply(self, inviter_id: str, count: int) -> None:
        if await self._users.count_invites(inviter_id, count, self._now()) is None:
            return
        _logger.info("invites were counted", extra={"user_id": inviter_id, "invites": count})
        try:
            await self._publish("users", inviter_id)
        except NoticeNotSent as error:
            _logger.warning("stored, but other processes were not told: %s", error)
