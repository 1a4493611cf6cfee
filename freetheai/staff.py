"""What staff do, whoever asks and however: standing, keys, bans, models. Knows nothing of Discord.

Rules:
- whoever calls has made sure that the actor is staff;
- a change is written, then audited, then published, as in ``accounts.py``; looking at someone is audited too;
- a reason is kept and may be shown to the member: it never holds a key.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from freetheai import clock
from freetheai.accounts import AccountRefused, Accounts, Publish, UserChange
from freetheai.ban_values import NotBannable, is_wide, normalised_ban
from freetheai.bus import NoticeNotSent
from freetheai.config.suggest import nearest
from freetheai.leaked_keys import find_keys
from freetheai.store.audit import Audit, AuditRow
from freetheai.store.bans import Ban, BanKind, Bans
from freetheai.store.keys import Key
from freetheai.store.models import Models
from freetheai.store.mongo import Store
from freetheai.store.usage_figures import UsageFigures
from freetheai.store.usage_of_member import MemberSums, Refusals, UsageOfMember
from freetheai.store.users import User
from freetheai.written_text import one_line

_logger = logging.getLogger(__name__)

MAX_REASON_CHARS: Final = 300
# How far back a look at a member goes.
_WEEK: Final = timedelta(days=7)
_DAY: Final = timedelta(days=1)
_REFUSALS_SHOWN: Final = 6
_AUDIT_READ: Final = 30
# Looking is no change: it is kept, but does not push changes out of what is shown.
LOOKED: Final = "staff.whois"


class StaffRefused(AccountRefused):
    """It can't be done; the text is one line for whoever asked."""


class WideBan(StaffRefused):
    """The ban would hit very many; it was not said twice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What staff see of a member. ``keys``: the newest first. ``user`` None: never had an account.
    ``changes``: the newest rows of the audit, without looks.
    """

    user_id: str
    user: User | None
    keys: list[Key]
    today: MemberSums
    week: MemberSums
    clients: list[str]
    refusals: list[Refusals]
    changes: list[AuditRow]


