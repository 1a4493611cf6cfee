"""Credentials, cool-downs and the circuit, on a clock of the test's own."""

from types import SimpleNamespace
from typing import Any

import pytest

from adapters import rules
from adapters.base import CodeRule, Verdict
from freetheai import clock, errors
from freetheai.catalog import Model
from freetheai.catalog.model import model_of
from freetheai.config import ProviderSettings, Secret
from freetheai.credentials import PROBE_WINDOW_EVERY_S, Place
from freetheai.providers import Outage, Provider, Providers
from freetheai.routing import Router

LIMITED = Verdict(row=errors.RATE_LIMIT, scope="key")
BROKEN = Verdict(row=errors.PROVIDER_ERROR, scope="model")


def make_provider(keys: int = 2, **options: object) -> Provider:
    secrets = tuple(Secret(f"key-{number}") for number in range(keys))
    settings = ProviderSettings(base_url="http://provider/v1", api_keys=secrets, **options)  # type: ignore[arg-type]
    return Provider("opc", settings)


def test_the_least_busy_credential_serves() -> None:
    provider = make_provider()
    first = provider.pick("m", [], 0)
    assert first is not None
    place = provider.begin(first, 0)
    second = provider.pick("m", [], 0)
    assert second is not None
    assert second is not first
    provider.end(place)
    assert first.busy == 0


def test_a_limited_credential_rests_and_the_other_serves() -> None:
    provider = make_provider()
    first = provider.pick("m", [], 0)
    assert first is not None
    provider.failed(first, "m", LIMITED, 0)
    assert provider.pick("m", [], 1) not in (None, first)
    assert provider.pick("m", provider.credentials, 1) is None
    assert provider.pick("m", [provider.credentials[1]], 31) is first


def test_the_provider_s_own_wait_beats_the_configured_one() -> None:
    provider = make_provider(keys=1)
    (credential,) = provider.credentials
    provider.failed(credential, "m", Verdict(row=errors.RATE_LIMIT, scope="key", retry_after_s=7), 100)
    assert provider.wait_s("m", 100) == 7
    assert provider.pick("m", [], 106.9) is None
    assert provider.pick("m", [], 107) is credential


def test_one_model_s_limit_leaves_the_others() -> None:
    provider = make_provider(keys=1)
    (credential,) = provider.credentials
    provider.failed(credential, "m", Verdict(row=errors.RATE_LIMIT, scope="model"), 0)
    assert provider.pick("m", [], 1) is None
    assert provider.pick("other", [], 1) is credential


def test_a_request_s_own_fault_touches_nothing() -> None:
    provider = make_provider(keys=1, error_threshold=1)
    ended: list[object] = []
    provider.on_outcome = lambda *outcome: ended.append(outcome)
    for row in (errors.CONTEXT_LENGTH_EXCEEDED, errors.PAYLOAD_REJECTED):
        provider.failed(provider.credentials[0], "m", Verdict(row=row, scope="request"), 0)
    assert provider.pick("m", [], 0) is not None
    assert ended == []


def test_the_circuit_opens_lets_one_through_and_closes_on_success() -> None:
    provider = make_provider(keys=1, error_threshold=2)
    (credential,) = provider.credentials
    provider.failed(credential, "m", BROKEN, 0)
    assert provider.pick("m", [], 0) is credential
    provider.failed(credential, "m", BROKEN, 0)
    assert provider.pick("m", [], 29) is None
    assert provider.pick("m", [], 30) is credential
    probe = provider.begin(credential, 30)
    assert provider.pick("m", [], 30) is None, "one at a time until it is well"
    provider.end(probe)
    provider.succeeded(probe, "m")
    assert provider.pick("m", [], 30) is credential


def test_a_success_ends_a_row_of_failures() -> None:
    provider = make_provider(keys=1, error_threshold=2)
    (credential,) = provider.credentials
    for _ in range(5):
        provider.failed(credential, "m", BROKEN, 0)
        provider.succeeded(Place(credential), "m")
    assert provider.pick("m", [], 0) is credential


def test_no_more_than_max_concurrency_run() -> None:
    provider = make_provider(max_concurrency=1)
    credential = provider.pick("m", [], 0)
    assert credential is not None
    place = provider.begin(credential, 0)
    assert provider.pick("m", [], 0) is None
    provider.end(place)
    assert provider.pick("m", [], 0) is credential


def test_a_reload_keeps_what_has_not_changed() -> None:
    kept = ProviderSettings(base_url="http://a/v1")
    providers = Providers({"a": kept, "b": ProviderSettings(base_url="http://b/v1")})
    first = providers.find("a")
    providers.update({"a": ProviderSettings(base_url="http://a/v1"), "c": ProviderSettings(base_url="http://c/v1")})
    assert providers.find("a") is first
    assert providers.find("b") is None
    assert {provider.prefix for provider in providers} == {"a", "c"}


