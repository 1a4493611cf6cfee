"""The contract's health document, made at most once a second."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import orjson

from freetheai import __version__, clock
from freetheai.providers import Provider

if TYPE_CHECKING:
    from handlers.services import Services

_CACHE_S: Final = 1.0


class HealthCache:
    """The health document, made at most once a second."""

    def __init__(self) -> None:
        self._body = b""
        self._made_s = float("-inf")

    def get(self, services: "Services") -> bytes:
        """The document as JSON bytes."""
        now_s = clock.monotonic_s()
        if now_s - self._made_s >= _CACHE_S:
            self._body = orjson.dumps(describe(services))
            self._made_s = now_s
        return self._body


def describe(services: "Services") -> dict[str, Any]:
    """The contract's health document."""
    dependencies = services.dependencies.states()
    providers = [describe_provider(provider, services) for provider in services.providers]
    is_well = all(state in ("up", "disabled") for state in dependencies.values())
    all_down = bool(providers) and all(row["status"] == "down" for row in providers)
    return {
        "status": "ok" if is_well and not all_down else "degraded",
        "version": __version__,
        "uptime_seconds": int(clock.monotonic_s() - services.started_s),
        "catalog": {
            "model_count": services.catalog.model_count,
            "updated_at": clock.iso(services.catalog.updated_at),
        },
        "clients": services.ledger.recent_clients(),
        "providers": providers,
        "dependencies": dependencies,
    }


def describe_provider(provider: Provider, services: "Services") -> dict[str, Any]:
    """One provider's row: its state and its figures of the last half hour and hour."""
    row: dict[str, Any] = {
        "prefix": provider.prefix,
        "status": provider.status(clock.monotonic_s()),
        "model_count": services.catalog.count_with_prefix(provider.prefix),
    }
    for minutes in (30, 60):
        requests, successes, failures = provider.health.totals(minutes)
        row[f"requests_{minutes}m"] = requests
        row[f"successes_{minutes}m"] = successes
        row[f"errors_{minutes}m"] = failures
        row[f"error_rate_{minutes}m"] = round(failures / requests, 4) if requests else 0.0
    row["last_success_at"] = _at(provider.health.last_success_s)
    row["last_error_at"] = _at(provider.health.last_error_s)
    return row


def _at(seconds: float) -> str | None:
    return clock.iso(datetime.fromtimestamp(seconds, UTC)) if seconds else None
