"""Figures for Prometheus: counted where things happen, rendered when somebody asks on the admin port.

Strategy: one ``Metrics`` with a registry of its own, handed down by constructors; its methods are called from the event
loop. The labelled children are looked up in dicts of ours, since the library's own look-up costs several times as much
as the count.

Rules:
- whatever clients send, the number of series is bounded: a label takes a value from a set that is known beforehand,
  anything else is ``other``; statuses are numbers; no user, key, alias, address or client name is ever a label;
- durations are seconds, as Prometheus wants them; a count never fails a request.
"""

import asyncio
from collections.abc import Iterable
from typing import Final, Protocol

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)

OTHER: Final = "other"
CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

# The contract's routes, and what is no route.
ROUTES: Final = (
    "/v1/chat/completions",
    "/v1/messages",
    "/v1/messages/count_tokens",
    "/v1/responses",
    "/v1/models",
    "/v1/models/{alias}",
    "/v1/models/full",
    "/v1/models/leaderboard",
    "/v1/audio/speech",
    "/v1/audio/transcriptions",
    "/v1/images/generations",
    "/v1/images/edits",
    "/v1/images/generations/{request_id}",
    "/v1/videos/generations",
    "/v1/videos/{request_id}",
    "/v1/health",
    "page",
    "preflight",
    "probe",
    "unsupported",
)
# What a provider was spoken to in; "" where none was asked.
FORMATS: Final = ("", "chat", "messages", "responses", "gemini", "speech", "transcriptions", "images", "videos")
# How an attempt at a provider can end: well, or as one of the kinds of UpstreamFailure, or because the client left.
ATTEMPT_OUTCOMES: Final = (
    "success",
    "answer",
    "refused",
    "timeout",
    "reset",
    "cut",
    "malformed",
    "empty",
    "too_large",
    "internal",
    "canceled",
)
DEPENDENCIES: Final = ("redis", "mongodb", "discord")
# More providers than this are counted together: their names come from the configuration, so it is a bound for mistakes.
MAX_PROVIDERS: Final = 100

_DURATION_BUCKETS_S: Final = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 160, 320, 640, 900)
_DEPENDENCY_BUCKETS_S: Final = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
_LAG_BUCKETS_S: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 5)


class FinishedRequest(Protocol):
    """What is counted of a request; ``freetheai.log.RequestRecord`` has it. Times in milliseconds, None if unknown."""

    route: str
    upstream_format: str
    status: int
    type: str
    stream: bool
    ttfb_ms: float | None
    duration_ms: float | None
    input_tokens: int
    output_tokens: int
    cached_tokens: int


