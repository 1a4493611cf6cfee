"""The one place that asks what time it is, so that everything else can be given a time in tests."""

import time
from datetime import UTC, datetime, timedelta


def now_s() -> float:
    """Wall-clock seconds since the epoch."""
    return time.time()


def monotonic_s() -> float:
    """Seconds of a clock that never goes back: for durations and deadlines."""
    return time.monotonic()


def utc_now() -> datetime:
    """The present instant, with its zone."""
    return datetime.now(UTC)


def utc_day(at: datetime | None = None) -> str:
    """The UTC day as ``YYYY-MM-DD``: what check-ins and daily limits are counted by."""
    return (at or utc_now()).date().isoformat()


def seconds_to_utc_midnight(at: datetime | None = None) -> float:
    """How long the current UTC day still lasts (seconds, more than 0)."""
    now = at or utc_now()
    tomorrow = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    return (tomorrow - now).total_seconds()


def iso(at: datetime) -> str:
    """RFC 3339 in UTC with whole seconds: ``2026-11-22T23:00:00Z``."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