def depleted(wait_s: float | None) -> Verdict:
    return Verdict(row=errors.GLM_DEPLETED, scope="key", retry_after_s=wait_s, is_window=True)


def test_a_used_up_window_rests_its_credential_until_the_reset_and_the_other_serves() -> None:
    provider = make_provider()
    first, second = provider.credentials
    provider.failed(first, "m", depleted(7200), 100)
    assert provider.pick("m", [], 101) is second
    assert provider.pick("other model", [second], 999) is None, "the plan is the credential's, not the model's"
    assert provider.pick("m", [second], 7300) is first
    assert provider.refusal("m", 101)[0] is errors.PROVIDER_UNAVAILABLE


def test_once_all_windows_are_used_up_the_refusal_says_so_until_the_first_reset() -> None:
    provider = make_provider()
    first, second = provider.credentials
    provider.failed(first, "m", depleted(7200), 100)
    provider.failed(second, "m", depleted(600), 200)
    assert provider.refusal("m", 300) == (errors.GLM_DEPLETED, 500)
    assert provider.pick("m", [], 300) is None
    assert provider.outage(300) == Outage("down", 500)
    assert provider.pick("m", [], 800) is second
    assert provider.refusal("m", 800)[0] is errors.PROVIDER_UNAVAILABLE


@pytest.mark.parametrize(
    ("verdict", "row", "wait_s"),
    [
        pytest.param(LIMITED, errors.PROVIDER_UNAVAILABLE, 30, id="a limited one is back sooner"),
        pytest.param(
            Verdict(row=errors.PROVIDER_UNAVAILABLE, scope="key", needs_staff=True, retry_after_s=3600),
            errors.GLM_DEPLETED,
            7200,
            id="a refused one does not count",
        ),
    ],
)
def test_a_window_beside_a_credential_that_rests_for_another_reason(
    verdict: Verdict, row: errors.ErrorSpec, wait_s: float
) -> None:
    provider = make_provider()
    first, second = provider.credentials
    provider.failed(first, "m", depleted(7200), 0)
    provider.failed(second, "m", verdict, 0)
    assert provider.refusal("m", 0) == (row, wait_s)


def test_a_window_without_a_named_reset_is_asked_again_in_a_while_whatever_the_cool_down() -> None:
    provider = make_provider(keys=1, cooldown_seconds=0.0)
    provider.failed(provider.credentials[0], "m", depleted(None), 0)
    assert provider.refusal("m", 0) == (errors.GLM_DEPLETED, errors.GLM_DEPLETED.retry_after_s)


def test_an_answer_that_was_already_running_does_not_reopen_a_window() -> None:
    provider = make_provider(keys=1)
    (credential,) = provider.credentials
    running = provider.begin(credential, 0)
    provider.failed(credential, "m", depleted(600), 0)
    provider.end(running)
    provider.succeeded(running, "m")
    assert provider.refusal("m", 0) == (errors.GLM_DEPLETED, 600)


def test_a_later_report_does_not_shorten_a_window() -> None:
    provider = make_provider(keys=1)
    (credential,) = provider.credentials
    provider.failed(credential, "m", depleted(600), 0)
    provider.failed(credential, "m", depleted(300), 1)
    assert provider.refusal("m", 100) == (errors.GLM_DEPLETED, 500)


def test_windows_leave_the_circuit_closed() -> None:
    provider = make_provider(keys=1, error_threshold=1)
    provider.failed(provider.credentials[0], "m", depleted(10), 0)
    assert provider.pick("m", [], 10) is not None


def test_only_the_request_that_was_let_through_makes_room_for_the_next() -> None:
    provider = make_provider(keys=1, error_threshold=1)
    (credential,) = provider.credentials
    old = provider.begin(credential, 0)
    provider.failed(credential, "m", BROKEN, 0)
    probe = provider.begin(credential, 30)
    provider.end(old)
    assert provider.pick("m", [], 31) is None, "the probe still runs"
    provider.end(probe)
    assert provider.pick("m", [], 31) is credential


def test_failures_of_old_requests_do_not_keep_the_circuit_open() -> None:
    provider = make_provider(keys=1, error_threshold=1)
    (credential,) = provider.credentials
    for second in range(30):
        provider.failed(credential, "m", BROKEN, second)
    assert provider.pick("m", [], 30) is credential
    provider.failed(credential, "m", BROKEN, 30)
    assert provider.pick("m", [], 31) is None, "not well yet: the time begins anew"


