"""The error table is the contract's, and its one envelope."""

import pytest

from freetheai import errors
from freetheai.errors import ApiError, ErrorSpec

# Status and type of every row of the contract.
CONTRACT = {
    (400, "invalid_request_error"),
    (400, "context_length_exceeded"),
    (400, "content_policy_violation"),
    (401, "invalid_api_key"),
    (401, "invalid_request_error"),
    (403, "daily_checkin_required"),
    (403, "model_access_denied"),
    (403, "discord_membership_required"),
    (403, "user_paused"),
    (403, "ip_blacklisted"),
    (403, "client_signature_banned"),
    (404, "invalid_request_error"),
    (429, "rate_limit_error"),
    (429, "concurrency_limit_error"),
    (429, "glm_depleted"),
    (499, "client_canceled"),
    (500, "server_error"),
    (502, "provider_error"),
    (503, "provider_unavailable"),
    (503, "server_error"),
    (503, "discord_membership_error"),
    (504, "provider_timeout"),
}


def test_the_table_has_the_contract_s_rows_and_no_other() -> None:
    assert {(row.status, row.type) for row in errors.ROWS.values()} == CONTRACT


@pytest.mark.parametrize("row", errors.ROWS.values(), ids=errors.ROWS.keys())
def test_every_429_and_503_says_when_to_come_back(row: ErrorSpec) -> None:
    headers = ApiError(row).headers()
    assert ("Retry-After" in headers) is (row.status in (429, 503))
    assert int(headers.get("Retry-After", 1)) >= 1


@pytest.mark.parametrize(
    ("seconds", "header"), [(0, "1"), (0.2, "1"), (1, "1"), (1.01, "2"), (59.5, "60")], ids=lambda value: str(value)
)
def test_a_wait_is_whole_seconds_and_never_none(seconds: float, header: str) -> None:
    assert ApiError(errors.RATE_LIMIT, retry_after_s=seconds).headers()["Retry-After"] == header


@pytest.mark.parametrize(
    ("error", "is_told_not_to_retry"),
    [
        pytest.param(ApiError(errors.DAILY_LIMIT, retry_after_s=5), True, id="a daily cap, however soon it resets"),
        pytest.param(ApiError(errors.GLM_DEPLETED, retry_after_s=5), True, id="a used-up window"),
        pytest.param(ApiError(errors.RATE_LIMIT, retry_after_s=61), True, id="more than a minute"),
        pytest.param(ApiError(errors.INVALID_API_KEY), True, id="a wrong key"),
        pytest.param(ApiError(errors.RATE_LIMIT, retry_after_s=60), False, id="a minute"),
        pytest.param(ApiError(errors.PROVIDER_ERROR), False, id="no wait at all"),
    ],
)
def test_sdks_are_told_when_retrying_is_hopeless(error: ApiError, is_told_not_to_retry: bool) -> None:
    assert (error.headers().get("x-should-retry") == "false") is is_told_not_to_retry


def test_the_envelope_serves_openai_s_and_anthropic_s_clients() -> None:
    error = ApiError(errors.PROVIDER_ERROR, error_id="opc-0123456789ab")
    assert error.envelope() == {
        "error": {
            "message": "Provider failed unexpectedly. Retry or try another model. Error id: opc-0123456789ab",
            "type": "provider_error",
            "code": "provider_error",
            "param": None,
        }
    }
    assert error.messages_envelope("req_1") == {"type": "error", "request_id": "req_1", **error.envelope()}
