"""Gemini: status names, reasons and quotas."""

import pytest

from adapters import rules
from adapters.gemini.codes import CODES as GEMINI
from freetheai import errors
from support.failures import HOUR, answer, judged, means

QUOTA = "You exceeded your current quota, please check your plan and billing details."


def google(status, name, message="", *details):
    return answer(status, message, code=str(status), details={"status": name, "details": list(details)})


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        pytest.param(
            google(400, "INVALID_ARGUMENT", "API key not valid.", {"reason": "API_KEY_INVALID"}),
            means(rules.ACCOUNT),
            id="key",
        ),
        pytest.param(google(400, "INVALID_ARGUMENT", "Bad schema"), means(rules.REJECTED), id="bad request"),
        pytest.param(
            google(
                400,
                "INVALID_ARGUMENT",
                "The input token count (9000) exceeds the maximum number of tokens allowed (8000).",
            ),
            means(rules.CONTEXT),
            id="overflow",
        ),
        pytest.param(
            google(400, "FAILED_PRECONDITION", "User location is not supported"), means(rules.ACCOUNT), id="region"
        ),
        pytest.param(google(403, "PERMISSION_DENIED"), means(rules.ACCOUNT), id="permission"),
        pytest.param(google(404, "NOT_FOUND"), means(rules.MODEL_GONE), id="model"),
        pytest.param(google(402, "RESOURCE_EXHAUSTED"), means(rules.ACCOUNT), id="prepaid credits"),
        pytest.param(
            google(429, "RESOURCE_EXHAUSTED", QUOTA, {"retryDelay": "27s"}),
            (errors.RATE_LIMIT, "model", 27),
            id="minute's quota",
        ),
        pytest.param(answer(429, QUOTA), means(rules.RATE_OF_MODEL), id="quota without a status name"),
        pytest.param(
            google(
                429,
                "RESOURCE_EXHAUSTED",
                QUOTA,
                {"violations": [{"quotaId": "GenerateRequestsPerDayPerProject"}]},
                {"retryDelay": "27s"},
            ),
            (errors.RATE_LIMIT, "model", 9 * HOUR),
            id="day's quota ends at midnight in California",
        ),
        pytest.param(
            google(429, "RESOURCE_EXHAUSTED", "Quota exceeded for metric: x, limit: 0"),
            (errors.PROVIDER_UNAVAILABLE, "model", HOUR),
            id="not in the free tier",
        ),
        pytest.param(
            google(429, "RESOURCE_EXHAUSTED", "Quota exceeded for metric: x, limit: 20"),
            means(rules.RATE_OF_MODEL),
            id="limit 20",
        ),
        pytest.param(
            google(429, "RESOURCE_EXHAUSTED", QUOTA, {"violations": "x"}, {"violations": [None, {"quotaId": 1}]}),
            means(rules.RATE_OF_MODEL),
            id="violations of odd types",
        ),
        pytest.param(google(503, "UNAVAILABLE", "The model is overloaded."), means(rules.OVERLOADED), id="overloaded"),
        pytest.param(google(504, "DEADLINE_EXCEEDED"), means(rules.TIMED_OUT), id="deadline"),
        pytest.param(google(500, "INTERNAL"), means(rules.BROKEN), id="internal"),
        pytest.param(google(499, "CANCELLED"), means(rules.UNLUCKY), id="cancelled"),
        pytest.param(answer(200, "blockReason: OTHER"), means(rules.POLICY), id="blocked prompt"),
    ],
)
def test_gemini(failure, expected):
    assert judged(failure, GEMINI) == expected
