"""OpenAI, and providers spoken to like it: what no code alone tells."""

import pytest

from adapters import rules
from adapters.openai.codes import CODES as OPENAI
from freetheai import errors
from support.failures import HOUR, answer, judged, means


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        pytest.param(
            answer(
                413,
                "Request too large for model `m` on tokens per minute (TPM): Limit 12000, Requested 25000",
                code="rate_limit_exceeded",
                type="tokens",
            ),
            means(rules.CONTEXT),
            id="groq larger than a minute",
        ),
        pytest.param(
            answer(
                429,
                "Rate limit reached for model `m` on tokens per day (TPD): Limit 1, Used 1."
                " Please try again in 2m59.56s."
                " Need more tokens? Upgrade at https://x.test/settings/billing",
                code="rate_limit_exceeded",
                type="tokens",
            ),
            (errors.RATE_LIMIT, "model", 180),
            id="groq rate, with a link to billing",
        ),
        pytest.param(
            answer(200, "try again in 3s", code="rate_limit_exceeded"),
            (errors.RATE_LIMIT, "model", 3),
            id="rate inside a stream",
        ),
        pytest.param(
            answer(429, code="slow_down", headers={"retry-after": "5"}), (errors.RATE_LIMIT, "key", 60), id="slow down"
        ),
        pytest.param(
            answer(429, code="slow_down", headers={"retry-after": "90"}),
            (errors.RATE_LIMIT, "key", 90),
            id="slow down longer",
        ),
        pytest.param(
            answer(503, "The engine is currently overloaded"), means(rules.OVERLOADED), id="engine overloaded"
        ),
        pytest.param(answer(500, type="server_error"), means(rules.BROKEN), id="server error"),
        pytest.param(
            answer(200, code="2013", message="invalid params"), means(rules.REJECTED), id="minimax parameters"
        ),
        pytest.param(
            answer(200, code="2013", message="invalid params, context window exceeds limit"),
            means(rules.CONTEXT),
            id="minimax overflow",
        ),
        pytest.param(
            answer(429, "usage limit exceeded, resets at 2026-11-23T00:00:00Z", code="2056"),
            (errors.PROVIDER_UNAVAILABLE, "key", HOUR),
            id="minimax window",
        ),
        pytest.param(
            answer(400, headers={"x-ratelimit-limit-requests-day": "1"}),
            means(rules.CONTEXT),
            id="cerebras silence is overflow",
        ),
        pytest.param(answer(400), means(rules.REJECTED), id="silence of others is not"),
        pytest.param(
            answer(400, '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set'),
            means(rules.MODEL_GONE),
            id="vllm without its tool parser",
        ),
        pytest.param(answer(400, "No models loaded."), means(rules.OVERLOADED), id="lm studio without a model"),
        pytest.param(answer(404, "model 'x' not found, try pulling it first"), means(rules.MODEL_GONE), id="ollama"),
        pytest.param(answer(402, "Insufficient Balance"), means(rules.ACCOUNT), id="deepseek balance"),
        pytest.param(
            answer(400, "Content Exists Risk", code="invalid_request_error"), means(rules.POLICY), id="deepseek risk"
        ),
        pytest.param(
            answer(400, "ResourceExhausted", details={"status": 429}), means(rules.REJECTED), id="nim words on 400"
        ),
        pytest.param(answer(429, "ResourceExhausted: x", details={"status": 429}), means(rules.RATE), id="nim rate"),
        pytest.param(
            answer(400, "Invalid schema for function '--tool-call-parser'"),
            means(rules.REJECTED),
            id="quoted, so the member's",
        ),
    ],
)
def test_openai_compatible(failure, expected):
    assert judged(failure, OPENAI) == expected
