"""What is done to accounts, whoever asks: keys issued and revoked, standing changed, check-ins noted.

Strategy: commands, the bot and the start of the server all come here. A change is written, then audited, then
published, so that no process hears of what is not there yet, and nothing that happened lacks its audit row.

Rules:
- a key's clear text leaves here once, in ``IssuedKey``, and goes nowhere else: not to the log, not to the audit;
- a user has at most one key that is good; MongoDB decides which of two that come at the same moment it is;
- what was stored is not undone because a notice could not be sent: processes that hear no notices read anew by
  themselves (``store/directory.py``).
"""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from freetheai import clock, ids
from freetheai.bus import NoticeNotSent
from freetheai.store.audit import Audit, AuditRow
from freetheai.store.keys import ActiveKeyExists, Key, Keys
from freetheai.store.mongo import Store
from freetheai.store.users import Overrides, SignUp, User, Users, UserUpdate

_logger = logging.getLogger(__name__)

MAX_USER_ID_CHARS: Final = 64
MAX_NAME_CHARS: Final = 100
MAX_REASON_CHARS: Final = 500
MAX_ROLES: Final = 100
# Above any real limit or count of invites, and whole in every store that keeps it.
MAX_NUMBER: Final = 1_000_000_000

Publish = Callable[[str, str], Awaitable[None]]


class AccountRefused(Exception):
    """It can't be done; the text is one line for whoever asked."""


class HasKey(AccountRefused):
    """The user has a key that is good, and it was not asked to be replaced."""


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """A new key, in clear for this once."""

    key: str
    key_prefix: str
    user_id: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class CheckIn:
    """The user after a check-in; ``is_new`` False: had checked in on this day already."""

    user: User
    is_new: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class UserChange:
    """What to change about a user; None leaves it as it is.

    ``paused_reason`` pauses (may be empty), ``is_unpaused`` ends that. ``is_checked_in`` True notes today's check-in,
    False takes it away. ``overrides``: limits by name, None gives the tier's back. ``signup``: what the owner said.
    """

    name: str | None = None
    paused_reason: str | None = None
    is_unpaused: bool = False
    is_member: bool | None = None
    is_checked_in: bool | None = None
    invites: int | None = None
    roles: Sequence[str] | None = None
    add_roles: Sequence[str] = ()
    remove_roles: Sequence[str] = ()
    overrides: Mapping[str, int | None] = field(default_factory=dict)
    signup: SignUp | None = None


