"""What a provider repeats of a request is masked; what it says itself stays."""

import orjson
import pytest

from freetheai.log.quotes import without_quotes

BODY = orjson.dumps(
    {"model": "fake/one", "messages": [{"role": "user", "content": "Where is the\nold lighthouse, “Ambrose”?"}], "n": 1}
)


@pytest.mark.parametrize(
    ("error", "kept"),
    [
        pytest.param("answer | headers | bad value", "answer | headers | bad value", id="nothing repeated"),
        pytest.param("bad: 'Where is the\nold lighthouse'", "bad: '***'", id="a quotation"),
        pytest.param(r'{"input":"is the\nold lighthouse"}', '{"input":"***"}', id="escaped"),
        pytest.param("is the new", "is the new", id="too few in a row"),
        pytest.param("WHERE IS THE OLD way", "*** way", id="other case"),
        pytest.param("the old lighthouse ambrose", "***", id="other punctuation"),
        pytest.param("messages[0].content: refused", "messages[0].content: refused", id="names of fields"),
        pytest.param("a lighthouse", "a lighthouse", id="single words"),
        pytest.param("a where is the b where is the c", "a *** b *** c", id="twice"),
        pytest.param("", "", id="nothing"),
    ],
)
def test_repeated_words_are_masked(error, kept):
    assert without_quotes(error, BODY) == kept


def test_a_text_of_two_words():
    body = orjson.dumps({"messages": [{"role": "user", "content": "Hello Ambrose"}]})
    assert without_quotes("refused: Hello Ambrose!", body) == "refused: ***!"


def test_a_body_that_is_no_json():
    body = b'--x\r\nContent-Disposition: form-data; name="prompt"\r\n\r\na lamp of brass\r\n--x--'
    assert without_quotes("cannot draw 'a lamp of brass'", body) == "cannot draw '***'"


def test_a_request_too_large_to_be_compared():
    body = orjson.dumps({"input": "word " * 100_000})
    said = without_quotes("answer | headers | code | the prompt begins with a b c", body)
    assert said.startswith("answer | headers | (")
    assert "prompt begins" not in said


def test_without_a_body():
    assert without_quotes("answer | reset", b"") == "answer | reset"
