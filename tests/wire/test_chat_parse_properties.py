"""Any JSON body sent to the chat route is read, or refused with a 400; what is read can be sent on."""

import orjson
from hypothesis import given
from hypothesis import strategies as st

from freetheai.errors import ApiError
from freetheai.wire import chat
from freetheai.wire.chat.parse import parse
from freetheai.wire.formats import Quirks, Target

TARGET = Target(model="up/model", max_output_tokens=100, supports_image_input=False)
QUIRKS = Quirks(json_schema=False, strict_alternation=True, replay_reasoning="always", reasoning_style="thinking")

_values = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(-3, 3), st.floats(-2, 2), st.sampled_from(["", "auto", "text", "x"])
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["type", "function", "name", "text", "image_url", "url", "file", "role", "content", "id"]),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=10,
)
_messages = st.lists(
    st.one_of(
        _values,
        st.fixed_dictionaries(
            {"role": st.sampled_from(["user", "assistant", "tool", "function", "system"])},
            optional={
                name: _values
                for name in (
                    "content",
                    "tool_calls",
                    "function_call",
                    "name",
                    "tool_call_id",
                    "reasoning",
                    "reasoning_details",
                )
            },
        ),
    ),
    min_size=1,
    max_size=4,
)
_bodies = st.fixed_dictionaries(
    {"model": st.just("a/b"), "messages": _messages},
    optional={
        name: _values
        for name in (
            *("stream", "stream_options", "tools", "tool_choice", "functions", "function_call", "response_format", "n"),
            *("reasoning", "thinking", "stop", "max_tokens", "extra_body", "chat_template_kwargs", "logprobs"),
        )
    },
)


@given(_bodies)
def test_any_body_is_sent_on_or_refused_with_a_400(body):
    try:
        request = parse(orjson.dumps(body))
    except ApiError as error:
        assert error.status == 400
        assert error.message
    else:
        assert request.model == "a/b"
        for write in (chat.UPSTREAM.build, chat.UPSTREAM.rewrite):
            for quirks in (Quirks(), QUIRKS):
                try:
                    assert orjson.loads(write(request, TARGET, quirks))["model"] == "up/model"
                except ApiError as error:
                    assert error.status == 400
