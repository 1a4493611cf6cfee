"""The contract's health document, made at most once a second from what is in memory."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import orjson

from freetheai import __version__, clock
from freetheai.live import Truth

if TYPE_CHECKING:
    from handlers.services import Services

_CACHE_S: Final = 1.0
# Clients that are shown; there are no more names than that which are recognised.
_MAX_CLIENTS: Final = 100


class HealthCache:
    """The health document, made at most once a second."""

    def __init__(self) -> None:
        self._body = b""
        self._made_s = float("-inf")

    def get(self, services: "Services", truth: Truth) -> bytes:
        """The document as JSON bytes."""
        now_s = clock.monotonic_s()
        if now_s - self._made_s >= _CACHE_S:
            self._body = orjson.dumps(describe(services, truth))
            self._made_s = now_s
        return self._body


def describe(services: "Services", truth: Truth) -> dict[str, Any]:
    """The contract's health document."""
    dependencies = services.dependencies.states()
    providers = [describe_provider(provider.prefix, services, truth) for provider in services.providers]
    return {
        "status": house_status(dependencies, [row["status"] for row in providers]),
        "version": __version__,
        "uptime_seconds": int(clock.monotonic_s() - services.started_s),
        "catalog": {
            "model_count": services.catalog.model_count,
            "updated_at": clock.iso(services.catalog.updated_at),
        },
        "clients": describe_clients(truth.clients),
        "providers": providers,
        "dependencies": dependencies,
    }


def house_status(dependencies: Mapping[str, str], providers: list[str]) -> str:
    """``down`` when no generation can be served: nothing is without limits (Redis), nor without any provider;
    ``degraded`` when something of it is away.
    """
    if dependencies.get("redis") == "down" or (providers and all(status == "down" for status in providers)):
        return "down"
    is_well = all(state in ("up", "disabled") for state in dependencies.values())
    return "ok" if is_well and "down" not in providers else "degraded"


def describe_provider(prefix: str, services: "Services", truth: Truth) -> dict[str, Any]:
    """One provider's row: its state and its figures of the last half hour and hour, of all processes."""
    figures = truth.provider(prefix)
    return {
        "prefix": prefix,
        "status": truth.provider_status(prefix),
        "model_count": services.catalog.count_with_prefix(prefix),
        **figures.shown(),
        "last_success_at": _at(figures.last_success_s),
        "last_error_at": _at(figures.last_error_s),
    }


def describe_clients(counts: Mapping[str, int]) -> list[dict[str, Any]]:
    """Members of the last ten minutes by recognised client, the most used first."""
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [{"client_name": name, "unique_users": users} for name, users in ranked[:_MAX_CLIENTS]]


def _at(seconds: int) -> str | None:
    return clock.iso(datetime.fromtimestamp(seconds, UTC)) if seconds else None
