"""Tiers and roles: the two tables of [limits], read and checked."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from itertools import pairwise
from types import MappingProxyType
from typing import Any

from freetheai.config import kinds
from freetheai.config.kinds import Kind, Place
from freetheai.config.suggest import nearest

_POSITIVE = kinds.whole_number(1)
_COUNT = kinds.whole_number(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitTier:
    """What an account with at least ``minimum_invites`` invites may do."""

    level: int
    minimum_invites: int
    rate_limit_per_minute: int
    concurrency_limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleLimits:
    """What the holder of a role may do; None: the role says nothing of it."""

    daily_success_limit: int | None = None
    rate_limit_per_minute: int | None = None
    concurrency_limit: int | None = None


# The contract's section 5.
DEFAULT_TIERS = tuple(
    LimitTier(level=level, minimum_invites=invites, rate_limit_per_minute=rate, concurrency_limit=parallel)
    for level, invites, rate, parallel in (
        (1, 0, 10, 1),
        (2, 3, 15, 1),
        (3, 8, 20, 2),
        (4, 15, 28, 2),
        (5, 30, 35, 3),
    )
)


def _read_numbers(value: Mapping[str, Any], place: Place, known: type) -> dict[str, int]:
    names = [item.name for item in fields(known)]
    for name in value:
        if name not in names:
            raise place.inside(f".{name}").refuse(f"unknown entry{nearest(name, names)}")
    return {
        name: (_COUNT if name == "minimum_invites" else _POSITIVE).read(number, place.inside(f".{name}"))
        for name, number in value.items()
    }


def _read_tier(value: Mapping[str, Any], place: Place) -> LimitTier:
    numbers = _read_numbers(value, place, LimitTier)
    if missing := [item.name for item in fields(LimitTier) if item.name not in numbers]:
        raise place.refuse(f"lacks {', '.join(missing)}")
    return LimitTier(**numbers)


def _read_tiers(value: Any, place: Place) -> tuple[LimitTier, ...]:
    tiers: tuple[LimitTier, ...] = _TIER_LIST.read(value, place)
    if tiers[0].minimum_invites != 0:
        raise place.refuse("the first tier must have minimum_invites = 0, or new members would have no limits")
    for lower, higher in pairwise(tiers):
        if higher.minimum_invites <= lower.minimum_invites or higher.level <= lower.level:
            raise place.refuse("level and minimum_invites must rise from tier to tier")
    return tiers


def _read_roles(value: Mapping[str, Any], place: Place) -> Mapping[str, RoleLimits]:
    return MappingProxyType({name: _ROLE.read(limits, place.inside(f".{name}")) for name, limits in value.items()})


def _read_role(value: Mapping[str, Any], place: Place) -> RoleLimits:
    return RoleLimits(**_read_numbers(value, place, RoleLimits))


_TIER_LIST = kinds.list_of(kinds.table("tier", _read_tier), "list of tiers", is_not_empty=True)
_ROLE = kinds.table("limits of a role", _read_role)

TIERS = Kind(label="list of tables", read=_read_tiers, from_text=_TIER_LIST.from_text)
ROLES = kinds.table("table of tables", _read_roles)
