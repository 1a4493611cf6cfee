"""What members do to their own accounts: sign up, check in, reset the key, look where they stand.

Over ``accounts.py``, and like it knows nothing of Discord: whoever calls has made sure who the member is and that a
person has answered.

Rules:
- what a member is refused is told by the class of the exception; words for it are the caller's;
- who is paused does none of it: staff are asked first;
- a key that is not the caller's own is refused like one that does not exist: nobody learns whose it is.
"""

import contextlib
import re
import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from freetheai import clock, ids
from freetheai.accounts import AccountRefused, Accounts, CheckIn, HasKey, IssuedKey, UserChange
from freetheai.limits import LimitOverrides, LimitPolicy, resolve, tier_of
from freetheai.limits.policy import LimitsLike, TierLike
from freetheai.store.mongo import StoreUnavailable
from freetheai.store.users import SignUp, User
from freetheai.written_text import one_line

# What is kept of what people write, in characters.
MAX_USE_CASE_CHARS: Final = 300
MAX_DISCLOSURE_CHARS: Final = 100
MAX_RESET_REASON_CHARS: Final = 300
_MAX_NAME_CHARS: Final = 100
_MAX_ROLE_CHARS: Final = 100
_MAX_ROLES: Final = 100

_KEY: Final = re.compile(rf"{ids.KEY_PREFIX}[0-9A-Za-z]+", re.ASCII)


class NoAccount(AccountRefused):
    """The member has not signed up."""


class NoKey(AccountRefused):
    """The member has no key that is good."""


class MistypedKey(AccountRefused):
    """What was given can't be a key: it is cut, mistyped or something else."""


class NotYourKey(AccountRefused):
    """It is not the key this member has now."""


class Paused(AccountRefused):
    """Staff paused the account; the text is their reason, and may be empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Newcomer:
    """Who signs up: their id, name and roles as the server knows them."""

    user_id: str
    name: str
    roles: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where a member stands. ``key_prefix`` "": no key that is good. ``streak``: days in a row up to today, or up to
    yesterday while today's check-in is still to come. ``next_tier`` None: there is none above.
    """

    user: User
    key_prefix: str
    has_checked_in: bool
    streak: int
    policy: LimitPolicy
    tier: TierLike
    next_tier: TierLike | None


