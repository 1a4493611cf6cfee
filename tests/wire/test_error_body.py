"""Error bodies of every shape, and what is found in them."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from freetheai.wire.error_body import ErrorFields, failure_from, is_error_body, read_error


@pytest.mark.parametrize(
    ("body", "code", "kind", "message"),
    [
        pytest.param(
            {"error": {"message": "m", "type": "t", "code": 1308, "param": "p"}}, "1308", "t", "m", id="OpenAI"
        ),
        pytest.param({"code": "c", "error": "m"}, "c", "", "m", id="xAI: error is a string"),
        pytest.param({"error": "m"}, "", "", "m", id="only a string"),
        pytest.param([{"error": {"code": 429, "message": "m", "status": "S"}}], "429", "", "m", id="Gemini: a list"),
        pytest.param({"errors": [{"code": 5007, "message": "m"}]}, "5007", "", "m", id="Cloudflare"),
        pytest.param({"detail": "m"}, "", "", "m", id="FastAPI: a sentence"),
        pytest.param(
            {"detail": [{"loc": ["body", "stop"], "msg": "m", "type": "x"}]},
            "",
            "",
            "body.stop: m",
            id="FastAPI: a list",
        ),
        pytest.param({"object": "error", "message": "m", "type": "t", "code": 400}, "400", "t", "m", id="vLLM: flat"),
        pytest.param({"status": 429, "title": "Too Many"}, "429", "", "Too Many", id="NIM: a problem document"),
        pytest.param({"base_resp": {"status_code": 1002, "status_msg": "m"}}, "1002", "", "m", id="MiniMax"),
        pytest.param({"success": False, "code": 401, "msg": "m"}, "401", "", "m", id="Z.ai platform"),
        pytest.param(
            {"error": {"message": '{"error":{"message":"m","code":"c"}}', "type": "t"}},
            "c",
            "t",
            "m",
            id="JSON in text",
        ),
        pytest.param(
            {"type": "error", "error": {"type": "T", "message": "Error from provider (X): m"}}, "", "T", "m", id="Zen"
        ),
        pytest.param({"error": {"message": {"message": "m"}}}, "", "", "m", id="an object for a message"),
        pytest.param({"error": {"code": True, "message": None}}, "", "", "", id="values of no use"),
    ],
)
def test_fields_of_a_body(body, code, kind, message):
    found = read_error(orjson.dumps(body))
    assert (found.code, found.type, found.message) == (code, kind, message)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        pytest.param(b'data:{"error":{"message":"m"}}', "m", id="MiMo: data: before JSON"),
        pytest.param(b': wait\n\ndata: {"error":{"message":"m"}}\n\n', "m", id="a stream"),
        pytest.param(b'error: {"message":"m"}', "m", id="old llama.cpp"),
        pytest.param(b"<html><title>Just a\n moment</title>", "Just a moment", id="HTML: its title"),
        pytest.param(
            b"<title>Attention</title>Sorry, you have been blocked",
            "Attention Sorry, you have been blocked",
            id="firewall",
        ),
        pytest.param(b"upstream connect error", "upstream connect error", id="plain text"),
        pytest.param(b'\xef\xbb\xbf\n {"message":"m"}', "m", id="a byte order mark"),
        pytest.param(b"\xff\xfe", "\ufffd\ufffd", id="no UTF-8"),
        pytest.param(b"", "", id="empty"),
    ],
)
def test_bodies_that_are_not_plain_json(body, message):
    assert read_error(body).message == message


def test_details_keep_what_rules_may_need():
    body = {"error": {"message": "m", "metadata": {"raw": "r"}, "details": [1]}, "request_id": "q", "other": 1}
    assert read_error(orjson.dumps(body)).details == {"metadata": {"raw": "r"}, "details": [1], "request_id": "q"}


def test_a_message_is_bounded_and_nested_text_is_opened_three_times_at_most():
    assert len(read_error(orjson.dumps({"message": "x" * 100_000})).message) <= 4096
    text = "m"
    for _ in range(6):
        text = orjson.dumps({"message": text}).decode()
    assert read_error(text.encode()).message.startswith("{")


@pytest.mark.parametrize(
    ("body", "is_error"),
    [
        ({"error": {"message": "m"}}, True),
        ({"error": None, "choices": []}, False),
        ({"base_resp": {"status_code": 0}}, False),
        ({"base_resp": {"status_code": 1}}, True),
        ({"success": False}, True),
        ({"object": "error"}, True),
        ({"object": "chat.completion"}, False),
    ],
)
def test_errors_with_a_good_status(body, is_error):
    assert is_error_body(body) is is_error


def test_the_failure_carries_the_fields():
    fields = ErrorFields(code="c", type="t", message="m", param="p", details={"a": 1})
    failure = failure_from(fields, phase="headers", status=400, headers={"retry-after": "3"})
    assert (failure.kind, failure.phase, failure.status, failure.code) == ("answer", "headers", 400, "c")
    assert (failure.message, failure.param, failure.details, failure.headers) == (
        "m",
        "p",
        {"a": 1},
        {"retry-after": "3"},
    )


_json = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-9, 9), st.text(max_size=8)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(
                ["error", "errors", "message", "code", "detail", "base_resp", "status", "title", "metadata"]
            ),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=8,
)


@given(st.one_of(st.binary(max_size=80), _json.map(orjson.dumps)))
def test_any_body_gives_fields(body):
    found = read_error(body)
    assert all(isinstance(text, str) for text in (found.code, found.type, found.message, found.param))
