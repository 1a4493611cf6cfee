"""Which limits an account has: from its tier, its roles and its own override the highest of each wins.

The settings come by shape (`[limits]` of the configuration), so that this module depends on no file format.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitPolicy:
    """The limits of one account: requests in any minute, parallel requests, successes in a UTC day, source addresses
    at once; ``lease_s`` is how long (seconds) a running request holds its slot without being renewed.
    """

    requests_per_minute: int
    concurrency: int
    daily_successes: int
    max_addresses: int = 2
    lease_s: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitOverrides:
    """What staff set for one user, spelled like a role's limits; None: nothing of its own."""

    daily_success_limit: int | None = None
    rate_limit_per_minute: int | None = None
    concurrency_limit: int | None = None


class TierLike(Protocol):
    """A step of the ladder that invites climb."""

    @property
    def level(self) -> int: ...  # noqa: D102 - the settings say it
    @property
    def minimum_invites(self) -> int: ...  # noqa: D102
    @property
    def rate_limit_per_minute(self) -> int: ...  # noqa: D102
    @property
    def concurrency_limit(self) -> int: ...  # noqa: D102


class GrantLike(Protocol):
    """What a role, or an override, grants; None where it says nothing."""

    @property
    def daily_success_limit(self) -> int | None: ...  # noqa: D102
    @property
    def rate_limit_per_minute(self) -> int | None: ...  # noqa: D102
    @property
    def concurrency_limit(self) -> int | None: ...  # noqa: D102


class LimitsLike(Protocol):
    """`[limits]` of the configuration."""

    @property
    def daily_success_limit(self) -> int: ...  # noqa: D102
    @property
    def max_addresses(self) -> int: ...  # noqa: D102
    @property
    def lease_seconds(self) -> float: ...  # noqa: D102
    @property
    def tiers(self) -> Sequence[TierLike]: ...  # noqa: D102
    @property
    def roles(self) -> Mapping[str, GrantLike]: ...  # noqa: D102


class OwnerLike(Protocol):
    """An account, as far as its limits depend on it."""

    @property
    def user_id(self) -> str: ...  # noqa: D102 - the account says it
    @property
    def invites(self) -> int: ...  # noqa: D102
    @property
    def roles(self) -> Collection[str]: ...  # noqa: D102
    @property
    def overrides(self) -> Mapping[str, Any]: ...  # noqa: D102


_NO_OVERRIDES = LimitOverrides()
_MAX_KNOWN: Final = 10_000


def tier_of(settings: LimitsLike, invites: int) -> TierLike:
    """The highest tier whose invites are reached; who reaches none has the lowest."""
    ladder = sorted(settings.tiers, key=lambda tier: tier.minimum_invites)
    reached = [tier for tier in ladder if tier.minimum_invites <= invites]
    return reached[-1] if reached else ladder[0]


def resolve(
    settings: LimitsLike, invites: int, roles: Collection[str], overrides: GrantLike = _NO_OVERRIDES
) -> LimitPolicy:
    """The limits of an account with ``invites`` invites, these role names and these overrides."""
    tier = tier_of(settings, invites)
    grants: list[GrantLike] = [settings.roles[role] for role in roles if role in settings.roles]
    grants.append(overrides)
    return LimitPolicy(
        requests_per_minute=_highest(tier.rate_limit_per_minute, [grant.rate_limit_per_minute for grant in grants]),
        concurrency=_highest(tier.concurrency_limit, [grant.concurrency_limit for grant in grants]),
        daily_successes=_highest(settings.daily_success_limit, [grant.daily_success_limit for grant in grants]),
        max_addresses=settings.max_addresses,
        lease_s=settings.lease_seconds,
    )


def _highest(base: int, granted: list[int | None]) -> int:
    return max([base, *(value for value in granted if value is not None)])


class Policies:
    """``resolve`` remembered: an account's limits change far less often than it asks."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[LimitsLike, OwnerLike, LimitPolicy]] = {}

    def of(self, settings: LimitsLike, owner: OwnerLike) -> LimitPolicy:
        """The limits of ``owner`` under ``settings``; worked out anew when either is another object."""
        known = self._known.get(owner.user_id)
        if known is not None and known[0] is settings and known[1] is owner:
            return known[2]
        policy = resolve(settings, owner.invites, owner.roles, LimitOverrides(**owner.overrides))
        if len(self._known) >= _MAX_KNOWN:
            self._known.clear()
        self._known[owner.user_id] = settings, owner, policy
        return policy
