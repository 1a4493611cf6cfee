"""Where a wait is read from, and what it is rounded and bounded to."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.retry_after import (
    duration_s,
    retry_after,
    until_midnight,
    until_pacific_midnight,
    until_utc_midnight,
)
from freetheai.wire.events import UpstreamFailure

NOW = datetime(2026, 11, 22, 23, 0, 0, tzinfo=UTC)
NOW_S = NOW.timestamp()


def wait_s(message="", *, headers=None, details=None, param="", now_s=NOW_S):
    failure = UpstreamFailure(
        kind="answer",
        phase="headers",
        status=429,
        message=message,
        param=param,
        headers=headers or {},
        details=details or {},
    )
    return retry_after(failure, now_s)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        pytest.param({"retry-after-ms": "1500"}, 2, id="milliseconds, rounded up"),
        pytest.param({"retry-after-ms": "900", "retry-after": "7"}, 1, id="milliseconds come first"),
        pytest.param({"retry-after-ms": "soon", "retry-after": "7"}, 7, id="broken milliseconds are skipped"),
        pytest.param({"retry-after": "30"}, 30, id="seconds"),
        pytest.param({"retry-after": " 2.2 "}, 3, id="decimal seconds"),
        pytest.param({"retry-after": "0"}, 1, id="at least a second"),
        pytest.param({"retry-after": "99999999"}, 604800, id="at most seven days"),
        pytest.param({"retry-after": "Sun, 22 Nov 2026 23:01:30 GMT"}, 90, id="http date"),
        pytest.param({"retry-after": "Sunday, 22-Nov-26 23:01:30 GMT"}, 90, id="old http date"),
        pytest.param({"retry-after": "Sun, 22 Nov 2026 22:00:00 GMT"}, 1, id="http date in the past"),
        pytest.param({"retry-after": "Sun, 99 Nov 2026 22:00:00 GMT"}, None, id="no such date"),
        pytest.param({"retry-after": "-5"}, None, id="negative"),
        pytest.param({"retry-after": "inf"}, None, id="infinite"),
        pytest.param({"retry-after": "nan"}, None, id="not a number"),
        pytest.param({"retry-after": "９"}, None, id="digits of another script"),
        pytest.param({"retry-after": str(int(NOW_S) + 12)}, 12, id="epoch seconds"),
        pytest.param({}, None, id="nothing"),
    ],
)
def test_retry_after_headers(headers, expected):
    assert wait_s(headers=headers) == expected


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        pytest.param("Please try again in 11.455s.", 12, id="groq seconds"),
        pytest.param("Please try again in 2m59.56s. Need more?", 180, id="groq compound"),
        pytest.param("Please try again in 6m0s.", 360, id="openai compound"),
        pytest.param("Please try again in 1.984999999s.", 2, id="openai many decimals"),
        pytest.param("Please try again in 120ms.", 1, id="openai milliseconds"),
        pytest.param("Please retry after 6 seconds.", 6, id="azure words"),
        pytest.param("please retry in 27.605411s", 28, id="gemini"),
        pytest.param("Try again in 3 hours", 10800, id="hours"),
        pytest.param("Try again in 1 hour and 30 minutes", 5400, id="words joined"),
        pytest.param("try again in 1h30m", 5400, id="hours and minutes"),
        pytest.param("Resets in 2 days", 172800, id="days"),
        pytest.param("Try again later. Retry in 5 s", 5, id="a phrase without a number first"),
        pytest.param("try again in 30", None, id="no unit"),
        pytest.param("retry 3 more times", None, id="a count is no wait"),
        pytest.param("try again in 5 sheep", None, id="no such unit"),
        pytest.param("It took 30 seconds", None, id="a duration that is no wait"),
    ],
)
def test_waits_in_words(message, expected):
    assert wait_s(message) == expected


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        pytest.param("Your limit will reset at 2026-11-23 08:00:00", 3600, id="no zone is UTC+8"),
        pytest.param("limit will reset at 2026-11-23T08:00:00.", 3600, id="with a T"),
        pytest.param("reset at 2026-11-23 00:00:00Z", 3600, id="Z"),
        pytest.param("reset at 2026-11-23 08:30:00+08:00", 5400, id="offset with colon"),
        pytest.param("reset at 2026-11-22 18:30:00-0500", 1800, id="offset without colon"),
        pytest.param("resets at 2026-11-23T00:00:00Z", 3600, id="minimax"),
        pytest.param("resets at 2026-11-23T00:00:00.500Z", 3600, id="fraction of a second"),
        pytest.param("已达到 5 小时的使用上限。您的限额将在 2026-11-23 08:00:00 重置。", 3600, id="chinese"),
        pytest.param("reset at 2026-11-23 06:58:00", 1, id="two minutes ago is over"),
        pytest.param("reset at 2026-11-23 01:00:00", 7200, id="past in UTC+8, so UTC"),
        pytest.param("reset at 2026-11-30 06:00:00", 601200, id="a week's window"),
        pytest.param("reset at 2026-11-20 01:00:00", None, id="past in both"),
        pytest.param("reset at 2027-11-23 01:00:00", None, id="a year ahead"),
        pytest.param("reset at 2026-13-41 25:00:00", None, id="no such date"),
        pytest.param("reset at 2026-11-23 08:00:00+99:99", 3600, id="a broken zone is none"),
    ],
)
def test_reset_dates(message, expected):
    assert wait_s(message) == expected


def test_the_reason_may_stand_in_param():
    assert wait_s("Too many", param="retry after 9 seconds") == 9


@pytest.mark.parametrize(
    ("details", "expected"),
    [
        pytest.param([{"@type": "RetryInfo", "retryDelay": "27s"}], 27, id="whole"),
        pytest.param([{"reason": "X"}, {"retryDelay": "1.5s"}], 2, id="second entry, decimal"),
        pytest.param([{"retryDelay": "soon"}], None, id="no duration"),
        pytest.param([{"retryDelay": 27}, None, "x"], None, id="other types"),
        pytest.param({"retryDelay": "4s"}, 4, id="one object"),
        pytest.param("27s", None, id="a text"),
    ],
)
def test_google_retry_delay(details, expected):
    assert wait_s(details={"details": details}) == expected


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        pytest.param(
            {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "6m0s"}, 360, id="openai duration"
        ),
        pytest.param(
            {"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "2m59.56s"}, 180, id="groq duration"
        ),
        pytest.param(
            {"x-ratelimit-remaining-tokens-minute": "0", "x-ratelimit-reset-tokens-minute": "11.382"},
            12,
            id="cerebras seconds",
        ),
        pytest.param(
            {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int((NOW_S + 40) * 1000))},
            40,
            id="openrouter epoch milliseconds",
        ),
        pytest.param({"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(NOW_S + 41))}, 41, id="epoch seconds"),
        pytest.param(
            {
                "anthropic-ratelimit-tokens-remaining": "0",
                "anthropic-ratelimit-tokens-reset": "2026-11-22T23:00:50Z",
                "anthropic-ratelimit-requests-remaining": "10",
                "anthropic-ratelimit-requests-reset": "2026-11-22T23:30:00Z",
            },
            50,
            id="anthropic, only the spent one",
        ),
        pytest.param(
            {
                "anthropic-ratelimit-unified-5h-status": "rejected",
                "anthropic-ratelimit-unified-5h-reset": str(int(NOW_S + 900)),
                "anthropic-ratelimit-unified-7d-status": "allowed",
                "anthropic-ratelimit-unified-7d-reset": str(int(NOW_S + 90000)),
            },
            900,
            id="anthropic plan window",
        ),
        pytest.param(
            {
                "x-ratelimit-remaining-requests": "0",
                "x-ratelimit-reset-requests": "10s",
                "x-ratelimit-remaining-tokens": "0",
                "x-ratelimit-reset-tokens": "1m",
            },
            60,
            id="the longest of two",
        ),
        pytest.param(
            {"x-ratelimit-remaining-requests": "1", "x-ratelimit-reset-requests": "6m0s"}, None, id="not spent"
        ),
        pytest.param({"x-ratelimit-reset-requests": "6m0s"}, None, id="remaining unknown"),
        pytest.param({"x-ratelimit-remaining-requests": "0"}, None, id="no reset"),
        pytest.param({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "later"}, None, id="no moment"),
    ],
)
def test_limit_headers_count_only_when_the_limit_is_spent(headers, expected):
    assert wait_s(headers=headers) == expected


def test_openrouter_repeats_limit_headers_in_its_metadata():
    inner = {"X-RateLimit-Limit": "50", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": int((NOW_S + 70) * 1000)}
    assert wait_s(details={"metadata": {"headers": inner}}) == 70


def test_sources_are_asked_in_order():
    sources = {
        "headers": {"retry-after": "1", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "5"},
        "details": {"details": [{"retryDelay": "2s"}]},
    }
    message = "reset at 2026-11-22 23:00:03Z, try again in 4s"
    assert wait_s(message, **sources) == 1
    del sources["headers"]["retry-after"]
    assert wait_s(message, **sources) == 2
    del sources["details"]
    assert wait_s(message, **sources) == 3
    assert wait_s("try again in 4s", **sources) == 4
    assert wait_s("", **sources) == 5


@pytest.mark.parametrize(
    ("text", "expected"),
    [("27s", 27), ("1.5s", 1.5), ("2h3m", 7380), ("1d", 86400), ("5 min", 300), ("", None), ("5", None), ("5sx", None)],
)
def test_durations(text, expected):
    assert duration_s(text) == expected


def test_midnights():
    assert until_utc_midnight(NOW_S) == 3600
    assert until_utc_midnight(NOW_S + 3600) == 86400
    # 7:00 of the next day in China.
    assert until_midnight(NOW_S, utc_offset_h=8) == 17 * 3600


@pytest.mark.parametrize(
    ("now", "hours"),
    [
        pytest.param(datetime(2026, 11, 22, 23, tzinfo=UTC), 9, id="winter"),
        pytest.param(datetime(2026, 7, 1, 23, tzinfo=UTC), 8, id="summer"),
        pytest.param(datetime(2026, 3, 8, 9, 59, 59, tzinfo=UTC), 22, id="a second before summer time"),
        pytest.param(datetime(2026, 3, 8, 10, tzinfo=UTC), 21, id="summer time begins"),
        pytest.param(datetime(2026, 11, 1, 8, 59, 59, tzinfo=UTC), 22, id="a second before winter time"),
        pytest.param(datetime(2026, 11, 1, 9, tzinfo=UTC), 23, id="winter time begins"),
    ],
)
def test_pacific_midnight(now, hours):
    assert until_pacific_midnight(now.timestamp()) == pytest.approx(hours * 3600, abs=3601 if now.second else 0)


@given(
    message=st.text(max_size=300) | st.from_regex(r"(try again in|reset at) [0-9 .:TZmhs+-]{0,30}", fullmatch=True),
    header=st.text(max_size=40) | st.from_regex(r"[0-9A-Za-z ,:.+-]{0,30}", fullmatch=True),
    now_s=st.floats(1e9, 4e9),
)
def test_any_text_gives_whole_seconds_in_bounds_or_nothing(message, header, now_s):
    headers = {"retry-after": header, "x-ratelimit-remaining": "0", "x-ratelimit-reset": header}
    wait = wait_s(message, headers=headers, details={"details": [{"retryDelay": header}]}, now_s=now_s)
    assert wait is None or (1 <= wait <= 604800 and wait == int(wait))
