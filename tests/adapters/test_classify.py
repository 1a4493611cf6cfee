"""The judgement as a whole: transport, statuses, what a client reads, and that nothing breaks or leaks."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters import rules
from adapters.anthropic.codes import CODES as ANTHROPIC
from adapters.base import NO_CODES, CodeRule, CodeTable, PatternRule
from adapters.classify import classify, context_sizes
from adapters.gemini.codes import CODES as GEMINI
from adapters.llamacpp.codes import CODES as LLAMACPP
from adapters.mimo.codes import CODES as MIMO
from adapters.openai.codes import CODES as OPENAI
from adapters.opencode.codes import CODES as OPENCODE
from adapters.openrouter.codes import CODES as OPENROUTER
from adapters.xai.codes import CODES as XAI
from adapters.zai.codes import CODES as ZAI
from freetheai import errors
from freetheai.wire.events import UpstreamFailure

NOW_S = 1_795_000_000.0
TABLES = [NO_CODES, OPENAI, ANTHROPIC, GEMINI, OPENCODE, ZAI, XAI, MIMO, OPENROUTER, LLAMACPP]


def answer(status, message="", **fields):
    return UpstreamFailure(
        kind="answer", phase=fields.pop("phase", "headers"), status=status, message=message, **fields
    )


@pytest.mark.parametrize(
    ("kind", "row", "scope", "elsewhere"),
    [
        ("refused", errors.PROVIDER_UNAVAILABLE, "provider", True),
        ("timeout", errors.PROVIDER_TIMEOUT, "model", True),
        ("reset", errors.PROVIDER_ERROR, "model", True),
        ("cut", errors.PROVIDER_ERROR, "model", True),
        ("malformed", errors.PROVIDER_ERROR, "model", True),
        ("empty", errors.PROVIDER_ERROR, "model", True),
        ("too_large", errors.PROVIDER_ERROR, "request", True),
        ("internal", errors.SERVER_ERROR, "request", False),
    ],
)
@pytest.mark.parametrize("status", [0, 200])
def test_transport_kind_decides_without_a_bad_status(kind, row, scope, elsewhere, status):
    # The message would be group C: it must not be looked at.
    failure = UpstreamFailure(kind=kind, phase="stream", status=status, message="prompt is too long")
    verdict = classify(failure, OPENAI, NOW_S)
    assert (verdict.row, verdict.scope, verdict.retry_elsewhere) == (row, scope, elsewhere)
    assert verdict.retry_after_s is None
    assert verdict.text == ""


@pytest.mark.parametrize("kind", ["cut", "reset", "malformed", "too_large", "timeout"])
def test_status_counts_though_its_body_broke_off(kind):
    failure = UpstreamFailure(kind=kind, phase="body", status=429, headers={"retry-after": "9"})
    verdict = classify(failure, NO_CODES, NOW_S)
    assert (verdict.row, verdict.retry_after_s) == (errors.RATE_LIMIT, 9)


def test_fault_of_our_codec_is_ours_whatever_the_status():
    failure = UpstreamFailure(kind="internal", phase="body", status=429)
    verdict = classify(failure, NO_CODES, NOW_S)
    assert (verdict.row, verdict.retry_elsewhere, verdict.needs_staff) == (errors.SERVER_ERROR, False, True)


STATUSES = {
    rules.REJECTED: (400, 405, 406, 415, 422, 424, 435),
    rules.ACCOUNT: (401, 402, 403, 407, 434, 451),
    rules.MODEL_GONE: (404, 410),
    rules.TIMED_OUT: (408, 504, 524),
    rules.RATE_OF_MODEL: (409, 425),
    rules.CONTEXT: (413,),
    rules.RATE: (429,),
    rules.UNLUCKY: (411, 414, 417, 431, 494, 499),
    rules.OVERLOADED: (498, 502, 503, 529),
    rules.BROKEN: (421, 500, 501, *range(505, 512), 520, 521, 522, 523, 525, 526, 527, 530, 599, 700),
    rules.MOVED: (300, 301, 302, 307, 308),
}


@pytest.mark.parametrize(
    ("status", "rule"),
    [pytest.param(status, rule, id=str(status)) for rule, statuses in STATUSES.items() for status in statuses],
)
def test_bare_status(status, rule: CodeRule):
    verdict = classify(answer(status), NO_CODES, NOW_S)
    assert (verdict.row, verdict.scope) == (rule.row, rule.scope)
    assert (verdict.retry_elsewhere, verdict.needs_staff) == (rule.retry_elsewhere, rule.needs_staff)
    assert verdict.retry_after_s == rule.default_retry_after_s


@pytest.mark.parametrize("message", ["", "authentication failed", "insufficient balance", "permission denied"])
def test_a_client_never_gets_our_401_402_403(message):
    rows = {classify(answer(status, message), NO_CODES, NOW_S).row.status for status in range(700)}
    assert not rows & {401, 402, 403}


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("status", [401, 402, 403])
def test_our_account_rests_for_an_hour_at_least(table, status):
    verdict = classify(answer(status, headers={"retry-after": "5"}), table, NOW_S)
    assert verdict.row is errors.PROVIDER_UNAVAILABLE
    if verdict.needs_staff:
        assert verdict.retry_after_s == 3600
    else:
        # Zen's 402 is the balance of a provider behind it.
        assert (table, status, verdict.scope) == (OPENCODE, 402, "model")
    longer = classify(answer(status, headers={"retry-after": "7200"}), table, NOW_S)
    assert longer.retry_after_s == 7200


@pytest.mark.parametrize(
    ("failure", "row"),
    [
        pytest.param(answer(200), errors.PROVIDER_ERROR, id="nothing said is 500"),
        pytest.param(answer(0, phase="stream"), errors.PROVIDER_ERROR, id="stream without a status"),
        pytest.param(answer(200, code="429"), errors.RATE_LIMIT, id="code names a status"),
        pytest.param(answer(200, code="1429"), errors.PROVIDER_ERROR, id="code is no status"),
        pytest.param(answer(200, code="²²²"), errors.PROVIDER_ERROR, id="code of odd digits"),
        pytest.param(answer(200, details={"status_code": 503}), errors.PROVIDER_UNAVAILABLE, id="status_code beside"),
        pytest.param(answer(200, details={"status": 400}), errors.PAYLOAD_REJECTED, id="status beside"),
        pytest.param(answer(200, "prompt is too long"), errors.CONTEXT_LENGTH_EXCEEDED, id="context"),
        pytest.param(answer(200, "Overloaded", phase="stream"), errors.PROVIDER_UNAVAILABLE, id="overloaded"),
        pytest.param(answer(200, "flagged by moderation"), errors.CONTENT_POLICY_VIOLATION, id="policy"),
        pytest.param(answer(200, "request timed out"), errors.PROVIDER_TIMEOUT, id="timed out"),
    ],
)
def test_error_inside_a_good_answer(failure, row):
    assert classify(failure, NO_CODES, NOW_S).row is row


def test_order_of_a_familys_own_rules():
    rule = {
        name: CodeRule(row=errors.PROVIDER_ERROR, scope="model", default_retry_after_s=n)
        for n, name in enumerate("spct", 1)
    }
    table = CodeTable(
        codes={"x": rule["c"]},
        types={"y": rule["t"]},
        patterns=(PatternRule(pattern=re.compile("z"), rule=rule["p"], statuses=frozenset({400})),),
        special=lambda failure: rule["s"] if failure.param == "w" else None,
    )

    def which(**fields):
        return classify(answer(400, **fields), table, NOW_S).retry_after_s

    assert which(code="x", type="y", message="z", param="w") == 1
    assert which(code="x", type="y", message="z") == 3
    assert which(type="y", message="z") == 4
    assert which(message="z") == 2
    assert which(message="prompt is too long z") == 2
    assert classify(answer(500, "z"), table, NOW_S).retry_after_s is None


@pytest.mark.parametrize(
    ("message", "sizes"),
    [
        pytest.param(
            "This model's maximum prompt length is 131072 but the request contains 179111 tokens.",
            (179111, 131072),
            id="xai",
        ),
        pytest.param("prompt is too long: 213462 tokens > 200000 maximum", (213462, 200000), id="anthropic"),
        pytest.param(
            "This model's maximum context length is 65536 tokens. However, you requested 70214 tokens"
            " (62022 in the messages, 8192 in the completion).",
            (70214, 65536),
            id="four numbers",
        ),
        pytest.param(
            "Prompt contains 40046 tokens and 0 draft tokens, too large for model with 32768 maximum context length",
            (40046, 32768),
            id="mistral",
        ),
        pytest.param(
            "The input token count (1196265) exceeds the maximum number of tokens allowed (1048575).",
            (1196265, 1048575),
            id="gemini",
        ),
        pytest.param(
            "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000", (210000, 200000), id="a sum"
        ),
        pytest.param("prompt is too long: 1,213,462 tokens > 1,000,000 maximum", (1213462, 1000000), id="commas"),
        pytest.param(
            "400 Your request exceeded model token limit: 262144 (requested: 300000)",
            (300000, 262144),
            id="status in front",
        ),
        pytest.param("[1261][Prompt exceeds max length 131072][20261122aa]", None, id="bracketed code"),
        pytest.param("Range of input length should be [1, 129024]", None, id="one number"),
        pytest.param("prompt too long; exceeded max context length by 4 tokens", None, id="none"),
        pytest.param("too long: gpt-4-1106 takes 8192, you sent 9000", (9000, 8192), id="digits of a name"),
        pytest.param(
            "max_tokens is too large: 8000. The maximum context length is 8192 tokens"
            " and your request has 1000 input tokens",
            None,
            id="not over",
        ),
        pytest.param("too long: 100 200 300", None, id="three numbers"),
        pytest.param("too long: 9000 at 2026-11-22", None, id="a date"),
        pytest.param("too long: 123456789012345678901234567890 9000", None, id="a huge number"),
    ],
)
def test_sizes_of_a_context_error(message, sizes):
    assert context_sizes(answer(400, message)) == sizes
    verdict = classify(answer(413, message), NO_CODES, NOW_S)
    assert verdict.row is errors.CONTEXT_LENGTH_EXCEEDED
    assert verdict.text == (f"prompt is too long: {sizes[0]} tokens > {sizes[1]} maximum" if sizes else "")


def test_sizes_may_come_in_fields():
    failure = answer(400, "too large", type="exceed_context_size_error", details={"n_prompt_tokens": 600, "n_ctx": 512})
    assert classify(failure, LLAMACPP, NOW_S).text == "prompt is too long: 600 tokens > 512 maximum"
    assert context_sizes(answer(400, details={"n_prompt_tokens": True, "n_ctx": "512"})) is None


@pytest.mark.parametrize(
    ("param", "text"),
    [
        pytest.param("", "", id="none"),
        pytest.param("temperature", "provider rejected the request payload (parameter: temperature)", id="name"),
        pytest.param(
            "messages[0].content", "provider rejected the request payload (parameter: messages[0].content)", id="path"
        ),
        pytest.param("The thing is wrong", "", id="a sentence"),
        pytest.param("sk-abc", "", id="a dash"),
        pytest.param("a" * 65, "", id="too long"),
        pytest.param("name\n", "", id="a line end"),
        pytest.param("имя", "", id="another script"),
    ],
)
def test_rejected_payload_names_a_plain_parameter_only(param, text):
    verdict = classify(answer(400, "secret sentence", param=param), NO_CODES, NOW_S)
    assert (verdict.row, verdict.text) == (errors.PAYLOAD_REJECTED, text)


def test_waits():
    assert classify(answer(429), NO_CODES, NOW_S).retry_after_s is None
    assert classify(answer(429, "try again in 3s"), NO_CODES, NOW_S).retry_after_s == 3
    assert classify(answer(503, headers={"retry-after": "8"}), NO_CODES, NOW_S).retry_after_s == 8
    # A request's own fault has no end to wait for.
    assert classify(answer(400, headers={"retry-after": "8"}), NO_CODES, NOW_S).retry_after_s is None
    assert classify(answer(429, "usage limit reached"), NO_CODES, NOW_S).retry_after_s == 300


_word = st.sampled_from(
    [
        "prompt is too long",
        "overloaded",
        "rate limit",
        "1308",
        "401",
        "error",
        "'quoted'",
        "sk-secret",
        "model",
        "5 hour",
    ]
)
_text = st.text(max_size=80) | st.lists(_word | st.text(max_size=8), max_size=6).map(" ".join)
_json = st.recursive(
    st.none() | st.booleans() | st.integers() | _text,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "metadata",
                    "details",
                    "status",
                    "error_type",
                    "reason",
                    "violations",
                    "headers",
                    "retryDelay",
                    "limitName",
                    "limit_source",
                    "reasons",
                    "quotaId",
                    "error_code",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)
_failures = st.builds(
    UpstreamFailure,
    kind=st.sampled_from(
        ["answer", "refused", "timeout", "reset", "cut", "malformed", "empty", "too_large", "internal"]
    ),
    phase=st.sampled_from(["connect", "headers", "body", "stream"]),
    status=st.integers(-1, 700),
    code=_text | st.sampled_from(sorted({code for table in TABLES for code in table.codes})),
    type=_text | st.sampled_from(sorted({name for table in TABLES for name in table.types})),
    message=_text,
    param=_text,
    details=st.dictionaries(st.sampled_from(["metadata", "details", "status", "status_code"]), _json, max_size=4),
    headers=st.dictionaries(st.sampled_from(["retry-after", "x-ratelimit-remaining", "x-ratelimit-reset"]), _text),
)
_OUR_WORDS = re.compile(
    r"|prompt is too long: \d+ tokens > \d+ maximum"
    r"|provider rejected the request payload \(parameter: [A-Za-z0-9_.\[\]]{1,64}\)"
)


@given(failure=_failures, table=st.sampled_from(TABLES))
def test_any_failure_gives_a_row_and_none_of_the_providers_words(failure, table):
    verdict = classify(failure, table, NOW_S)
    assert verdict.row in errors.ROWS.values()
    assert verdict.row.status >= 400
    assert verdict.row.status not in {401, 402, 403, 404, 499}
    assert _OUR_WORDS.fullmatch(verdict.text)
    assert verdict.retry_after_s is None or 1 <= verdict.retry_after_s <= 604800
    if verdict.row in {errors.CONTEXT_LENGTH_EXCEEDED, errors.CONTENT_POLICY_VIOLATION, errors.PAYLOAD_REJECTED}:
        assert (verdict.scope, verdict.retry_elsewhere, verdict.retry_after_s) == ("request", False, None)


def _seconds(failure, table):
    start = time.perf_counter()
    classify(failure, table, NOW_S)
    return time.perf_counter() - start


@pytest.mark.parametrize(
    "piece",
    [
        pytest.param("model ", id="many models"),
        pytest.param("exceed ", id="many exceeds"),
        pytest.param("input length ", id="many lengths"),
        pytest.param("invalid account worker region ", id="many beginnings"),
        pytest.param("'", id="quotes"),
        pytest.param("'a\"`", id="quotes of all kinds"),
        pytest.param("1", id="one number"),
        pytest.param("1,", id="commas"),
        pytest.param("100 + ", id="sums"),
        pytest.param("try again in 1m", id="durations"),
        pytest.param("1m", id="one duration"),
        pytest.param("maximum context length is 100 has ", id="limits"),
        pytest.param(" \n\t", id="spaces"),
        pytest.param("https://", id="links"),
        pytest.param("İ", id="grows when lowered"),
        pytest.param("请求", id="chinese"),
    ],
)
@pytest.mark.parametrize("status", [400, 429])
def test_time_does_not_explode_with_the_message(piece, status):
    message = (piece * 4096)[:4096]
    for table in TABLES:
        # A backtracking expression would need minutes, the worst of ours some hundredths of a second.
        assert _seconds(answer(status, message, headers={"retry-after": message}), table) < 2


def test_a_longer_message_costs_no_more_than_a_bounded_one():
    bounded = answer(400, "model exceed 'a 100 + " * 200)
    long = answer(400, "model exceed 'a 100 + " * 20_000)
    assert min(_seconds(long, ZAI) for _ in range(5)) < 20 * min(_seconds(bounded, ZAI) for _ in range(5))
