"""What is counted, under which labels, and that clients can't make series."""

import timeit

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from freetheai import errors
from freetheai.log import RequestRecord
from freetheai.metrics import ATTEMPT_OUTCOMES, MAX_PROVIDERS, Metrics

CHAT = "/v1/chat/completions"
TYPES = {row.type for row in errors.ROWS.values()}


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(CollectorRegistry(), error_types=TYPES, version="1.2.3")


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    """One series' value, as read from what an operator's Prometheus would read."""
    for family in text_string_to_metric_families(metrics.render().decode()):
        for sample in family.samples:
            if sample.name == name and sample.labels == labels:
                return sample.value
    return None


def series(metrics: Metrics) -> int:
    """How many series there are."""
    return len([line for line in metrics.render().decode().splitlines() if not line.startswith("#")])


def finished(**known: object) -> RequestRecord:
    """A finished chat request."""
    return RequestRecord(**({"route": CHAT, "status": 200, "duration_ms": 1500.0} | known))


@pytest.mark.parametrize(
    ("known", "labels"),
    [
        pytest.param({}, {"route": CHAT, "status": "200", "type": ""}, id="a success"),
        pytest.param(
            {"upstream_format": "gemini"},
            {"route": CHAT, "format": "gemini", "status": "200", "type": ""},
            id="a format",
        ),
        pytest.param(
            {"status": 429, "type": "rate_limit_error"},
            {"route": CHAT, "status": "429", "type": "rate_limit_error"},
            id="a refusal",
        ),
        pytest.param(
            {"status": 499, "type": "client_canceled"},
            {"route": CHAT, "status": "499", "type": "client_canceled"},
            id="a client that left",
        ),
        pytest.param(
            {"route": "/v1/models/{alias}"}, {"route": "/v1/models/{alias}", "status": "200", "type": ""}, id="a model"
        ),
        pytest.param(
            {"route": "/v1/evil", "upstream_format": "made_up", "type": "made_up", "status": 12345},
            {"route": "other", "format": "other", "status": "0", "type": "other"},
            id="what is in no table",
        ),
    ],
)
def test_a_finished_request_is_counted_under_its_labels(metrics, known, labels):
    for _ in range(3):
        metrics.request_finished(finished(**known))
    assert value(metrics, "freetheai_requests_total", **{"format": "", **labels}) == 3
    assert value(metrics, "freetheai_request_seconds_count", route=labels["route"]) == 3


@pytest.mark.parametrize("row", errors.ROWS.values(), ids=errors.ROWS)
def test_every_row_of_the_error_table_has_its_own_label(metrics, row):
    metrics.request_finished(finished(status=row.status, type=row.type))
    assert value(metrics, "freetheai_requests_total", route=CHAT, format="", status=str(row.status), type=row.type) == 1


def test_times_are_counted_in_seconds_and_only_when_known(metrics):
    metrics.request_finished(finished(ttfb_ms=250.0))
    metrics.request_finished(finished(duration_ms=None))
    assert value(metrics, "freetheai_request_seconds_sum", route=CHAT) == 1.5
    assert value(metrics, "freetheai_request_seconds_count", route=CHAT) == 1
    assert value(metrics, "freetheai_first_byte_seconds_sum", route=CHAT) == 0.25
    assert value(metrics, "freetheai_first_byte_seconds_count", route=CHAT) == 1
    assert value(metrics, "freetheai_request_seconds_bucket", route=CHAT, le="1.0") == 0
    assert value(metrics, "freetheai_request_seconds_bucket", route=CHAT, le="2.5") == 1


def test_tokens_are_summed(metrics):
    for _ in range(2):
        metrics.request_finished(finished(input_tokens=10, output_tokens=7, cached_tokens=3))
    metrics.request_finished(finished(input_tokens=-5))
    counted = [value(metrics, "freetheai_tokens_total", direction=name) for name in ("input", "output", "cached")]
    assert counted == [20, 14, 6]


def test_what_is_open_now_goes_up_and_down(metrics):
    metrics.stream_opened()
    metrics.stream_opened()
    metrics.stream_closed()
    metrics.lease_taken()
    metrics.lease_taken()
    metrics.lease_given_back()
    metrics.lease_given_back()
    assert (value(metrics, "freetheai_open_streams"), value(metrics, "freetheai_leases")) == (1, 0)


@pytest.mark.parametrize("outcome", ATTEMPT_OUTCOMES)
def test_an_attempt_is_counted_by_provider_and_outcome(metrics, outcome):
    metrics.attempt_ended("opc", outcome)
    metrics.attempt_ended("opc", outcome)
    assert value(metrics, "freetheai_upstream_attempts_total", provider="opc", outcome=outcome) == 2


def test_dependencies_are_timed_and_their_failures_counted(metrics):
    metrics.dependency_answered("redis", 0.25)
    metrics.dependency_failed("mongodb")
    assert value(metrics, "freetheai_dependency_seconds_sum", dependency="redis") == 0.25
    assert value(metrics, "freetheai_dependency_failures_total", dependency="mongodb") == 1
    assert value(metrics, "freetheai_dependency_failures_total", dependency="redis") == 0


def test_the_loops_lag_is_never_negative(metrics):
    metrics.loop_lagged(0.5)
    metrics.loop_lagged(-0.1)
    assert value(metrics, "freetheai_loop_lag_seconds_sum") == 0.5
    assert value(metrics, "freetheai_loop_lag_seconds_count") == 2


def test_the_process_and_the_version_are_there(metrics):
    assert value(metrics, "process_resident_memory_bytes") > 1_000_000
    assert value(metrics, "process_open_fds") > 0
    assert value(metrics, "freetheai_info", version="1.2.3") == 1


def test_two_processes_worth_of_metrics_do_not_share(metrics):
    other = Metrics(CollectorRegistry(), error_types=TYPES)
    other.stream_opened()
    assert value(metrics, "freetheai_open_streams") == 0


def test_no_client_can_make_more_series(metrics):
    metrics.request_finished(finished(route="/x", upstream_format="x", type="x", status=-1))
    metrics.attempt_ended("opc", "x")
    before = series(metrics)
    for number in range(500):
        made_up = {"route": f"/v1/{number}", "upstream_format": f"f{number}", "type": f"type{number}"}
        metrics.request_finished(finished(**made_up, status=1000 + number))
        metrics.attempt_ended("opc", f"outcome{number}")
    assert series(metrics) == before
    assert value(metrics, "freetheai_requests_total", route="other", format="other", status="0", type="other") == 501


def test_too_many_providers_are_counted_together(metrics):
    for number in range(MAX_PROVIDERS + 50):
        metrics.attempt_ended(f"p{number}", "success")
    assert value(metrics, "freetheai_upstream_attempts_total", provider="p0", outcome="success") == 1
    assert value(metrics, "freetheai_upstream_attempts_total", provider="other", outcome="success") == 50


def test_counting_costs_little(metrics):
    """A hundred times what it takes here: enough to notice a look-up that has become a search."""
    record = finished(ttfb_ms=1.0, input_tokens=1, output_tokens=1)
    assert min(timeit.repeat(lambda: metrics.request_finished(record), number=1000, repeat=3)) / 1000 < 0.0004
