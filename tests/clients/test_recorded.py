"""What real clients stumbled over, as they sent or read it: no client is needed to see it again."""

from typing import Any

import orjson
import pytest

from freetheai import errors
from freetheai.errors import ApiError
from freetheai.wire import responses
from freetheai.wire.formats import Quirks
from freetheai.wire.translate import convert_body
from support.pairs import CLIENTS, UPSTREAMS, request, stamp

MESSAGE = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "stop_reason": "end_turn"}
PLAIN: dict[str, dict[str, Any]] = {
    "chat": {"choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}]},
    "messages": {**MESSAGE, "content": [{"type": "text", "text": "Hi", "citations": None}]},
    "responses": {
        "id": "resp_1",
        "status": "completed",
        "output": [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hi"}]}],
    },
    "gemini": {"candidates": [{"content": {"role": "model", "parts": [{"text": "Hi"}]}, "finishReason": "STOP"}]},
}


@pytest.mark.parametrize(("upstream", "body"), PLAIN.items(), ids=PLAIN)
def test_the_ai_sdk_takes_a_list_of_citations_and_no_null(upstream: str, body: dict[str, Any]) -> None:
    """Its schema of a plain answer is an optional array: a null made the whole answer "Invalid JSON response"."""
    asked = request("messages", stream=False)
    sent = convert_body(
        CLIENTS["messages"], UPSTREAMS[upstream], asked, stamp("messages"), Quirks(), orjson.dumps(body)
    )
    (block,) = orjson.loads(sent.data)["content"]
    assert block == {"type": "text", "text": "Hi", "citations": []}


def test_the_ai_sdk_is_told_to_keep_its_own_history() -> None:
    """From the second step on it sends references in place of items, until its ``store`` is false."""
    items = [
        {"role": "user", "content": [{"type": "input_text", "text": "hi"}]},
        {"type": "item_reference", "id": "fc_1"},
        {"type": "function_call_output", "call_id": "call_0", "output": "rain"},
    ]
    with pytest.raises(ApiError) as raised:
        responses.CLIENT.parse(orjson.dumps({"model": "pre/alias", "input": items}))
    assert raised.value.status == 400
    assert "set `store` to false" in raised.value.message


def test_claude_code_asks_no_more_after_a_wrong_key() -> None:
    """It tries a bare 401 ten times over, for more than three minutes, unless told not to."""
    assert ApiError(errors.INVALID_API_KEY).headers() == {"x-should-retry": "false"}
