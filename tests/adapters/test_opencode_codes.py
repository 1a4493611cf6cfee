"""OpenCode: allowances, plans and the providers behind it."""

from dataclasses import replace

import pytest

from adapters import rules
from adapters.classify import classify
from adapters.opencode.codes import CODES as OPENCODE
from freetheai import errors
from support.failures import HOUR, NOW_S, answer, judged, means


def test_zen_allowance_rests_until_utc_midnight_or_as_told():
    free = answer(429, "Rate limit exceeded. Please try again later.", type="FreeUsageLimitError")
    assert judged(free, OPENCODE) == (errors.RATE_LIMIT, "model", HOUR)
    assert judged(replace(free, headers={"retry-after": "99"}), OPENCODE) == (errors.RATE_LIMIT, "model", 99)


@pytest.mark.parametrize(
    ("name", "wait_s"),
    [("5 hour", 300), ("weekly", HOUR), ("monthly", HOUR), (None, 300), (["weekly"], 300)],
)
def test_go_plan_is_asked_again_by_its_window(name, wait_s):
    failure = answer(429, type="GoUsageLimitError", details={"metadata": {"limitName": name}})
    assert judged(failure, OPENCODE) == (errors.PROVIDER_UNAVAILABLE, "key", wait_s)
    assert judged(replace(failure, headers={"retry-after": "77"}), OPENCODE) == (errors.PROVIDER_UNAVAILABLE, "key", 77)


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        pytest.param(
            answer(401, "Model x is disabled", type="ModelError"), means(rules.MODEL_GONE), id="model comes as 401"
        ),
        pytest.param(
            answer(429, 'Error from provider (X): {"type":"FreeUsageLimitError"}', type="error"),
            (errors.RATE_LIMIT, "model", HOUR),
            id="allowance of a provider behind it",
        ),
        pytest.param(
            answer(429, "Error from provider (X): GoUsageLimitError 5 hour usage limit reached"),
            means(rules.WINDOW),
            id="plan of a provider behind it",
        ),
        pytest.param(
            answer(402, "Provider returned error"), (errors.PROVIDER_UNAVAILABLE, "model", HOUR), id="balance behind it"
        ),
        pytest.param(answer(402, "no", type="CreditsError"), means(rules.ACCOUNT), id="our balance"),
        pytest.param(answer(500, "Internal server error", type="error"), means(rules.BROKEN), id="internal"),
        pytest.param(answer(400, "Error from provider (X): model not found"), means(rules.MODEL_GONE), id="404 as 400"),
        pytest.param(answer(400, "Error from provider (X): bad"), means(rules.REJECTED), id="400"),
        pytest.param(answer(529), means(rules.OVERLOADED), id="529"),
    ],
)
def test_opencode(failure, expected):
    assert judged(failure, OPENCODE) == expected


def test_zen_without_session_is_our_fault_and_another_provider_may_serve():
    verdict = classify(answer(400, type="MissingSessionID"), OPENCODE, NOW_S)
    assert (verdict.row, verdict.needs_staff, verdict.retry_elsewhere) == (errors.SERVER_ERROR, True, True)