class MemberAccounts:
    """Every method raises ``StoreUnavailable`` when MongoDB is away, ``AccountRefused`` for what is refused.

    ``actor_prefix`` begins the actor of audit rows: ``discord`` makes ``discord:1234``. ``now``: that of ``accounts``.
    ``after_sign_up`` is called with the id of who got an account: people they invited before may count for it.
    """

    def __init__(
        self,
        accounts: Accounts,
        *,
        actor_prefix: str = "discord",
        now: Callable[[], datetime] = clock.utc_now,
        after_sign_up: Callable[[str], Awaitable[None]] | None = None,
    ) -> None:
        self._accounts = accounts
        self._actor_prefix = actor_prefix
        self._now = now
        self._after_sign_up = after_sign_up

    async def may_sign_up(self, user_id: str) -> None:
        """Raises ``Paused``, or ``HasKey`` when there is a key that is good."""
        await self._refuse_paused(user_id)
        key = await self._accounts.find_active_key(user_id)
        if key is not None:
            raise HasKey(key["key_prefix"])

    async def sign_up(self, newcomer: Newcomer, *, use_case: str, disclosure: str) -> IssuedKey:
        """Make the member's key, and the account where there is none. Raises as ``may_sign_up``."""
        await self.may_sign_up(newcomer.user_id)
        signup = SignUp(
            use_case=one_line(use_case, MAX_USE_CASE_CHARS),
            disclosure=one_line(disclosure, MAX_DISCLOSURE_CHARS),
            at=self._now(),
        )
        change = UserChange(
            name=one_line(newcomer.name, _MAX_NAME_CHARS),
            roles=_storable_roles(newcomer.roles),
            is_member=True,
            signup=signup,
        )
        issued = await self._accounts.issue_key(newcomer.user_id, actor=self._actor(newcomer.user_id), change=change)
        if self._after_sign_up is not None:
            # The key is made: it must be shown, whatever becomes of this.
            with contextlib.suppress(StoreUnavailable):
                await self._after_sign_up(newcomer.user_id)
        return issued

    async def may_check_in(self, user_id: str) -> CheckIn | None:
        """None: it is still to be made; else today's check-in. Raises ``NoAccount``, ``NoKey``, ``Paused``."""
        user = await self._refuse_paused(user_id)
        if user is None:
            raise NoAccount(user_id)
        if user["last_checkin_day"] == clock.utc_day(self._now()):
            return CheckIn(user, is_new=False)
        if await self._accounts.find_active_key(user_id) is None:
            raise NoKey(user_id)
        return None

    async def check_in(self, user_id: str, key: str) -> CheckIn:
        """Note today's check-in of the member whose key ``key`` is; again on one day changes nothing.

        Raises ``MistypedKey``, ``NotYourKey``, ``NoKey``, ``NoAccount``, ``Paused``.
        """
        given = find_key_in(key)
        own = await self._accounts.find_active_key(user_id)
        if own is None:
            raise NoKey(user_id)
        if not secrets.compare_digest(own["key_hash"], ids.hash_key(given)):
            raise NotYourKey(user_id)
        await self._refuse_paused(user_id)
        return await self._accounts.check_in(user_id, actor=self._actor(user_id))

    async def may_reset_key(self, user_id: str) -> None:
        """Raises ``Paused``, or ``NoAccount`` when there never was a key to replace."""
        await self._refuse_paused(user_id)
        if not await self._accounts.list_keys_of(user_id):
            raise NoAccount(user_id)

    async def reset_key(self, user_id: str, *, reason: str) -> IssuedKey:
        """End the member's key everywhere and make another; the account stays as it is.

        Raises as ``may_reset_key``, and ``HasKey`` when another reset at the same moment made one.
        """
        await self.may_reset_key(user_id)
        kept = one_line(reason, MAX_RESET_REASON_CHARS)
        return await self._accounts.issue_key(
            user_id, actor=self._actor(user_id), rotate=True, reason=f"reset by its owner: {kept}"
        )

    async def standing(self, user_id: str, limits: LimitsLike) -> Standing:
        """Where the member stands; what is used of the limits is the limiter's to say. Raises ``NoAccount``."""
        user = await self._accounts.find_user(user_id)
        if user is None:
            raise NoAccount(user_id)
        key = await self._accounts.find_active_key(user_id)
        today = self._now()
        yesterday = today - timedelta(days=1)
        has_checked_in = user["last_checkin_day"] == clock.utc_day(today)
        is_unbroken = has_checked_in or user["last_checkin_day"] == clock.utc_day(yesterday)
        above = [each for each in limits.tiers if each.minimum_invites > user["invites"]]
        return Standing(
            user=user,
            key_prefix=key["key_prefix"] if key else "",
            has_checked_in=has_checked_in,
            streak=user["streak"] if is_unbroken else 0,
            policy=resolve(limits, user["invites"], user["roles"], LimitOverrides(**user["overrides"])),
            tier=tier_of(limits, user["invites"]),
            next_tier=min(above, key=lambda each: each.minimum_invites, default=None),
        )

    async def _refuse_paused(self, user_id: str) -> User | None:
        user = await self._accounts.find_user(user_id)
        if user is not None and user["paused_reason"] is not None:
            raise Paused(user["paused_reason"])
        return user

    def _actor(self, user_id: str) -> str:
        return f"{self._actor_prefix}:{user_id}"


def find_key_in(text: str) -> str:
    """The key in what a member typed, free of quotes, spaces and markdown around it. Raises ``MistypedKey``."""
    found = _KEY.search(text)
    if found is None or not ids.has_valid_checksum(found[0]):
        raise MistypedKey("no key")
    return found[0]


def _storable_roles(roles: Sequence[str]) -> list[str]:
    named = [one_line(role, _MAX_ROLE_CHARS) for role in roles]
    return [role for role in named if role][:_MAX_ROLES]
