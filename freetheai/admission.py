"""The gates every member request passes before its body is looked at, in the contract's order.

``GATES`` is the list to read. A gate takes the visitor and the house and raises ``ApiError``, or returns. The key gate
fills in ``Visitor.owner``; those after it may rely on that. Catalog and health routes stop after ``until_paused``.
"""

import math
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from freetheai import clock, errors
from freetheai.addresses import NetworkSet
from freetheai.errors import ApiError
from freetheai.ids import has_key_shape, has_valid_checksum, hash_key
from freetheai.limits import FailedKeys
from freetheai.membership import MembershipSource, StoredMembership
from freetheai.store.directory import Directory, Owner
from freetheai.store.mongo import StoreUnavailable

# Keys of one request that are looked up, and that count when none is valid: there are three headers to send one in.
MAX_KEYS: Final = 4
_HOW_TO_SEND: Final = "Send the exact key from /signup as `Authorization: Bearer YOUR_KEY`"


class GateSettings(Protocol):
    """Which of the optional gates are on, and how many wrong keys an address may send."""

    @property
    def membership(self) -> bool:
        """Owners must be in the Discord server."""
        ...

    @property
    def checkin(self) -> bool:
        """Owners must have checked in on this UTC day."""
        ...

    @property
    def failed_keys_per_minute(self) -> int:
        """Wrong keys from one address in any minute."""
        ...


@dataclass(slots=True)
class Visitor:
    """Who is at the door: source address, client name, the keys presented; ``owner`` once the key has been found."""

    address: str
    client: str
    keys: Sequence[str]
    owner: Owner | None = None

    def get_owner(self) -> Owner:
        """The owner, for gates and handlers behind the key's gate."""
        if self.owner is None:
            raise LookupError("no owner before the key's gate")
        return self.owner


@dataclass(slots=True)
class House:
    """What the gates ask: accounts, wrong keys of late, bans, which gates are on, and who is in the server."""

    directory: Directory
    failed_keys: FailedKeys
    settings: GateSettings
    banned_networks: NetworkSet
    banned_clients: "ClientBans"
    membership: MembershipSource = field(default_factory=StoredMembership)


class ClientBans:
    """Banned client names; one that ends in `*` bans every name that begins so."""

    def __init__(self, names: Sequence[str] = ()) -> None:
        self._exact = frozenset(name for name in names if not name.endswith("*"))
        self._beginnings = tuple(name[:-1] for name in names if name.endswith("*"))

    def has(self, client: str) -> bool:
        """Whether ``client`` is banned."""
        return client in self._exact or (bool(self._beginnings) and client.startswith(self._beginnings))


Gate = Callable[[Visitor, House], Awaitable[None] | None]


def address_not_banned(visitor: Visitor, house: House) -> None:
    """Gate 1."""
    if house.banned_networks.find(visitor.address) is not None:
        raise ApiError(errors.IP_BLACKLISTED)


def client_not_banned(visitor: Visitor, house: House) -> None:
    """Gate 2."""
    if house.banned_clients.has(visitor.client):
        raise ApiError(errors.CLIENT_SIGNATURE_BANNED)


async def key_is_valid(visitor: Visitor, house: House) -> None:
    """Gate 3: the first of the keys presented that is valid counts; wrong ones count against the address."""
    digests = [digest for key in visitor.keys if (digest := _digest_of(key, house))][:MAX_KEYS]
    wait_s = house.failed_keys.wait_s(visitor.address)
    if wait_s:
        # Not looked up, or guessing would go on. A key that was good before is no guess: behind one address there may
        # be many members, and one of them may be doing this.
        digests = [digest for digest in digests if house.directory.knows(digest)]
    visitor.owner = await _find_owner(digests, house)
    if visitor.owner is not None:
        return
    if visitor.keys and not wait_s:
        count = min(len(visitor.keys), MAX_KEYS)
        wait_s = await house.failed_keys.note(visitor.address, count, house.settings.failed_keys_per_minute)
    if wait_s and visitor.keys:
        raise _too_many_wrong_keys(wait_s)
    raise ApiError(errors.INVALID_API_KEY, describe_bad_key(visitor.keys))


def _digest_of(key: str, house: House) -> str:
    """What the key is looked up by; "" if it can't have been issued."""
    if not has_key_shape(key):
        return ""
    digest = hash_key(key)
    # The checksum of one that was good before need not be counted out again.
    return digest if house.directory.knows(digest) or has_valid_checksum(key) else ""