@pytest.mark.parametrize(
    "verdict",
    [
        pytest.param(rules.ACCOUNT, id="a credential is refused"),
        pytest.param(rules.WINDOW, id="a plan is used up"),
        pytest.param(rules.RATE, id="a credential is limited"),
        pytest.param(rules.MODEL_GONE, id="the model is gone"),
        pytest.param(rules.UNLUCKY, id="one try went wrong"),
    ],
)
def test_what_is_not_the_provider_s_fault_leaves_the_circuit_closed(verdict: CodeRule) -> None:
    provider = make_provider(keys=2, error_threshold=1)
    first, second = provider.credentials
    judged = Verdict(row=verdict.row, scope=verdict.scope, needs_staff=verdict.needs_staff, is_window=verdict.is_window)
    for _ in range(10):
        provider.failed(first, "m", judged, 0)
    assert provider.consecutive_failures == 0
    assert provider.pick("m", [first], 0) is second


OVERLOADED = Verdict(row=errors.PROVIDER_UNAVAILABLE, scope="model")


def test_two_credentials_that_find_a_model_overloaded_speak_for_all() -> None:
    provider = make_provider(keys=5)
    first, second = provider.credentials[:2]
    provider.failed(first, "m", OVERLOADED, 0)
    provider.failed(first, "m", OVERLOADED, 0)
    assert provider.pick("m", [], 0) is not None
    provider.failed(second, "m", OVERLOADED, 0)
    assert provider.pick("m", [], 29) is None
    assert provider.wait_s("m", 10) == 20
    assert provider.pick("other", [], 1) is not None
    assert provider.pick("m", [], 30) is not None


def test_an_overload_that_was_over_in_between_is_the_credential_s_own() -> None:
    provider = make_provider(keys=3)
    first, second, third = provider.credentials
    provider.failed(first, "m", OVERLOADED, 0)
    provider.succeeded(Place(third), "m")
    provider.failed(second, "m", OVERLOADED, 0)
    assert provider.pick("m", [], 0) is not None


def test_a_window_that_ended_early_is_found_out_by_one_request_and_ended_by_its_success() -> None:
    provider = make_provider(keys=1)
    (credential,) = provider.credentials
    told: list[float] = []
    provider.on_window = lambda window: told.append(window.left_s)
    provider.failed(credential, "m", depleted(5 * 3600), 0)
    later_s = PROBE_WINDOW_EVERY_S + 1
    assert provider.pick("m", [], PROBE_WINDOW_EVERY_S - 1) is None
    assert provider.pick("m", [], later_s) is credential
    probe = provider.begin(credential, later_s)
    assert provider.pick("m", [], later_s) is None, "one is enough"
    provider.end(probe)
    provider.failed(credential, "m", depleted(5 * 3600 - later_s), later_s)
    assert provider.refusal("m", later_s) == (errors.GLM_DEPLETED, 5 * 3600 - later_s)
    assert provider.pick("m", [], 2 * later_s - 2) is None

    probe = provider.begin(credential, 2 * later_s)
    provider.end(probe)
    provider.succeeded(probe, "m")
    assert provider.pick("m", [], 2 * later_s) is credential
    assert told == [5 * 3600, 5 * 3600 - later_s, 0]


def test_a_window_of_another_row_is_told_with_that_row() -> None:
    provider = make_provider(keys=2)
    week = Verdict(row=errors.PROVIDER_UNAVAILABLE, scope="key", retry_after_s=5 * 86400, is_window=True)
    for credential in provider.credentials:
        provider.failed(credential, "m", week, 0)
    assert provider.refusal("m", 86400) == (errors.PROVIDER_UNAVAILABLE, 4 * 86400)


def make_router(keys: int) -> tuple[Router, Provider, Model]:
    secrets = tuple(Secret(f"key-{number}") for number in range(keys))
    providers = Providers({"glm": ProviderSettings(adapter="zai", base_url="http://glm/v1", api_keys=secrets)})
    provider = providers.find("glm")
    assert provider is not None
    no_fallbacks: Any = SimpleNamespace(find=lambda alias: None)
    return Router(no_fallbacks, providers), provider, model_of({"id": "glm/glm-5.3"}, "verified")


def test_every_credential_is_asked_before_the_member_hears_that_the_plan_is_used_up() -> None:
    router, provider, model = make_router(keys=7)
    asked = []
    for attempt in router.plan(model, "chat", lambda model: True):
        asked.append(attempt.credential)
        provider.failed(attempt.credential, "glm-5.3", depleted(3600), clock.monotonic_s())
    assert len(set(map(id, asked))) == 7
    refusal = router.unavailable(model)
    assert refusal.spec is errors.GLM_DEPLETED
    assert refusal.headers()["Retry-After"] in ("3599", "3600")
    assert refusal.headers()["x-should-retry"] == "false"
    assert list(router.plan(model, "chat", lambda model: True)) == []


def test_other_failures_end_after_three_attempts() -> None:
    router, provider, model = make_router(keys=7)
    count = 0
    for attempt in router.plan(model, "chat", lambda model: True):
        provider.failed(attempt.credential, "glm-5.3", LIMITED, clock.monotonic_s())
        count += 1
    assert count == 3
    assert router.unavailable(model).spec is errors.PROVIDER_UNAVAILABLE


