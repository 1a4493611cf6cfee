"""The live truth for Prometheus: the same figures in every process, so look at one of them.

Providers are labels, aliases are not: of those only how many are in which state.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Final

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from freetheai.catalog import Catalog
from freetheai.live.figures import Figures
from freetheai.live.sharing import Live
from freetheai.live.truth import STATUSES, Truth
from freetheai.providers import Providers

_STATE: Final = ("freetheai_provider_state", "1 for the state a provider is in.", ("provider", "state"))
_REQUESTS: Final = (
    "freetheai_provider_requests",
    "Requests of all processes at a provider in the last 30 and 60 minutes.",
    ("provider", "minutes", "outcome"),
)
_LAST: Final = (
    "freetheai_provider_last_seconds",
    "When a provider last succeeded and failed, since the epoch; 0 for never.",
    ("provider", "outcome"),
)
_MODELS: Final = ("freetheai_models", "Listed models by state.", ("state",))
_AGE: Final = ("freetheai_live_age_seconds", "How long ago the other processes were last heard.")


class LiveCollector(Collector):
    """Gives the truth as it is known when the metrics are asked for."""

    def __init__(self, live: Live, providers: Providers, catalog: Catalog) -> None:
        self._live = live
        self._providers = providers
        self._catalog = catalog

    def describe(self) -> Iterator[Metric]:
        """The families, without figures (the registry asks once)."""
        for name, text, labels in (_STATE, _REQUESTS, _LAST, _MODELS):
            yield GaugeMetricFamily(name, text, labels=labels)
        yield GaugeMetricFamily(*_AGE)

    def collect(self) -> Iterator[Metric]:
        """The families with their figures."""
        truth = self._live.truth()
        state, requests, last, models, age = self.describe()
        for prefix in (provider.prefix for provider in self._providers):
            figures, status = truth.provider(prefix), truth.provider_status(prefix)
            for name in STATUSES:
                _add(state, (prefix, name), float(name == status))
            for minutes, outcome, number in _numbers(figures):
                _add(requests, (prefix, minutes, outcome), number)
            _add(last, (prefix, "success"), figures.last_success_s)
            _add(last, (prefix, "error"), figures.last_error_s)
        counted = self._count_models(truth)
        for name in STATUSES:
            _add(models, (name,), counted[name])
        _add(age, (), self._live.age_s)
        yield from (state, requests, last, models, age)

    def _count_models(self, truth: Truth) -> Counter[str]:
        configured = {provider.prefix for provider in self._providers}
        listed = (model for model, _ in self._catalog.full_rows())
        return Counter(truth.model_status(model, self._catalog.find, configured) for model in listed)


def _numbers(figures: Figures) -> Iterator[tuple[str, str, int]]:
    yield "30", "success", figures.successes_30m
    yield "30", "error", figures.errors_30m
    yield "60", "success", figures.successes_60m
    yield "60", "error", figures.errors_60m


def _add(family: Metric, labels: tuple[str, ...], value: float) -> None:
    family.add_metric(labels, value)  # type: ignore[attr-defined]
