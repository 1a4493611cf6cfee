"""Which limits an account has."""

from dataclasses import dataclass, field

import pytest

from freetheai.config import LimitsSettings
from freetheai.limits import LimitOverrides, resolve, tier_of


@dataclass(frozen=True, kw_only=True)
class Tier:
    level: int
    minimum_invites: int
    rate_limit_per_minute: int
    concurrency_limit: int


@dataclass(frozen=True, kw_only=True)
class Limits:
    daily_success_limit: int = 250
    max_addresses: int = 2
    lease_seconds: float = 60
    tiers: tuple[Tier, ...] = LimitsSettings().tiers
    roles: dict[str, LimitOverrides] = field(default_factory=dict)


@pytest.mark.parametrize(
    ("invites", "level", "rate", "parallel"),
    [
        (0, 1, 10, 1),
        (2, 1, 10, 1),
        (3, 2, 15, 1),
        (8, 3, 20, 2),
        (14, 3, 20, 2),
        (15, 4, 28, 2),
        (30, 5, 35, 3),
        (99, 5, 35, 3),
    ],
)
def test_the_defaults_climb_with_invites(invites, level, rate, parallel):
    limits = resolve(LimitsSettings(), invites, [])
    assert tier_of(LimitsSettings(), invites).level == level
    assert (limits.requests_per_minute, limits.concurrency, limits.daily_successes) == (rate, parallel, 250)
    assert (limits.max_addresses, limits.lease_s) == (2, 60)


def test_a_ladder_may_be_written_in_any_order_and_begin_above_zero():
    ladder = tuple(
        Tier(level=level, minimum_invites=invites, rate_limit_per_minute=rate, concurrency_limit=1)
        for level, invites, rate in ((3, 9, 30), (1, 2, 10), (2, 5, 20))
    )
    rates = [resolve(Limits(tiers=ladder), invites, []).requests_per_minute for invites in (0, 2, 5, 9)]
    assert rates == [10, 10, 20, 30]


@pytest.mark.parametrize(
    ("roles", "overrides", "expected"),
    [
        pytest.param([], {}, (10, 1, 250), id="only the tier"),
        pytest.param(["patron"], {}, (50, 1, 250), id="a role names one limit, the others stay"),
        pytest.param(["patron", "verified"], {}, (50, 4, 500), id="of several roles the highest of each"),
        pytest.param(["unknown"], {}, (10, 1, 250), id="a role without limits"),
        pytest.param(["small"], {}, (10, 1, 250), id="a role never lowers"),
        pytest.param(["patron"], {"rate_limit_per_minute": 60}, (60, 1, 250), id="the override is higher"),
        pytest.param(["patron"], {"rate_limit_per_minute": 20}, (50, 1, 250), id="the role is higher"),
        pytest.param([], {"concurrency_limit": 9, "daily_success_limit": 1000}, (10, 9, 1000), id="overrides of all"),
    ],
)
def test_of_tier_roles_and_override_the_highest_wins(roles, overrides, expected):
    settings = Limits(
        roles={
            "patron": LimitOverrides(rate_limit_per_minute=50),
            "verified": LimitOverrides(daily_success_limit=500, concurrency_limit=4, rate_limit_per_minute=12),
            "small": LimitOverrides(daily_success_limit=1, concurrency_limit=0, rate_limit_per_minute=1),
        }
    )
    limits = resolve(settings, 0, roles, LimitOverrides(**overrides))
    assert (limits.requests_per_minute, limits.concurrency, limits.daily_successes) == expected
