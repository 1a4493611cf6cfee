"""Credentials, cool-downs and the circuit, on a clock of the test's own."""

from adapters.base import Verdict
from freetheai import errors
from freetheai.config import ProviderSettings, Secret
from freetheai.providers import Provider, Providers

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
