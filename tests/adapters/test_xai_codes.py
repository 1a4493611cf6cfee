"""xAI: the text decides, not the sentence in its code."""

import pytest

from adapters import rules
from adapters.xai.codes import CODES as XAI
from support.failures import answer, judged, means

BAD_ARGUMENT = "Client specified an invalid argument"
NO_PERMISSION = "The caller does not have permission to execute the specified operation"
CREDITS = "Your team x has either used all available credits or reached its monthly spending limit."


@pytest.mark.parametrize(
    ("failure", "rule"),
    [
        pytest.param(
            answer(400, "Incorrect API key provided: ab***yz.", code=BAD_ARGUMENT), rules.ACCOUNT, id="bad key"
        ),
        pytest.param(
            answer(
                400,
                "This model's maximum prompt length is 131072 but the request contains 179111 tokens.",
                code=BAD_ARGUMENT,
            ),
            rules.CONTEXT,
            id="overflow",
        ),
        pytest.param(
            answer(400, "Generated image rejected by content moderation.", code=BAD_ARGUMENT), rules.POLICY, id="image"
        ),
        pytest.param(answer(400, "anything else", code=BAD_ARGUMENT), rules.REJECTED, id="bad argument"),
        pytest.param(answer(401), rules.ACCOUNT, id="no key"),
        pytest.param(answer(403, CREDITS, code=NO_PERMISSION), rules.ACCOUNT, id="no credits"),
        pytest.param(
            answer(429, CREDITS, code="Some resource has been exhausted"), rules.ACCOUNT, id="no credits is no rate"
        ),
        pytest.param(answer(429, "slower", code="Some resource has been exhausted"), rules.RATE, id="rate"),
        pytest.param(
            answer(403, "Content violates usage guidelines. Failed check: SAFETY_CHECK_TYPE_BIO", code=NO_PERMISSION),
            rules.POLICY,
            id="failed check is no permission",
        ),
        pytest.param(answer(403, "no", code=NO_PERMISSION), rules.ACCOUNT, id="no permission"),
        pytest.param(answer(404, "no", code="Some requested entity was not found"), rules.MODEL_GONE, id="not found"),
        pytest.param(answer(500, code="The service is currently unavailable"), rules.OVERLOADED, id="away"),
        pytest.param(answer(400, "tool 'incorrect api key provided'"), rules.REJECTED, id="quoted, so the member's"),
    ],
)
def test_xai(failure, rule):
    assert judged(failure, XAI) == means(rule)