class Staff:
    """Every method raises ``StoreUnavailable`` when MongoDB is away, ``AccountRefused`` when it can't be done.

    ``actor``: who asks, as audit rows name them (``discord:1234``).
    """

    def __init__(
        self, store: Store, accounts: Accounts, publish: Publish, now: Callable[[], datetime] = clock.utc_now
    ) -> None:
        self._accounts = accounts
        self._bans = Bans(store)
        self._models = Models(store)
        self._audit = Audit(store)
        self._usage = UsageOfMember(store)
        self._figures = UsageFigures(store)
        self._publish = publish
        self._now = now

    # ------------------------------------------------------------------ accounts

    async def pause(self, user_id: str, reason: str, *, actor: str) -> User:
        """Refuse the member's requests from now on; the member is told ``reason``."""
        change = UserChange(paused_reason=_reason(reason))
        return await self._accounts.set_user(user_id, change, actor=actor)

    async def unpause(self, user_id: str, *, actor: str) -> User:
        """Let the member in again."""
        user = await self._accounts.find_user(user_id)
        if user is None:
            raise StaffRefused("they have no account")
        if user["paused_reason"] is None:
            raise StaffRefused("they are not paused")
        return await self._accounts.set_user(user_id, UserChange(is_unpaused=True), actor=actor)

    async def revoke(self, *, user_id: str | None, prefix: str | None, reason: str, actor: str) -> Key:
        """End the key of a member, or the one whose prefix this is."""
        key = await self._the_key(user_id, prefix)
        return await self._accounts.revoke_key(key, reason=_reason(reason), actor=actor)

    async def _the_key(self, user_id: str | None, prefix: str | None) -> Key:
        if (user_id is None) == (prefix is None):
            raise StaffRefused("name a member or a key's prefix, one of the two")
        if user_id is not None:
            key = await self._accounts.find_active_key(user_id)
            if key is None:
                raise StaffRefused("they have no key that is good")
            return key
        found = await self._accounts.find_keys(prefix or "")
        active = [key for key in found if key["revoked_at"] is None]
        if len(active) == 1:
            return active[0]
        if active:
            raise StaffRefused("several keys begin so: name the member")
        raise StaffRefused("that key has been revoked already" if found else "there is no such key")

    async def owners_of(self, prefix: str) -> list[str]:
        """Whose keys begin so, revoked ones too; each once."""
        return list(dict.fromkeys(key["user_id"] for key in await self._accounts.find_keys(prefix)))

    async def look(self, user_id: str, *, actor: str) -> Look:
        """Everything there is on a member, without any key. That it was looked at is audited."""
        now = self._now()
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        await self.note(LOOKED, user_id, {}, actor=actor)
        rows = await self._audit.recent(target=user_id, limit=_AUDIT_READ)
        return Look(
            user_id=user_id,
            user=await self._accounts.find_user(user_id),
            keys=await self._accounts.list_keys_of(user_id),
            today=await self._usage.sums_of(user_id, midnight),
            week=await self._usage.sums_of(user_id, now - _WEEK),
            clients=await self._figures.clients_of(user_id, now - _WEEK),
            refusals=await self._usage.refusals_of(user_id, now - _DAY, limit=_REFUSALS_SHOWN),
            changes=[row for row in rows if row["action"] != LOOKED],
        )

    # ------------------------------------------------------------------ bans

    async def ban(self, kind: BanKind, value: str, reason: str, *, actor: str, is_meant: bool) -> tuple[str, bool]:
        """Ban ``value``; returns it as it is kept, and whether it is new. Raises ``WideBan`` unless ``is_meant``."""
        kept = _normalised(kind, value)
        if is_wide(kind, kept) and not is_meant:
            raise WideBan(f"{kept} is very wide")
        ban = Ban(kind=kind, value=kept, reason=_reason(reason), created_at=self._now())
        is_new = await self._bans.add(ban)
        await self._conclude("ban.add", f"{kind}:{kept}", {"reason": ban["reason"]}, actor, ("bans", kept))
        return kept, is_new

    async def hit_by(self, signature: str) -> dict[str, int]:
        """How many members used each client that a ban of ``signature`` hits, in the last day."""
        return await self._usage.members_with(_normalised("client", signature), self._now() - _DAY)

    async def unban(self, kind: BanKind, value: str, *, actor: str) -> str:
        """Lift the ban of exactly ``value``; returns it as it was kept."""
        kept = _normalised(kind, value)
        if not await self._bans.remove(kind, kept):
            raise StaffRefused(f"{kept} is not banned")
        await self._conclude("ban.remove", f"{kind}:{kept}", {}, actor, ("bans", kept))
        return kept

    async def list_bans(self) -> list[Ban]:
        """Every ban, the newest first."""
        return (await self._bans.all())[::-1]

    # ------------------------------------------------------------------ models

    async def set_model(self, alias: str, *, is_enabled: bool, actor: str) -> None:
        """Switch an alias on or off."""
        document = await self._models.find(alias)
        if document is None:
            known = [str(each.get("id")) for each in await self._models.all()]
            raise StaffRefused(f"there is no model {alias!r}{nearest(alias, known)}")
        if document.get("enabled", True) is is_enabled:
            raise StaffRefused(f"{alias} is {'enabled' if is_enabled else 'disabled'} already")
        await self._models.set_enabled(alias, is_enabled=is_enabled, at=self._now())
        action = "model.enable" if is_enabled else "model.disable"
        await self._conclude(action, alias, {}, actor, ("models", alias))

    async def list_aliases(self, *, is_enabled: bool) -> list[str]:
        """The aliases that are on, or those that are off."""
        return [row["id"] for row in await self._models.all() if row.get("enabled", True) is is_enabled and "id" in row]

    # ------------------------------------------------------------------ the audit

    async def note(self, action: str, target: str, details: dict[str, Any], *, actor: str) -> None:
        """Audit what is done elsewhere, or only looked at."""
        await self._audit.add(AuditRow(at=self._now(), actor=actor, action=action, target=target, details=details))

    async def _conclude(
        self, action: str, target: str, details: dict[str, Any], actor: str, notice: tuple[str, str]
    ) -> None:
        try:
            await self.note(action, target, details, actor=actor)
        finally:
            try:
                await self._publish(*notice)
            except NoticeNotSent as error:
                _logger.warning("stored, but other processes were not told: %s", error)


def _reason(text: str) -> str:
    if find_keys(text):
        raise StaffRefused("a reason is kept and shown: it may not hold a key")
    reason = one_line(text, MAX_REASON_CHARS)
    if not reason:
        raise StaffRefused("give a reason")
    return reason


def _normalised(kind: BanKind, value: str) -> str:
    try:
        return normalised_ban(kind, value)
    except NotBannable as error:
        raise StaffRefused(str(error)) from error
