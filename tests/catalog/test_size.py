"""A prompt is refused for its size only when it can't fit, and never for lack of an estimate."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from freetheai import errors
from freetheai.catalog import size
from freetheai.catalog.model import model_of
from freetheai.catalog.size import check_size, prompt_bound
from freetheai.errors import ApiError
from freetheai.wire import chat, messages, responses
from freetheai.wire.tokens import estimate_request

WORD = "lighthouse "  # 2.45 estimated tokens
CLIENTS = {"chat": chat.CLIENT, "messages": messages.CLIENT, "responses": responses.CLIENT}


def model(**fields):
    return model_of({"id": "a/b", **fields}, "seems_legit")


def body_of(text, client="chat", **fields):
    prompt = {"input": text} if client == "responses" else {"messages": [{"role": "user", "content": text}]}
    extra = {"max_tokens": 5} if client == "messages" else {}
    return orjson.dumps({"model": "a/b", **prompt, **extra, **fields})


def check(body, to, client="chat"):
    check_size(CLIENTS[client].parse(body), to, len(body))


@pytest.mark.parametrize("client", CLIENTS)
def test_what_clearly_exceeds_the_bound_is_refused_with_numbers(client):
    with pytest.raises(ApiError) as refused:
        check(body_of(WORD * 1000, client), model(context_window=1000), client)
    assert refused.value.spec is errors.CONTEXT_LENGTH_EXCEEDED
    words = refused.value.message.split()
    assert refused.value.message.startswith("prompt is too long: ")
    assert (words[5:7], words[7:9]) == (["tokens", ">"], ["1000", "maximum."])
    assert int(words[4]) > 1300


def test_what_may_fit_after_all_is_the_providers_to_judge():
    body = body_of(WORD * 1000)
    tokens = estimate_request(chat.CLIENT.parse(body))
    check(body, model(context_window=int(tokens / size.DOUBT) + 1))
    with pytest.raises(ApiError):
        check(body, model(context_window=int(tokens / size.DOUBT) - 1))


@pytest.mark.parametrize(
    ("fields", "bound"),
    [
        pytest.param({}, None, id="nothing is known"),
        pytest.param({"context_window": 5}, 5, id="the window"),
        pytest.param({"max_input_tokens": 4}, 4, id="the input"),
        pytest.param({"context_window": 5, "max_input_tokens": 3}, 3, id="both, the smaller counts"),
        pytest.param({"context_window": 2, "max_input_tokens": 3}, 2, id="both, the window is the smaller"),
    ],
)
def test_the_bound_is_the_smaller_of_what_is_known(fields, bound):
    assert prompt_bound(model(**fields)) == bound


def test_without_a_bound_everything_passes():
    check(body_of(WORD * 10_000), model())


@pytest.mark.parametrize(
    "part",
    [
        pytest.param({"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 9000}}, id="image"),
        pytest.param({"type": "file", "file": {"file_data": "data:application/pdf;base64," + "A" * 9000}}, id="pdf"),
        pytest.param({"type": "input_audio", "input_audio": {"data": "A" * 9000, "format": "wav"}}, id="audio"),
    ],
)
def test_media_are_not_guessed(part):
    check(body_of([part] * 5), model(context_window=1000))


def test_text_is_counted_wherever_it_stands():
    long = WORD * 1000
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": orjson.dumps({"a": long}).decode()}}
    bodies = [
        body_of("x", tools=[{"type": "function", "function": {"name": "f", "description": long}}]),
        orjson.dumps(
            {"model": "a/b", "messages": [{"role": "system", "content": long}, {"role": "user", "content": ""}]}
        ),
        orjson.dumps(
            {
                "model": "a/b",
                "messages": [
                    {"role": "user", "content": "x"},
                    {"role": "assistant", "tool_calls": [call]},
                    {"role": "tool", "tool_call_id": "c", "content": "y"},
                ],
            }
        ),
        body_of([{"type": "tool_result", "tool_use_id": "c", "content": long}], "messages"),
    ]
    for body, client in zip(bodies, ("chat", "chat", "chat", "messages"), strict=True):
        with pytest.raises(ApiError):
            check(body, model(context_window=1000), client)


@given(st.text(alphabet=st.sampled_from('aA0!\n" é\u4e00ひ한\uff01\u0e01😀'), min_size=200, max_size=2000))
def test_what_is_skipped_unseen_would_have_passed(text):
    body = body_of(text)
    assert estimate_request(chat.CLIENT.parse(body)) * size._BYTES_PER_TOKEN <= len(body) + 10
