"""Z.ai: the code wherever it stands, and windows that only words tell."""

import pytest

from adapters import rules
from adapters.zai.codes import CODES as ZAI
from freetheai import errors
from support.failures import HOUR, answer, judged, means

RESET = "Usage limit reached for 5 hour. Your limit will reset at 2026-11-23 08:00:00"


@pytest.mark.parametrize(
    "failure",
    [
        pytest.param(answer(429, RESET, code="1308"), id="code"),
        pytest.param(answer(429, RESET, type="1308"), id="type of the anthropic flavour"),
        pytest.param(answer(429, f"[1308][{RESET}][20261122]", type="rate_limit_error"), id="head of the message"),
        pytest.param(answer(429, RESET), id="words alone"),
        pytest.param(answer(200, RESET), id="words in band"),
        pytest.param(
            answer(429, "已达到 5 小时的使用上限。您的限额将在 2026-11-23 08:00:00 重置。"), id="chinese words"
        ),
    ],
)
def test_glm_window_ends_when_it_says(failure):
    assert judged(failure, ZAI) == (errors.GLM_DEPLETED, "key", HOUR)


@pytest.mark.parametrize(
    ("failure", "rule"),
    [
        pytest.param(answer(400, "blocked by policy", code="1300"), rules.ACCOUNT, id="1300 is the account"),
        pytest.param(answer(400, "unsafe content", code="1300"), rules.POLICY, id="1300 says content"),
        pytest.param(answer(400, "[1300][敏感内容]"), rules.POLICY, id="1300 in front, chinese"),
        pytest.param(answer(429, "余额不足", code=""), rules.ACCOUNT, id="no balance is no window"),
        pytest.param(answer(429, "too fast", code="9999"), rules.RATE, id="unknown code"),
        pytest.param(answer(400, "weekly limit is not a field"), rules.REJECTED, id="window words of a bad request"),
        pytest.param(answer(434), rules.ACCOUNT, id="434"),
        pytest.param(answer(435), rules.REJECTED, id="435"),
    ],
)
def test_zai(failure, rule):
    assert judged(failure, ZAI) == means(rule)