class Metrics:
    """All figures of one process. ``error_types`` are the types of the error table, in ``registry`` everything is."""

    def __init__(
        self,
        registry: CollectorRegistry,
        *,
        error_types: Iterable[str],
        routes: Iterable[str] = ROUTES,
        version: str = "",
    ) -> None:
        self.registry = registry
        self._error_types = frozenset(error_types)
        self._routes = frozenset(routes)
        self._request_families(registry)
        self._house_families(registry)
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        GCCollector(registry=registry)
        Gauge("freetheai_info", "The running version.", ["version"], registry=registry).labels(version).set(1)
        self._requests_by: dict[tuple[str, str, int, str], Counter] = {}
        self._times_by: dict[str, tuple[Histogram, Histogram]] = {}
        self._attempts_by: dict[tuple[str, str], Counter] = {}
        self._providers: set[str] = set()

    def _request_families(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            "freetheai_requests",
            "Finished requests by route, the provider's format, status and error type (none for a success).",
            ["route", "format", "status", "type"],
            registry=registry,
        )
        self._durations = Histogram(
            "freetheai_request_seconds",
            "From a request's head to the end of its answer.",
            ["route"],
            buckets=_DURATION_BUCKETS_S,
            registry=registry,
        )
        self._first_bytes = Histogram(
            "freetheai_first_byte_seconds",
            "From a request's head to the first byte of its answer.",
            ["route"],
            buckets=_DURATION_BUCKETS_S,
            registry=registry,
        )
        tokens = Counter(
            "freetheai_tokens",
            "Tokens of finished requests; input includes cached.",
            ["direction"],
            registry=registry,
        )
        self._input, self._output, self._cached = (tokens.labels(name) for name in ("input", "output", "cached"))

    def _house_families(self, registry: CollectorRegistry) -> None:
        self._open_streams = Gauge("freetheai_open_streams", "Streams that run now.", registry=registry)
        tasks = Gauge("freetheai_tasks", "Tasks of the event loop.", registry=registry)
        tasks.set_function(_count_tasks)
        self._leases = Gauge("freetheai_leases", "Leases this process holds now.", registry=registry)
        self._attempts = Counter(
            "freetheai_upstream_attempts",
            "Attempts at providers by alias prefix and outcome.",
            ["provider", "outcome"],
            registry=registry,
        )
        dependency = Histogram(
            "freetheai_dependency_seconds",
            "Until a dependency answered.",
            ["dependency"],
            buckets=_DEPENDENCY_BUCKETS_S,
            registry=registry,
        )
        failures = Counter(
            "freetheai_dependency_failures", "Calls a dependency did not answer.", ["dependency"], registry=registry
        )
        self._dependency = {name: dependency.labels(name) for name in DEPENDENCIES}
        self._dependency_failures = {name: failures.labels(name) for name in DEPENDENCIES}
        self._lag = Histogram(
            "freetheai_loop_lag_seconds",
            "How late the event loop ran what was due.",
            buckets=_LAG_BUCKETS_S,
            registry=registry,
        )

    def request_finished(self, request: FinishedRequest) -> None:
        """Count one finished request, whatever its end."""
        route = request.route
        labels = (route, request.upstream_format, request.status, request.type)
        (self._requests_by.get(labels) or self._requests_child(*labels)).inc()
        durations, first_bytes = self._times_by.get(route) or self._times_child(route)
        if request.duration_ms is not None:
            durations.observe(request.duration_ms / 1000)
        if request.ttfb_ms is not None:
            first_bytes.observe(request.ttfb_ms / 1000)
        if request.input_tokens > 0:
            self._input.inc(request.input_tokens)
        if request.output_tokens > 0:
            self._output.inc(request.output_tokens)
        if request.cached_tokens > 0:
            self._cached.inc(request.cached_tokens)

    def stream_opened(self) -> None:
        """A stream's head has gone out."""
        self._open_streams.inc()

    def stream_closed(self) -> None:
        """That stream has ended, however."""
        self._open_streams.dec()

    def lease_taken(self) -> None:
        """A request holds a lease."""
        self._leases.inc()

    def lease_given_back(self) -> None:
        """It no longer does."""
        self._leases.dec()

    def attempt_ended(self, provider: str, outcome: str) -> None:
        """One attempt at a provider (alias prefix) has ended: ``success``, ``canceled`` or a failure's kind."""
        counter = self._attempts_by.get((provider, outcome))
        (counter or self._attempts_child(provider, outcome)).inc()

    def dependency_answered(self, name: str, duration_s: float) -> None:
        """``redis``, ``mongodb`` or ``discord`` answered after ``duration_s`` seconds."""
        self._dependency[name].observe(duration_s)

    def dependency_failed(self, name: str) -> None:
        """It did not answer."""
        self._dependency_failures[name].inc()

    def loop_lagged(self, lag_s: float) -> None:
        """Something due ran ``lag_s`` seconds late."""
        self._lag.observe(max(0.0, lag_s))

    def render(self) -> bytes:
        """Everything in Prometheus' text format (``CONTENT_TYPE``)."""
        return generate_latest(self.registry)

    def _requests_child(self, route: str, spoken: str, status: int, error_type: str) -> Counter:
        known_type = error_type if not error_type or error_type in self._error_types else OTHER
        known_status = status if 100 <= status <= 599 else 0
        known_format = spoken if spoken in FORMATS else OTHER
        child = self._requests.labels(self._known_route(route), known_format, str(known_status), known_type)
        if route in self._routes and OTHER not in (known_type, known_format) and known_status == status:
            self._requests_by[route, spoken, status, error_type] = child
        return child

    def _times_child(self, route: str) -> tuple[Histogram, Histogram]:
        known = self._known_route(route)
        children = (self._durations.labels(known), self._first_bytes.labels(known))
        if known == route:
            self._times_by[route] = children
        return children

    def _attempts_child(self, provider: str, outcome: str) -> Counter:
        if len(self._providers) < MAX_PROVIDERS:
            self._providers.add(provider)
        known_provider = provider if provider in self._providers else OTHER
        known_outcome = outcome if outcome in ATTEMPT_OUTCOMES else OTHER
        child = self._attempts.labels(known_provider, known_outcome)
        if (known_provider, known_outcome) == (provider, outcome):
            self._attempts_by[provider, outcome] = child
        return child

    def _known_route(self, route: str) -> str:
        return route if route in self._routes else OTHER


def _count_tasks() -> float:
    try:
        return float(len(asyncio.all_tasks()))
    except RuntimeError:  # no loop runs here
        return 0.0
