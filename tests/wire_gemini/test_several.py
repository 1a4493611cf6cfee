"""Several answers to one request (`n`): every candidate becomes a choice."""

from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from freetheai.wire import chat, gemini
from freetheai.wire.formats import Quirks, Stamp
from freetheai.wire.request import ChatRequest
from freetheai.wire.translate import BodyResult, convert_body
from support.gemini_streams import odd_parts

STAMP = Stamp(id="chatcmpl-ours", created_s=1800000000, model="pre/alias", origin="gemini:gemini-3-pro")


def asked(n: int) -> ChatRequest:
    return chat.CLIENT.parse(orjson.dumps({"model": "m", "messages": [{"role": "user", "content": "Hi"}], "n": n}))


def converted(n: int, *candidates: Any, **more: Any) -> BodyResult:
    answer = orjson.dumps({"candidates": list(candidates), **more})
    return convert_body(chat.CLIENT, gemini.UPSTREAM, asked(n), STAMP, Quirks(), answer)


def candidate(index: Any, *parts: Any, finish: str = "STOP") -> dict[str, Any]:
    return {"index": index, "content": {"parts": list(parts)}, "finishReason": finish}


ONE = candidate(0, {"text": "one"})
CALL = candidate(1, {"functionCall": {"name": "get", "args": {"a": 1}}})
LONG = candidate(2, {"text": "three"}, finish="MAX_TOKENS")


def test_each_candidate_is_a_choice_in_order():
    counts = {"promptTokenCount": 1, "candidatesTokenCount": 9}
    result = converted(3, LONG, ONE, CALL, usageMetadata=counts)
    body = orjson.loads(result.data)
    choices = body["choices"]
    assert [choice["index"] for choice in choices] == [0, 1, 2]
    assert [choice["finish_reason"] for choice in choices] == ["stop", "tool_calls", "length"]
    assert [choice["message"]["content"] for choice in choices] == ["one", None, "three"]
    assert [call["function"]["arguments"] for call in choices[1]["message"]["tool_calls"]] == ['{"a":1}']
    assert body["usage"]["completion_tokens"] == 9
    assert result.has_output


def test_usage_is_estimated_over_all_of_them():
    result = converted(3, candidate(0), candidate(1), LONG)
    assert result.output_chars == len("three")
    assert orjson.loads(result.data)["usage"]["completion_tokens"] == 2


def test_who_asked_for_one_gets_one():
    assert len(orjson.loads(converted(1, ONE, CALL).data)["choices"]) == 1


def test_a_breakdown_of_one_fails_them_all():
    failure = converted(2, ONE, candidate(1, finish="MALFORMED_FUNCTION_CALL")).failure
    assert failure is not None
    assert failure.code == "MALFORMED_FUNCTION_CALL"


@given(parts=st.lists(st.lists(odd_parts, max_size=3), max_size=4))
def test_odd_candidates_never_raise(parts):
    result = converted(4, *(candidate(index, *some) for index, some in enumerate(parts)), None)
    assert (result.failure is None) == bool(result.data)
    assert result.failure is None or result.failure.kind != "internal", result.failure.trace