@pytest.mark.parametrize(
    ("verdict", "calls"),
    [
        pytest.param(OVERLOADED, 2, id="overloaded twice"),
        pytest.param(BROKEN, 2, id="broken twice"),
        pytest.param(Verdict(row=errors.PROVIDER_UNAVAILABLE, scope="provider"), 1, id="nobody there"),
        pytest.param(LIMITED, 3, id="limited, each for itself"),
    ],
)
def test_a_failure_of_the_provider_is_not_tried_with_every_credential(verdict: Verdict, calls: int) -> None:
    router, provider, model = make_router(keys=5)
    plan = router.plan(model, "chat", lambda model: True)
    made = 0
    for attempt in plan:
        made += 1
        provider.failed(attempt.credential, "glm-5.3", verdict, clock.monotonic_s())
        plan.failed(verdict)
    assert made == calls


def test_an_alias_that_can_t_carry_the_request_is_left_at_once_and_counts_for_nothing() -> None:
    secrets = (Secret("a"), Secret("b"))
    providers = Providers(
        {name: ProviderSettings(base_url=f"http://{name}/v1", api_keys=secrets) for name in ("one", "two", "three")}
    )
    rows = {alias: model_of({"id": alias}, "verified") for alias in ("two/m", "three/m")}
    catalog: Any = SimpleNamespace(find=rows.get)
    model = model_of({"id": "one/m", "fallbacks": ["two/m", "three/m"]}, "verified")
    plan = Router(catalog, providers).plan(model, "chat", lambda model: True)
    asked = []
    for attempt in plan:
        asked.append(attempt.model.id)
        if attempt.model.id == "two/m":
            plan.refused()
        else:
            plan.failed(LIMITED)
    assert asked == ["one/m", "one/m", "two/m", "three/m"]


def test_a_reload_that_adds_a_key_keeps_what_the_others_may_not_do() -> None:
    old = ProviderSettings(base_url="http://a/v1", api_keys=(Secret("k0"),))
    providers = Providers({"a": old})
    first = providers.find("a")
    assert first is not None
    first.failed(first.credentials[0], "m", depleted(600), 0)
    providers.update({"a": ProviderSettings(base_url="http://a/v1", api_keys=(Secret("k1"), Secret("k0")))})
    second = providers.find("a")
    assert second is not None
    assert [credential.free_at_s("m") for credential in second.credentials] == [0, 600]
    providers.update({"a": ProviderSettings(base_url="http://elsewhere/v1", api_keys=(Secret("k0"),))})
    moved = providers.find("a")
    assert moved is not None
    assert moved.pick("m", [], 0) is not None, "another address is another provider"


def test_each_outcome_is_told_with_its_alias() -> None:
    providers = Providers({"opc": ProviderSettings(base_url="http://provider/v1")})
    ended: list[object] = []
    providers.on_outcome = lambda *outcome: ended.append(outcome)
    provider = providers.find("opc")
    assert provider is not None
    (credential,) = provider.credentials
    provider.succeeded(Place(credential), "m", "opc/nice-name")
    provider.failed(credential, "m", BROKEN, 0, "opc/nice-name")
    provider.failed(credential, "m", BROKEN, 0)
    assert ended == [("opc", "opc/nice-name", True), ("opc", "opc/nice-name", False), ("opc", "opc/m", False)]


def test_an_outage_is_some_or_all_of_the_credentials_or_the_circuit() -> None:
    provider = make_provider(error_threshold=2)
    first, second = provider.credentials
    assert provider.outage(0) == Outage()
    provider.failed(first, "m", LIMITED, 0)
    assert provider.outage(10) == Outage("limping", 20)
    provider.failed(second, "m", LIMITED, 10)
    assert provider.outage(10) == Outage("down", 20)
    assert provider.outage(35) == Outage("limping", 5)
    for _ in range(2):
        provider.failed(first, "m", BROKEN, 100)
    assert provider.outage(100) == Outage("down", 30)
    assert provider.outage(131).extent == "limping", "nobody knows yet whether it is well again"
    provider.succeeded(Place(first), "m")
    assert provider.outage(131) == Outage()


def test_a_model_is_out_when_no_credential_may_serve_it() -> None:
    provider = make_provider()
    limited = Verdict(row=errors.RATE_LIMIT, scope="model")
    first, second = provider.credentials
    provider.failed(first, "m", limited, 0)
    assert provider.models_out(1) == {}
    provider.failed(second, "m", limited, 10)
    assert provider.models_out(11) == {"m": 19}
    assert provider.outage(11) == Outage(), "its other models are served"
    assert provider.models_out(31) == {}
