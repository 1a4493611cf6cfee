"""Anthropic: messages and details beside its types."""

import pytest

from adapters import rules
from adapters.anthropic.codes import CODES as ANTHROPIC
from support.failures import answer, judged, means


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        pytest.param(
            answer(
                429,
                "spend",
                type="rate_limit_error",
                details={"details": {"error_code": "enforced_spend_limit_reached"}},
            ),
            means(rules.ACCOUNT),
            id="spending limit is no rate",
        ),
        pytest.param(
            answer(400, "Your credit balance is too low", type="invalid_request_error"),
            means(rules.ACCOUNT),
            id="balance",
        ),
        pytest.param(
            answer(400, "Output blocked by content filtering policy", type="invalid_request_error"),
            means(rules.POLICY),
            id="output blocked",
        ),
        pytest.param(
            answer(400, "messages: text content blocks must be non-empty", type="invalid_request_error"),
            means(rules.REJECTED),
            id="bad request",
        ),
        pytest.param(
            answer(200, "Overloaded", type="overloaded_error"), means(rules.OVERLOADED), id="overloaded in a stream"
        ),
        pytest.param(answer(500, "x", type="api_error"), means(rules.BROKEN), id="api error"),
        pytest.param(answer(409, type="conflict_error"), means(rules.RATE_OF_MODEL), id="conflict"),
    ],
)
def test_anthropic(failure, expected):
    assert judged(failure, ANTHROPIC) == expected
