"""What is true of the house right now, put together from all processes: figures, states, who uses which client.

Rules of the states (contract, section 6):
- a provider is ``down`` when every process that lives finds it so, or one does and nobody has had a success since;
- it is ``degraded`` when some of it is out of service, or more than half of its requests of the last 30 minutes failed;
- ``unknown`` when nothing was asked of it in 30 minutes, else ``up``;
- an alias is ``down`` where its provider is, where no process may ask for its model just now, where it is of no
  configured provider, and where of at least ``MIN_REQUESTS`` requests in 30 minutes none succeeded; ``degraded`` where
  one of its fallbacks would answer instead, some process may not ask, or more than half of its requests failed.
"""

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from freetheai.catalog import Model
from freetheai.live.figures import Figures, Totals
from freetheai.live.outages import Outages

Status = Literal["up", "degraded", "down", "unknown"]
STATUSES: Final[tuple[Status, ...]] = ("up", "degraded", "down", "unknown")
# Requests of an alias without any success that say more than bad luck.
MIN_REQUESTS: Final = 3


@dataclass(frozen=True, slots=True)
class Truth:
    """One moment's truth. ``outages``: one a living process. ``clients``: members of the last ten minutes by client."""

    totals: Totals = field(default_factory=Totals)
    outages: Sequence[Outages] = ()
    clients: Mapping[str, int] = field(default_factory=dict)

    def provider(self, prefix: str) -> Figures:
        """The figures of a provider."""
        return self.totals.providers.get(prefix) or Figures()

    def alias(self, alias: str) -> Figures:
        """The figures of an alias."""
        return self.totals.aliases.get(alias) or Figures()

    def provider_status(self, prefix: str) -> Status:
        """The state of a configured provider."""
        figures = self.provider(prefix)
        rests = [rest for outages in self.outages if (rest := outages.providers.get(prefix)) is not None]
        down_since_s = [rest.since_s for rest in rests if rest.is_down]
        if down_since_s and (len(down_since_s) == len(self.outages) or figures.last_success_s <= max(down_since_s)):
            return "down"
        if rests or figures.errors_30m > figures.successes_30m:
            return "degraded"
        return "up" if figures.requests_30m else "unknown"

    def model_status(self, model: Model, find: Callable[[str], Model | None], configured: Container[str]) -> Status:
        """The state of an alias; ``find`` finds its fallbacks, ``configured`` are the prefixes that have a provider."""
        own = self._own_status(model, configured)
        if own != "down":
            return own
        fallbacks: Iterable[Model] = (found for alias in model.fallbacks if (found := find(alias)) is not None)
        is_served = any(self._own_status(fallback, configured) != "down" for fallback in fallbacks)
        return "degraded" if is_served else "down"

    def _own_status(self, model: Model, configured: Container[str]) -> Status:
        if model.prefix not in configured or self.provider_status(model.prefix) == "down":
            return "down"
        resting = [(model.prefix, model.upstream_model) in outages.models for outages in self.outages]
        figures = self.alias(model.id)
        is_hopeless = not figures.successes_30m and figures.errors_30m >= MIN_REQUESTS
        if is_hopeless or (resting and all(resting)):
            return "down"
        if any(resting) or figures.errors_30m > figures.successes_30m:
            return "degraded"
        return "up" if figures.requests_30m else "unknown"
