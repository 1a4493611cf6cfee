"""What the limits say of an account, and the headers that carry it to the client.

`Remaining` is what is left after this request. `Reset` is a count of whole seconds from now, rounded up:
- minute: until the log has room for one request more than it has now (its oldest entry leaves the window);
- concurrency: until the first running lease expires, at most ``CONCURRENCY_RESET_MAX_S``, since a slot comes free when
  a request ends and nobody knows when that is;
- day: until 00:00 UTC.
0 means that nothing is used, so nothing can be reset; on a refusal it is at least 1.
"""

from enum import IntEnum
from typing import Any, Final, NamedTuple

# SDKs wait what Retry-After says: a slot is likely free much sooner than its lease would expire (seconds).
CONCURRENCY_RESET_MAX_S: Final = 5

_US: Final = 1_000_000


class Reason(IntEnum):
    """Why a request was refused, in the order in which the limits are asked; spelled as in `acquire.lua`."""

    GRANTED = 0
    CONCURRENCY = 1
    OVERLAP = 2
    MINUTE = 3
    DAY = 4


class Gauge(NamedTuple):
    """One limit: how many, how many are left, seconds until its reset."""

    limit: int
    remaining: int
    reset_s: int


class LimitNumbers(NamedTuple):
    """The three gauges of an account, as its headers show them."""

    minute: Gauge
    concurrency: Gauge
    day: Gauge


class LimitReply(NamedTuple):
    """The reply of `acquire.lua` and `standing.lua`; times in microseconds from Redis' now."""

    reason: int
    minute_used: int
    minute_reset_us: int
    running: int
    first_expiry_us: int
    day_used: int
    midnight_us: int

    @classmethod
    def of(cls, reply: Any) -> "LimitReply":
        """Read what Redis sent. The only place that knows the order."""
        return cls(*map(int, reply))


def limit_numbers(reply: LimitReply, *, minute: int, concurrency: int, day: int) -> LimitNumbers:
    """Set a reply against the limits of the account."""
    least_s = 0 if reply.reason == Reason.GRANTED else 1
    expiry_s = min(CONCURRENCY_RESET_MAX_S, _seconds(reply.first_expiry_us))
    return LimitNumbers(
        Gauge(minute, max(0, minute - reply.minute_used), max(least_s, _seconds(reply.minute_reset_us))),
        Gauge(concurrency, max(0, concurrency - reply.running), max(least_s, expiry_s)),
        Gauge(day, max(0, day - reply.day_used), max(least_s, _seconds(reply.midnight_us))),
    )


def limit_headers(numbers: LimitNumbers) -> list[tuple[str, str]]:
    """The nine headers of every answer that reached the limits."""
    minute, concurrency, day = numbers
    return [
        ("X-RateLimit-Limit", str(minute.limit)),
        ("X-RateLimit-Remaining", str(minute.remaining)),
        ("X-RateLimit-Reset", str(minute.reset_s)),
        ("X-Concurrency-Limit", str(concurrency.limit)),
        ("X-Concurrency-Remaining", str(concurrency.remaining)),
        ("X-Concurrency-Reset", str(concurrency.reset_s)),
        ("X-DailyLimit-Limit", str(day.limit)),
        ("X-DailyLimit-Remaining", str(day.remaining)),
        ("X-DailyLimit-Reset", str(day.reset_s)),
    ]


def _seconds(microseconds: int) -> int:
    return -(-microseconds // _US)
