"""OpenRouter: names, moderation and budgets in its metadata."""

from dataclasses import replace

import pytest

from adapters import rules
from adapters.openrouter.codes import CODES as OPENROUTER
from freetheai import errors
from support.failures import NOW_S, answer, judged, means


def meta(status, message="", **metadata):
    return answer(status, message, code=str(status), details={"metadata": metadata})


@pytest.mark.parametrize(("code", "rule"), OPENROUTER.codes.items())
@pytest.mark.parametrize("status", [200, 400, 502])
def test_openrouter_error_type_in_metadata(code, rule, status):
    assert judged(meta(status, error_type=code), OPENROUTER) == means(rule)


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        pytest.param(meta(402), means(rules.ACCOUNT), id="balance"),
        pytest.param(meta(402, error_type="payment_required"), means(rules.ACCOUNT), id="balance by type"),
        pytest.param(
            replace(meta(402, error_type="payment_required", limit_source="in_flight"), headers={"retry-after": "4"}),
            (errors.RATE_LIMIT, "key", 4),
            id="budget in flight",
        ),
        pytest.param(meta(403, reasons=["violence"]), means(rules.POLICY), id="moderation"),
        pytest.param(meta(403, "guardrail", flagged_input="x"), means(rules.POLICY), id="moderation by a guardrail"),
        pytest.param(
            meta(403, "Blocked by guardrail content policy"), means(rules.ACCOUNT), id="guardrail of the account"
        ),
        pytest.param(meta(404, "No endpoints found that support image input"), means(rules.REJECTED), id="no eyes"),
        pytest.param(meta(404, "No endpoints found that support tool use"), means(rules.REJECTED), id="no tools"),
        pytest.param(meta(404, "No endpoints found for x"), means(rules.MODEL_GONE), id="no such model"),
        pytest.param(
            meta(
                429,
                "Rate limit exceeded: free-models-per-day",
                headers={"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int((NOW_S + 50) * 1000))},
            ),
            (errors.RATE_LIMIT, "key", 50),
            id="free models of a day",
        ),
        pytest.param(replace(meta(502), status=200), means(rules.OVERLOADED), id="502 inside a stream"),
        pytest.param(replace(meta(403, reasons=["x"]), status=200), means(rules.POLICY), id="403 inside a stream"),
        pytest.param(answer(402, details={"metadata": "x"}), means(rules.ACCOUNT), id="metadata of an odd type"),
    ],
)
def test_openrouter(failure, expected):
    assert judged(failure, OPENROUTER) == expected
