"""MiMo: the reason is in param."""

import pytest

from adapters import rules
from adapters.mimo.codes import CODES as MIMO
from support.failures import answer, judged, means


@pytest.mark.parametrize(
    ("failure", "rule"),
    [
        pytest.param(answer(400, "Param Incorrect", code="400", param="bad thing"), rules.REJECTED, id="bad request"),
        pytest.param(
            answer(400, "Param Incorrect", code="400", param="input length 9 exceeds"),
            rules.CONTEXT,
            id="overflow is in param",
        ),
        pytest.param(answer(400, "Moderation Block", code="421"), rules.POLICY, id="moderation as 400"),
        pytest.param(answer(421, "Moderation Block", type="content_filter"), rules.POLICY, id="moderation as 421"),
        pytest.param(
            answer(402, "Insufficient account balance", type="insufficient_balance"), rules.ACCOUNT, id="balance"
        ),
        pytest.param(answer(404, "no endpoints that support image input"), rules.REJECTED, id="model without eyes"),
        pytest.param(answer(404, "The model x does not exist"), rules.MODEL_GONE, id="no such model"),
    ],
)
def test_mimo(failure, rule):
    assert judged(failure, MIMO) == means(rule)
