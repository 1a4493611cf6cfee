"""Credentials, cool-downs and the circuit, on a clock of the test's own."""

from types import SimpleNamespace
from typing import Any

import pytest

from adapters.base import Verdict
from freetheai import clock, errors
from freetheai.catalog import Model
from freetheai.catalog.model import model_of
from freetheai.config import ProviderSettings, Secret
from freetheai.providers import Provider, Providers
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
    provider.begin(first)
    second = provider.pick("m", [], 0)
    assert second is not None
    assert second is not first
    provider.end(first)
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
    for row in (errors.CONTEXT_LENGTH_EXCEEDED, errors.PAYLOAD_REJECTED):
        provider.failed(provider.credentials[0], "m", Verdict(row=row, scope="request"), 0)
    assert provider.pick("m", [], 0) is not None
    assert provider.health.totals(60) == (0, 0, 0)


def test_the_circuit_opens_lets_one_through_and_closes_on_success() -> None:
    provider = make_provider(keys=1, error_threshold=2)
    (credential,) = provider.credentials
    provider.failed(credential, "m", BROKEN, 0)
    assert provider.pick("m", [], 0) is credential
    provider.failed(credential, "m", BROKEN, 0)
    assert provider.pick("m", [], 29) is None
    assert provider.pick("m", [], 30) is credential
    provider.begin(credential)
    assert provider.pick("m", [], 30) is None, "one at a time until it is well"
    provider.end(credential)
    provider.succeeded(credential, "m")
    assert provider.pick("m", [], 30) is credential


def test_a_success_ends_a_row_of_failures() -> None:
    provider = make_provider(keys=1, error_threshold=2)
    (credential,) = provider.credentials
    for _ in range(5):
        provider.failed(credential, "m", BROKEN, 0)
        provider.succeeded(credential, "m")
    assert provider.pick("m", [], 0) is credential


def test_no_more_than_max_concurrency_run() -> None:
    provider = make_provider(max_concurrency=1)
    credential = provider.pick("m", [], 0)
    assert credential is not None
    provider.begin(credential)
    assert provider.pick("m", [], 0) is None


def test_a_reload_keeps_what_has_not_changed() -> None:
    kept = ProviderSettings(base_url="http://a/v1")
    providers = Providers({"a": kept, "b": ProviderSettings(base_url="http://b/v1")})
    first = providers.find("a")
    providers.update({"a": ProviderSettings(base_url="http://a/v1"), "c": ProviderSettings(base_url="http://c/v1")})
    assert providers.find("a") is first
    assert providers.find("b") is None
    assert {provider.prefix for provider in providers} == {"a", "c"}


def depleted(wait_s: float | None) -> Verdict:
    return Verdict(row=errors.GLM_DEPLETED, scope="key", retry_after_s=wait_s)


def test_a_used_up_window_rests_its_credential_until_the_reset_and_the_other_serves() -> None:
    provider = make_provider()
    first, second = provider.credentials
    provider.failed(first, "m", depleted(7200), 100)
    assert provider.pick("m", [], 101) is second
    assert provider.pick("other model", [second], 7299) is None, "the plan is the credential's, not the model's"
    assert provider.pick("m", [second], 7300) is first
    assert provider.refusal("m", 101)[0] is errors.PROVIDER_UNAVAILABLE


def test_once_all_windows_are_used_up_the_refusal_says_so_until_the_first_reset() -> None:
    provider = make_provider()
    first, second = provider.credentials
    provider.failed(first, "m", depleted(7200), 100)
    provider.failed(second, "m", depleted(600), 200)
    assert provider.refusal("m", 300) == (errors.GLM_DEPLETED, 500)
    assert provider.pick("m", [], 300) is None
    assert provider.status(300) == "down"
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
    provider.failed(credential, "m", depleted(600), 0)
    provider.succeeded(credential, "m")
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