async def _find_owner(digests: Sequence[str], house: House) -> Owner | None:
    """The owner of the first that has one.

    Raises:
        ApiError: DEPENDENCY_UNAVAILABLE: none was found, but not all could be looked up.
    """
    is_dependency_away = False
    for digest in digests:
        try:
            owner = house.directory.peek(digest) or await house.directory.find(digest)
        except StoreUnavailable:
            is_dependency_away = True
        else:
            if owner is not None:
                return owner
    if is_dependency_away:
        raise ApiError(errors.DEPENDENCY_UNAVAILABLE)
    return None


def _too_many_wrong_keys(wait_s: float) -> ApiError:
    return ApiError(
        errors.RATE_LIMIT,
        f"{errors.RATE_LIMIT.text} Too many wrong keys came from your address. {_HOW_TO_SEND},"
        f" and retry in {math.ceil(wait_s)} s.",
        retry_after_s=wait_s,
    )


def owner_not_paused(visitor: Visitor, house: House) -> None:
    """Gate 4."""
    del house
    reason = visitor.get_owner().paused_reason
    if reason is not None:
        text = errors.USER_PAUSED.text
        raise ApiError(errors.USER_PAUSED, f"{text} Reason: {reason}" if reason else text)


def owner_is_member(visitor: Visitor, house: House) -> Awaitable[None] | None:
    """Gate 5: unknown is an error of ours, never a guess. From here on the owner's roles are those of the source."""
    if not house.settings.membership:
        return None
    seen = house.membership.peek(visitor.get_owner())
    if seen is None:
        return _look_for_member(visitor, house)
    _take_member(visitor, seen)
    return None


async def _look_for_member(visitor: Visitor, house: House) -> None:
    _take_member(visitor, await house.membership.find(visitor.get_owner()))


def _take_member(visitor: Visitor, seen: Owner) -> None:
    if seen.is_member is None:
        raise ApiError(errors.DISCORD_MEMBERSHIP_ERROR)
    if not seen.is_member:
        raise ApiError(errors.DISCORD_MEMBERSHIP_REQUIRED)
    visitor.owner = seen


def owner_has_checked_in(visitor: Visitor, house: House) -> None:
    """Gate 6."""
    if house.settings.checkin and visitor.get_owner().last_checkin_day != clock.utc_day():
        raise ApiError(errors.DAILY_CHECKIN_REQUIRED)


GATES: Final[tuple[Gate, ...]] = (
    address_not_banned,
    client_not_banned,
    key_is_valid,
    owner_not_paused,
    owner_is_member,
    owner_has_checked_in,
)
UNTIL_PAUSED: Final = GATES[:4]


async def admit(visitor: Visitor, house: House, gates: Sequence[Gate] = GATES) -> Owner:
    """Let ``visitor`` through ``gates`` in order and return the key's owner; raises the first gate's ``ApiError``."""
    for gate in gates:
        pending = gate(visitor, house)
        if pending is not None:
            await pending
    return visitor.get_owner()


_MARKDOWN: Final = re.compile(r"[`*_]{1,3}fta_|^\[.*\]|\]\(")


def describe_bad_key(keys: Sequence[str]) -> str:
    """What to tell the member, naming a plain pasting mistake; never any part of the key itself."""
    text = errors.INVALID_API_KEY.text
    if not keys:
        return f"{text} {_HOW_TO_SEND}."
    mistake = next((found for key in keys if (found := _pasting_mistake(key))), "")
    if mistake:
        return f"{text} {mistake} {_HOW_TO_SEND}, with no quotes, markdown, or extra spaces."
    return f"{text} {_HOW_TO_SEND}; a lost or revoked key is replaced with /resetkey in Discord."


def _pasting_mistake(key: str) -> str:
    if key[:1] in "\"'\u201c\u2018" or key[-1:] in "\"'\u201d\u2019":
        return "The key is in quotes."
    if key[:1] == "<" or key[-1:] == ">":
        return "The key is in angle brackets."
    if _MARKDOWN.search(key) or key[:1] == "`":
        return "The key is wrapped in markdown."
    if key.startswith(("$", "YOUR_", "{{")):
        return "That is a placeholder, not a key."
    if not key.isascii():
        return "There is a character in the key that no key has, maybe an invisible one."
    scheme, _, rest = key.partition(" ")
    if scheme.lower() == "bearer":
        return "The word `Bearer` stands there twice."
    if rest.startswith("fta_") or (not scheme.startswith("fta_") and "fta_" in scheme):
        return "Before the key stands `Bearer` and one space, nothing else."
    if any(character.isspace() for character in key):
        return "There are spaces inside the key."
    return ""
