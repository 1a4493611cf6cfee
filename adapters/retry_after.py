"""How long a provider asks us to wait: the one place that reads waits out of headers, error fields and words.

Strategy: the surest source first (``retry-after`` headers, then machine-readable fields, then dates and durations in
the message, then rate-limit headers of a limit that is spent); the first that parses is the answer.

Rules:
- every answer is whole seconds from 1 to 604800 (7 days), rounded up; None where nothing is named;
- a limit's reset header counts only when the matching ``remaining`` is 0: other limits have resets too;
- a bare number is epoch milliseconds above 1e12, epoch seconds above 1e9, else seconds;
- pure: the present is given as ``now_s`` (epoch seconds).
"""

import math
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from typing import Any, Final

from freetheai.wire.events import UpstreamFailure

MIN_WAIT_S: Final = 1.0
MAX_WAIT_S: Final = 7 * 86400.0

# A message is read this far (characters): a wait is named early or not at all.
MAX_TEXT: Final = 4096

_UNIT_S: Final = {"ms": 0.001, "milliseconds": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
_NUMBER = re.compile(r"\d{1,15}(?:\.\d{1,15})?", re.ASCII)
_PART = re.compile(
    r"\s*(\d{1,10}(?:\.\d{1,15})?)\s*"
    r"(ms|milliseconds?|s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?)(?![a-z])(?:\s*(?:,|and)(?=\s*\d))?",
    re.ASCII,
)
_WAIT_WORDS = re.compile(
    r"\b(?:try again|retry|wait|available again|resets?)"
    r"(?: (?:in|after|for|about|approximately|at least)){0,2} ?~?(?=\d)",
    re.ASCII,
)
_DATE = r"(\d{4}-\d\d-\d\d[ t]\d\d:\d\d:\d\d)"
_RESET_AT = re.compile(
    rf"\breset(?:s|ting)? (?:at|on) {_DATE}(?:\.\d{{1,9}})?"
    rf"(?: ?(z|utc|gmt|[+-](?:[01]\d|2[0-3]):?[0-5]\d))?|{_DATE}()\s*重置",
    re.ASCII,
)

# Times without a zone are China's, which has no summer time.
_CHINA = timezone(timedelta(hours=8))
_PAST_S: Final = 300
_AHEAD_S: Final = 8 * 86400


def retry_after(failure: UpstreamFailure, now_s: float) -> float | None:
    """The wait the provider names for ``failure``, in whole seconds, or None."""
    for read in (_from_headers, _from_details, reset_time, _from_words, _from_limit_headers):
        wait_s = read(failure, now_s)
        if wait_s is not None:
            return clamp(wait_s)
    return None


def clamp(wait_s: float) -> float:
    """Whole seconds, rounded up, from 1 second to 7 days."""
    return float(math.ceil(min(MAX_WAIT_S, max(MIN_WAIT_S, wait_s))))


def reset_time(failure: UpstreamFailure, now_s: float) -> float | None:
    """Seconds until the "reset at" date in the message, or None; not rounded.

    Z.ai names no zone and means UTC+8; what would then lie in the past or more than 8 days ahead is taken as UTC.
    MiniMax writes the zone.
    """
    found = _RESET_AT.search(_text(failure))
    if found is None:
        return None
    date, zone = found[1] or found[3], found[2]
    zones = (_zone(zone),) if zone else (_CHINA, UTC)
    for tz in zones:
        wait_s = _until(date, tz, now_s)
        if wait_s is not None and -_PAST_S < wait_s < _AHEAD_S:
            return wait_s
    return None


def until_utc_midnight(now_s: float) -> float:
    """Seconds until the next UTC day."""
    return until_midnight(now_s, utc_offset_h=0)


def until_midnight(now_s: float, *, utc_offset_h: int) -> float:
    """Seconds until the next day begins at a fixed offset from UTC."""
    return 86400 - (now_s + utc_offset_h * 3600) % 86400


def until_pacific_midnight(now_s: float) -> float:
    """Seconds until the next day of Los Angeles, where Google's daily quotas end.

    Summer time since 2007: second Sunday of March to first Sunday of November, changing at 2:00 local.
    """
    now = datetime.fromtimestamp(now_s, UTC)
    summer = _sunday(now.year, 3, 2) + timedelta(hours=10)
    winter = _sunday(now.year, 11, 1) + timedelta(hours=9)
    return until_midnight(now_s, utc_offset_h=-7 if summer <= now < winter else -8)


def duration_s(text: str) -> float | None:
    """Seconds of a duration like ``27s``, ``6m0s``, ``2m59.56s``, ``120ms`` or ``1 hour 5 minutes``; None if none."""
    total_s, end = _leading_duration(text.strip().lower(), 0)
    return total_s if total_s is not None and end == len(text.strip()) else None


def _from_headers(failure: UpstreamFailure, now_s: float) -> float | None:
    milliseconds = failure.headers.get("retry-after-ms", "").strip()
    if _NUMBER.fullmatch(milliseconds):
        return float(milliseconds) / 1000
    return _moment(failure.headers.get("retry-after", ""), now_s)


def _from_details(failure: UpstreamFailure, now_s: float) -> float | None:
    """Google's ``RetryInfo.retryDelay``."""
    del now_s
    for entry in detail_entries(failure):
        delay = entry.get("retryDelay")
        if isinstance(delay, str) and (wait_s := duration_s(delay)) is not None:
            return wait_s
    return None


def _from_words(failure: UpstreamFailure, now_s: float) -> float | None:
    del now_s
    text = _text(failure)
    for found in _WAIT_WORDS.finditer(text):
        wait_s, _ = _leading_duration(text, found.end())
        if wait_s is not None:
            return wait_s
    return None


def _from_limit_headers(failure: UpstreamFailure, now_s: float) -> float | None:
    """The longest wait of all limits that are spent: before that one ends nothing is served."""
    headers = {**_inner_headers(failure), **failure.headers}
    waits = (_moment(headers.get(name, ""), now_s) for name in _spent_resets(headers))
    return max((wait_s for wait_s in waits if wait_s is not None), default=None)


def _spent_resets(headers: Mapping[str, str]) -> Iterator[str]:
    """Names of the reset headers whose limit has nothing left."""
    for name, value in headers.items():
        if "ratelimit" not in name:
            continue
        if "remaining" in name and value.strip() in {"0", "0.0"}:
            yield name.replace("remaining", "reset")
        # Anthropic's plan windows: anthropic-ratelimit-unified-5h-status.
        if name.endswith("-status") and value.strip() == "rejected":
            yield name.removesuffix("status") + "reset"


def _inner_headers(failure: UpstreamFailure) -> dict[str, str]:
    """OpenRouter repeats the limit headers as ``metadata.headers``."""
    metadata = failure.details.get("metadata")
    headers = metadata.get("headers") if isinstance(metadata, dict) else None
    if not isinstance(headers, dict):
        return {}
    return {str(name).lower(): str(value) for name, value in headers.items()}


def detail_entries(failure: UpstreamFailure) -> list[dict[str, Any]]:
    """The objects of the error's ``details`` (Google: a list; Anthropic: one object)."""
    entries = failure.details.get("details")
    if isinstance(entries, dict):
        return [entries]
    return [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []


def _moment(value: str, now_s: float) -> float | None:
    """Seconds from now of a header value: number, duration, RFC 3339 or HTTP date."""
    value = value.strip()
    if _NUMBER.fullmatch(value):
        number = float(value)
        if number > 1e12:
            return number / 1000 - now_s
        return number - now_s if number > 1e9 else number
    wait_s = duration_s(value)
    return wait_s if wait_s is not None else _until(value, UTC, now_s)


def _until(date: str, tz: timezone, now_s: float) -> float | None:
    """Seconds until an ISO or HTTP date, ``tz`` where it names no zone."""
    for parse in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            at = parse(date)
            return (at if at.tzinfo else at.replace(tzinfo=tz)).timestamp() - now_s
        # Which of these a broken date raises depends on how it is broken.
        except (ValueError, TypeError, IndexError, OverflowError):
            continue
    return None


def _leading_duration(text: str, start: int) -> tuple[float | None, int]:
    """The duration that begins at ``start`` and where it ends; None without one."""
    total_s: float | None = None
    while (found := _PART.match(text, start)) is not None:
        unit = found[2]
        scale = _UNIT_S.get(unit) or _UNIT_S["ms" if unit.startswith("milli") else unit[0]]
        total_s = (total_s or 0) + float(found[1]) * scale
        start = found.end()
    return total_s, start


def _zone(text: str) -> timezone:
    """A zone of ``_RESET_AT``: a name of UTC, or an offset."""
    if text[0] not in "+-":
        return UTC
    offset = timedelta(hours=int(text[1:3]), minutes=int(text[-2:]))
    return timezone(-offset if text[0] == "-" else offset)


def _sunday(year: int, month: int, nth: int) -> datetime:
    """Midnight UTC of the nth Sunday of a month."""
    first = datetime(year, month, 1, tzinfo=UTC)
    return first + timedelta(days=(6 - first.weekday()) % 7 + 7 * (nth - 1))


def _text(failure: UpstreamFailure) -> str:
    """Message and param as waits are looked for in them: lower-case, bounded, single spaces."""
    return " ".join(f"{failure.message[:MAX_TEXT]} {failure.param[:MAX_TEXT]}".lower().split())[:MAX_TEXT]
