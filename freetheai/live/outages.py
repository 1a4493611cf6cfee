"""What is out of service, process by process: each finds out for itself, and tells the others.

What a process says is JSON: ``{"providers": {PREFIX: ["limping"|"down", LEFT, SINCE]}, "models": {PREFIX: {UPSTREAM
MODEL: LEFT}}}``, LEFT the seconds until that ends, SINCE those since it began, so that clocks need not agree.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import orjson

from freetheai.providers import Provider


@dataclass(frozen=True, slots=True)
class Rest:
    """A provider in one process: ``is_down`` or only limping, since when (seconds since the epoch)."""

    is_down: bool
    since_s: float


@dataclass(slots=True)
class Outages:
    """What is out of service in one process: providers by prefix, and pairs of prefix and upstream model."""

    providers: dict[str, Rest] = field(default_factory=dict)
    models: set[tuple[str, str]] = field(default_factory=set)


class OwnOutages:
    """What is out of service here; remembers since when."""

    def __init__(self) -> None:
        # prefix -> monotonic seconds at which it was first seen down
        self._down_since_s: dict[str, float] = {}

    def look(self, providers: Iterable[Provider], monotonic_s: float) -> bytes:
        """What this process says."""
        said: dict[str, Any] = {"providers": {}, "models": {}}
        for provider in providers:
            outage, models = provider.outage(monotonic_s), provider.models_out(monotonic_s)
            if outage.extent == "down":
                self._down_since_s.setdefault(provider.prefix, monotonic_s)
            else:
                self._down_since_s.pop(provider.prefix, None)
            if outage.extent:
                since_s = monotonic_s - self._down_since_s.get(provider.prefix, monotonic_s)
                said["providers"][provider.prefix] = [outage.extent, round(outage.left_s, 3), round(since_s, 3)]
            if models:
                said["models"][provider.prefix] = {model: round(left_s, 3) for model, left_s in models.items()}
        return orjson.dumps(said)


def read_outages(text: bytes, age_s: float, now_s: float) -> Outages:
    """What a process said ``age_s`` seconds ago and still holds; what can't be read says nothing."""
    outages = Outages()
    try:
        said: Any = orjson.loads(text)
        for prefix, (extent, left_s, since_s) in said["providers"].items():
            # A circuit that has had its time is said with 0: it limps for as long as it is said.
            if left_s > age_s or not left_s:
                outages.providers[prefix] = Rest(extent == "down", now_s - age_s - since_s)
        for prefix, models in said["models"].items():
            outages.models.update((prefix, model) for model, left_s in models.items() if left_s > age_s)
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError):
        return Outages()
    return outages
