"""The usual plain chat answer is read and relayed in one step: what comes out is what the two steps give."""

from dataclasses import replace
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from freetheai.wire import chat
from freetheai.wire.formats import Quirks, Stamp
from freetheai.wire.request import ChatRequest
from freetheai.wire.translate import convert_body

STAMP = Stamp(id="chatcmpl-ours", created_s=1800000000, model="pre/alias", origin="openai/up")
QUIRKS = Quirks()


def request(**more: Any) -> ChatRequest:
    return chat.CLIENT.parse(
        orjson.dumps({"model": "pre/alias", "messages": [{"role": "user", "content": "Hi"}], **more})
    )


SMALL = st.sampled_from([None, "", [], {}, "x", 0, 1, True, ["y"], {"z": 1}])
MESSAGES = st.fixed_dictionaries(
    {"content": st.sampled_from(["Hi", " ", "", None, "<think>a</think>b", ["c"], "Hi STOP there"])},
    optional={
        "role": st.sampled_from(["assistant", "user", None]),
        "refusal": SMALL,
        "reasoning_content": SMALL,
        "tool_calls": SMALL,
        "function_call": SMALL,
        "audio": SMALL,
        "annotations": SMALL,
        "images": SMALL,
    },
)
CHOICES = st.fixed_dictionaries(
    {"message": MESSAGES, "finish_reason": st.sampled_from(["stop", "length", "tool_calls", "error", "", None, 3])},
    optional={
        "index": st.sampled_from([0, 1, None, "0"]),
        "logprobs": st.sampled_from([None, {}, {"content": [{"token": "Hi", "logprob": -1}]}]),
        "error": SMALL,
        "usage": SMALL,
        "native_finish_reason": SMALL,
    },
)
BODIES = st.fixed_dictionaries(
    {"choices": st.lists(CHOICES, min_size=1, max_size=2)},
    optional={
        "id": st.sampled_from(["chatcmpl-1", "gen", None, 4]),
        "created": st.sampled_from([0, 7, None, "9", True]),
        "usage": st.sampled_from([None, {}, {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 9}]),
        "error": SMALL,
        "x_groq": SMALL,
        "provider": SMALL,
    },
)


@settings(max_examples=400, deadline=None)
@given(
    body=BODIES,
    quirks=st.sampled_from([QUIRKS, Quirks(raw_think=True), Quirks(max_stop=0)]),
    more=st.sampled_from([{}, {"stop": ["STOP"]}]),
)
def test_the_usual_answer_read_in_one_step_is_what_the_two_steps_give(
    body: dict[str, Any], quirks: Quirks, more: dict[str, Any]
) -> None:
    data = orjson.dumps(body)
    usual = chat.CLIENT.relay_usual
    assert usual is not None
    found = usual(data, request(**more), STAMP, quirks)
    if found is not None:
        two_steps = replace(chat.CLIENT, relay_usual=None)
        expected = convert_body(two_steps, chat.UPSTREAM, request(**more), STAMP, quirks, data)
        assert expected.failure is None
        assert orjson.loads(found[0]) == orjson.loads(expected.data)
        assert found[1] == expected.response


def test_the_usual_answer_is_read_in_one_step() -> None:
    usual = chat.CLIENT.relay_usual
    assert usual is not None
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": "Hi", "refusal": None},
        "logprobs": None,
        "finish_reason": "stop",
    }
    body = orjson.dumps({"id": "chatcmpl-1", "object": "chat.completion", "created": 5, "choices": [choice]})
    found = usual(body, request(), STAMP, QUIRKS)
    assert found is not None
    assert found[1].text() == "Hi"
