"""What is masked, what stays, and that it takes no longer for an evil text."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freetheai.log import mask_keys, redact

KEY = "fta_0123456789abcdefghijklmnopqrstuvwxyzABCD"
HEX = "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        pytest.param(f"key {KEY} is unknown", "key *** is unknown", id="a member's key"),
        pytest.param("Authorization: Bearer abcDEF123456", "Authorization: Bearer ***", id="a header"),
        pytest.param("authorization='Basic dXNlcjpwYXNz'", "authorization='Basic ***'", id="a header, quoted"),
        pytest.param('{"x-api-key": "opaque-words-only"}', '{"x-api-key": "***"}', id="a header in JSON"),
        pytest.param("bearer 0a1b2c3d4e", "bearer ***", id="a scheme alone"),
        pytest.param("api_key=abcdefgh&x=1", "api_key=***&x=1", id="a query"),
        pytest.param("OPENAI_API_KEY=abcdefgh", "OPENAI_API_KEY=***", id="a variable"),
        pytest.param("password: hunter22", "password: ***", id="a password"),
        pytest.param("Incorrect key: sk-proj-Ab1_cdEFgh-9", "Incorrect key: ***", id="OpenAI's"),
        pytest.param("sk-ant-api03-aBcDeF99", "***", id="Anthropic's"),
        pytest.param("xai-aBcDeF0123456789", "***", id="xAI's"),
        pytest.param("AIzaSyA-1234567890abcdefghij", "***", id="Google's"),
        pytest.param("gsk_abcdEFGH1234", "***", id="Groq's"),
        pytest.param(f"{HEX[:32]}.aBcDeFgHiJkLmNoP", "***.aBcDeFgHiJkLmNoP", id="Zhipu's first half"),
        pytest.param("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.sig-nature_1", "***", id="a JSON web token"),
        pytest.param("123e4567-e89b-12d3-a456-426614174000", "***", id="a UUID, as some use for keys"),
        pytest.param(f"digest {HEX}", "digest ***", id="a long hexadecimal run"),
        pytest.param("token aB3dE5gH7jK9mN1pQ3sT5v", "token ***", id="a mixed run"),
        pytest.param("aGVsbG8gd29ybGQgaGVsbG8gd29ybGQgaGVsbG8gd29ybGQ=", "***", id="base64"),
        pytest.param("redis://:p@ss@db:1/0", "redis://***@db:1/0", id="an at sign in a password"),
        pytest.param("mongodb://user:p4ss@db/x", "mongodb://***@db/x", id="a password in a URL"),
    ],
)
def test_keys_are_masked(text, masked):
    assert mask_keys(text) == masked
    assert KEY not in redact(text)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("request req_0123456789abcdef01234567 failed", id="our request id"),
        pytest.param("Error id: opc-0123456789ab", id="our error id"),
        pytest.param("fta_Ab12Cd", id="a key's display prefix"),
        pytest.param("prompt is too long: 200001 tokens > 200000 maximum", id="numbers of tokens"),
        pytest.param("max_tokens: 64000, input_tokens: 12", id="fields with token in their names"),
        pytest.param("claude-sonnet-4-5-20250929 and zai-org/GLM-4.7-FP8", id="names of models"),
        pytest.param('File "/usr/lib/python3.11/site-packages/tornado/http1connection.py", line 12', id="a trace"),
        pytest.param("test_a_name_that_is_long_and_has_a_number_in_2_places", id="names in code"),
        pytest.param("messages.0.content: Input should be a valid list", id="a field's path"),
        pytest.param("Rate limit reached, retry after 12:30:45 (2026-11-22T23:00:00Z)", id="times"),
        pytest.param("你好, das Modell ist überlastet", id="words of any language"),
        pytest.param("", id="nothing"),
    ],
)
def test_what_helps_to_understand_stays(text):
    assert mask_keys(text) == text
    assert redact(text) == text


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        pytest.param("see https://platform.provider.com/docs?x=1.", "see https://***", id="a URL"),
        pytest.param("<a href='http://10.0.0.1:80/'>x</a>", "<a href='http://***'>x</a>", id="a URL in HTML"),
        pytest.param("Could not resolve host: api.provider.ai", "Could not resolve host: ***", id="a host"),
        pytest.param("connect to backend.svc:8443 failed", "connect to *** failed", id="a host and port"),
        pytest.param("localhost:8000 refused", "*** refused", id="this machine"),
        pytest.param("from 203.0.113.9:443 closed", "from *** closed", id="an address"),
        pytest.param("from [2001:db8::1]:443 closed", "from *** closed", id="an IPv6 address in brackets"),
        pytest.param("from 2001:db8:0:1::7 closed", "from *** closed", id="an IPv6 address"),
        pytest.param("contact ops@provider.example please", "contact *** please", id="a mail address"),
    ],
)
def test_of_a_providers_words_places_are_masked_too(text, redacted):
    assert redact(text) == redacted


def test_an_excerpt_has_at_most_4_kb_and_no_half_key():
    for length in range(5060, 5130):
        text = "x " * (length // 2) + KEY + HEX + " end"
        redacted = redact(text)
        assert len(redacted.encode()) <= 4096
        assert KEY[4:14] not in redacted


@pytest.mark.parametrize("kept", range(1, 24))
def test_a_key_that_the_cut_halves_is_not_shown(kept):
    """Masking shortens a text, so that its cut end comes into view; half a key is too short to look like one."""
    full_keys = f"{HEX} " * ((5120 - kept) // (len(HEX) + 1))
    text = full_keys.ljust(5120 - kept) + HEX
    assert set(redact(text)) == {"*", " "}


@settings(deadline=None)
@given(
    st.text(max_size=200),
    st.sampled_from([KEY, f"Bearer {HEX}", "sk-abcDEF123456", "eyJhbGciOiJIUzI1NiJ9.e30.c2ln"]),
    st.text(),
)
def test_a_key_is_masked_wherever_it_stands(before, key, after):
    assert key.split()[-1] not in redact(f"{before} {key} {after}")


@settings(deadline=None)
@given(st.text())
def test_redacting_twice_changes_nothing_more(text):
    assert redact(redact(text)) == redact(text)


@pytest.mark.parametrize(
    "piece",
    [
        "a-",
        "a_",
        "bearer ",
        "token=",
        "a",
        "A1",
        "://",
        "a.b.",
        "1.",
        "f:",
        "[f:",
        "x@",
        "a1-B_",
        "key-",
        "eyJ",
        "sk-",
        "a://",
    ],
)
def test_the_time_grows_no_faster_than_the_text(piece):
    """Sixteen times the text in well under 16² the time: nothing in it is quadratic."""

    def took_s(length: int) -> float:
        text = (piece * length)[:length]
        return min(timed_s(text) for _ in range(5))

    def timed_s(text: str) -> float:
        started = time.perf_counter()
        mask_keys(text)
        return time.perf_counter() - started

    assert took_s(64_000) < 100 * took_s(4_000) + 0.005
