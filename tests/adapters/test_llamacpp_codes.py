"""llama.cpp: loading and overflow."""

import pytest

from adapters import rules
from adapters.llamacpp.codes import CODES as LLAMACPP
from support.failures import answer, judged, means


@pytest.mark.parametrize(
    ("failure", "rule"),
    [
        pytest.param(answer(503, "Loading model", type="unavailable_error"), rules.OVERLOADED, id="loading"),
        pytest.param(
            answer(400, "the request exceeds the available context size, try increasing it"),
            rules.CONTEXT,
            id="old overflow",
        ),
        pytest.param(answer(400, "bad", type="invalid_request_error"), rules.REJECTED, id="bad request"),
        pytest.param(answer(500, "bad", type="server_error"), rules.BROKEN, id="server error"),
    ],
)
def test_llamacpp(failure, rule):
    assert judged(failure, LLAMACPP) == means(rule)