class Accounts:
    """Every method raises ``StoreUnavailable`` when MongoDB is away, ``AccountRefused`` when it can't be done."""

    def __init__(self, store: Store, publish: Publish, now: Callable[[], datetime] = clock.utc_now) -> None:
        self._users = Users(store)
        self._keys = Keys(store)
        self._audit = Audit(store)
        self._publish = publish
        self._now = now

    async def has_keys(self) -> bool:
        """Whether there is any key that is good."""
        return await self._keys.has_active()

    async def find_user(self, user_id: str) -> User | None:
        """The account of ``user_id``."""
        return await self._users.find(user_id)

    async def list_users(self) -> list[User]:
        """Every account, by user id."""
        return await self._users.all()

    async def list_active_keys(self) -> list[Key]:
        """Every key that is good."""
        return await self._keys.list_active()

    async def list_keys_of(self, user_id: str) -> list[Key]:
        """Every key the user ever had, the newest first."""
        return await self._keys.list_of(user_id)

    async def find_active_key(self, user_id: str) -> Key | None:
        """The one key of the user that is good."""
        return await self._keys.find_active(user_id)

    async def find_keys(self, text: str) -> list[Key]:
        """The keys that ``text`` names, a key in clear or its prefix as shown; the newest first."""
        text = text.strip().rstrip("….")
        if ids.has_valid_checksum(text):
            key = await self._keys.find(ids.hash_key(text))
            return [key] if key else []
        if text != ids.display_prefix(text):
            raise AccountRefused("that is neither a key (is it mistyped?) nor a key's prefix")
        return await self._keys.list_with_prefix(text)

    async def issue_key(
        self,
        user_id: str,
        *,
        actor: str,
        change: UserChange | None = None,
        rotate: bool = False,
        reason: str = "rotated",
    ) -> IssuedKey:
        """Make a key for ``user_id``; the account is made where there is none, and changed as ``change`` says.

        With ``rotate`` the key the user has dies first, for ``reason``; without it there must be none (``HasKey``).
        """
        change = change or UserChange()
        _check_user_id(user_id)
        _check_change(change)
        _check_text("reason", reason, MAX_REASON_CHARS)
        standing = await self._keys.find_active(user_id)
        if standing is not None and not rotate:
            raise HasKey(f"user {user_id!r} has a key already ({standing['key_prefix']}…)")
        now = self._whole_now()
        await self._users.ensure(_new_user(user_id, now))
        await self._apply(user_id, change, now)
        if standing is not None:
            await self._end_key(standing, reason, now)
        key = ids.new_key()
        issued = IssuedKey(key, ids.display_prefix(key), user_id, now)
        await self._add_key(issued)
        replaced = standing["key_prefix"] if standing else None
        details = {"key_prefix": issued.key_prefix, "replaced": replaced, **_details(change)}
        await self._conclude(actor, "key.issue", user_id, details)
        await self._tell("keys", ids.hash_key(key))
        return issued

    async def revoke_key(self, key: Key, *, reason: str, actor: str) -> Key:
        """End a key; from now on it is refused everywhere."""
        _check_text("reason", reason, MAX_REASON_CHARS)
        revoked = await self._end_key(key, reason, self._whole_now())
        if revoked is None:
            raise AccountRefused(f"key {key['key_prefix']}… has been revoked already")
        details = {"key_prefix": key["key_prefix"], "reason": reason}
        await self._conclude(actor, "key.revoke", key["user_id"], details)
        return revoked

    async def set_user(self, user_id: str, change: UserChange, *, actor: str) -> User:
        """Change an account that exists and return it as it is now."""
        _check_change(change)
        user = await self._apply(user_id, change, self._whole_now())
        if user is None:
            raise AccountRefused(f"there is no user {user_id!r}")
        await self._conclude(actor, "user.set", user_id, _details(change))
        return user

    async def check_in(self, user_id: str, *, actor: str) -> CheckIn:
        """Note that the user checked in on this UTC day; doing it twice does no harm."""
        now = self._whole_now()
        user = await self._users.check_in(user_id, clock.utc_day(now), now)
        if user is not None:
            await self._conclude(actor, "user.check_in", user_id, {"streak": user["streak"]})
            return CheckIn(user, is_new=True)
        user = await self._users.find(user_id)
        if user is None:
            raise AccountRefused(f"there is no user {user_id!r}")
        return CheckIn(user, is_new=False)

    async def _apply(self, user_id: str, change: UserChange, now: datetime) -> User | None:
        update = UserUpdate(
            fields=_fields(change),
            add_roles=change.add_roles,
            remove_roles=change.remove_roles,
            overrides=change.overrides,
        )
        user = await self._users.update(user_id, update, now)
        if change.is_checked_in:
            user = await self._users.check_in(user_id, clock.utc_day(now), now) or user
        return user

    async def _add_key(self, issued: IssuedKey) -> None:
        document = Key(
            key_hash=ids.hash_key(issued.key),
            key_prefix=issued.key_prefix,
            user_id=issued.user_id,
            created_at=issued.created_at,
            revoked_at=None,
            revoked_reason="",
        )
        try:
            await self._keys.add(document)
        except ActiveKeyExists as error:
            raise HasKey(f"user {issued.user_id!r} was given another key at the same moment") from error

    async def _end_key(self, key: Key, reason: str, now: datetime) -> Key | None:
        revoked = await self._keys.revoke(key["key_hash"], reason, now)
        if revoked is not None:
            # At once, before anything else is done: a revoked key may be in wrong hands.
            await self._tell("keys", key["key_hash"])
        return revoked

    async def _conclude(self, actor: str, action: str, user_id: str, details: dict[str, Any]) -> None:
        """Tell of a change to an account and note who made it."""
        row = AuditRow(at=self._whole_now(), actor=actor, action=action, target=user_id, details=details)
        try:
            await self._audit.add(row)
        finally:
            await self._tell("users", user_id)

    async def _tell(self, kind: str, key: str) -> None:
        try:
            await self._publish(kind, key)
        except NoticeNotSent as error:
            _logger.warning("stored, but other processes were not told: %s", error)

    def _whole_now(self) -> datetime:
        # MongoDB keeps milliseconds: what is returned now is what will be read later.
        now = self._now()
        return now.replace(microsecond=now.microsecond // 1000 * 1000)


def _new_user(user_id: str, now: datetime) -> User:
    return User(
        user_id=user_id,
        name="",
        roles=[],
        invites=0,
        # Who is given a key is let in; with Discord on, the bot corrects it from the server's own list.
        is_member=True,
        paused_reason=None,
        last_checkin_day=None,
        streak=0,
        overrides={},
        created_at=now,
        updated_at=now,
    )


def _fields(change: UserChange) -> dict[str, Any]:
    given = {
        "name": change.name,
        "is_member": change.is_member,
        "invites": change.invites,
        "paused_reason": change.paused_reason,
        "roles": None if change.roles is None else list(dict.fromkeys(change.roles)),
        "signup": change.signup,
    }
    fields: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    if change.is_unpaused:
        fields["paused_reason"] = None
    if change.is_checked_in is False:
        fields["last_checkin_day"] = None
    return fields


def _details(change: UserChange) -> dict[str, Any]:
    """What was asked for, for the audit: only what was said."""
    details = _fields(change)
    details.pop("last_checkin_day", None)
    # What people write of themselves stands in one place only.
    details.pop("signup", None)
    if change.is_checked_in is not None:
        details["is_checked_in"] = change.is_checked_in
    lists = {"add_roles": change.add_roles, "remove_roles": change.remove_roles}
    details.update({name: list(roles) for name, roles in lists.items() if roles})
    if change.overrides:
        details["overrides"] = dict(change.overrides)
    return details


def _check_user_id(user_id: str) -> None:
    if not 0 < len(user_id) <= MAX_USER_ID_CHARS or not user_id.isprintable() or user_id != user_id.strip():
        raise AccountRefused(f"a user id has 1 to {MAX_USER_ID_CHARS} printable characters, no space at its ends")


def _check_change(change: UserChange) -> None:
    _check_text("name", change.name or "", MAX_NAME_CHARS)
    _check_text("reason", change.paused_reason or "", MAX_REASON_CHARS)
    if change.signup is not None:
        _check_text("use case", change.signup["use_case"], MAX_REASON_CHARS)
        _check_text("disclosure", change.signup["disclosure"], MAX_REASON_CHARS)
    roles = (*(change.roles or ()), *change.add_roles, *change.remove_roles)
    for role in roles:
        _check_text("role", role, MAX_NAME_CHARS)
        if not role.strip():
            raise AccountRefused("a role has a name")
    if len(roles) > MAX_ROLES:
        raise AccountRefused(f"at most {MAX_ROLES} roles")
    if change.invites is not None and not 0 <= change.invites <= MAX_NUMBER:
        raise AccountRefused("invites: 0 or more")
    for name, value in change.overrides.items():
        if name not in Overrides.__optional_keys__:
            raise AccountRefused(f"there is no limit {name!r}")
        if value is not None and not 1 <= value <= MAX_NUMBER:
            raise AccountRefused(f"{name}: 1 or more")


def _check_text(what: str, text: str, max_chars: int) -> None:
    if len(text) > max_chars or not text.isprintable():
        raise AccountRefused(f"{what}: at most {max_chars} printable characters, in one line")
