"""Is a member active? Which messages count, and when they are enough. Pure: no clock, no Discord, nothing kept.

Only when and where a message was written is looked at, and its outer form where Discord shows it; never what it says.
A message does not count when it
- comes sooner than the gap after the last one that counted (`too soon`);
- is part of a burst, or comes before a minute of calm after one (`burst`);
- keeps the beat of the six before it: people are not that regular (`regular`);
- has the same form as one of the latest, where there is a form to compare (`repeat`).
"""

import itertools
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol

Verdict = Literal["counts", "too soon", "burst", "regular", "repeat"]

# So many messages within so many seconds are a burst, and so long (seconds) there must be calm after it.
BURST_MESSAGES: Final = 5
BURST_S: Final = 10.0
CALM_S: Final = 60.0
# So many gaps in a row that differ by no more than this share of the longest (at least a second) are a beat.
BEAT_GAPS: Final = 6
BEAT_SHARE: Final = 0.05
BEAT_S: Final = 1.0
# Forms that are compared; shorter texts are alike by chance.
FORMS: Final = 5
MIN_CHARS_COMPARED: Final = 24


class Thresholds(Protocol):
    """``verified_...`` of `[discord]`."""

    @property
    def verified_days(self) -> int: ...  # noqa: D102 - the settings say it
    @property
    def verified_messages(self) -> int: ...  # noqa: D102
    @property
    def verified_gap_seconds(self) -> float: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Written:
    """One message: when (seconds since the epoch, on Discord's clock), and its form, "" where there is none."""

    at_s: float
    form: str = ""


@dataclass(slots=True)
class Recent:
    """What is remembered of one member's latest messages, in memory alone."""

    times: deque[float] = field(default_factory=lambda: deque(maxlen=max(BURST_MESSAGES, BEAT_GAPS + 1)))
    forms: deque[str] = field(default_factory=lambda: deque(maxlen=FORMS))
    counted_s: float = float("-inf")
    burst_s: float = float("-inf")


def judge(recent: Recent, message: Written, gap_s: float) -> Verdict:
    """Whether ``message`` counts; ``recent`` goes on."""
    is_repeat = bool(message.form) and message.form in recent.forms
    recent.times.append(message.at_s)
    if message.form:
        recent.forms.append(message.form)
    was_burst = message.at_s - recent.burst_s < CALM_S
    if _is_burst(recent.times):
        recent.burst_s = message.at_s
        return "burst"
    if was_burst:
        return "burst"
    if message.at_s - recent.counted_s < gap_s:
        return "too soon"
    if is_repeat:
        return "repeat"
    if _keeps_a_beat(recent.times):
        return "regular"
    recent.counted_s = message.at_s
    return "counts"


def form_of(characters: int, attachments: Collection[int], embeds: int, stickers: Collection[int]) -> str:
    """A message's form: its length, the sizes of what is attached, how many embeds, which stickers."""
    if characters < MIN_CHARS_COMPARED and not attachments and not stickers:
        return ""
    return f"{characters}:{sorted(attachments)}:{embeds}:{sorted(stickers)}"


def is_enough(days: Collection[str], messages: int, thresholds: Thresholds) -> bool:
    """Whether so many messages on these days make a Verified member; with ``verified_days`` 0 nothing does."""
    needed = thresholds.verified_days
    return needed > 0 and len(set(days)) >= needed and messages >= thresholds.verified_messages


def _is_burst(times: deque[float]) -> bool:
    latest = list(times)[-BURST_MESSAGES:]
    return len(latest) == BURST_MESSAGES and latest[-1] - latest[0] <= BURST_S


def _keeps_a_beat(times: deque[float]) -> bool:
    latest = list(times)[-(BEAT_GAPS + 1) :]
    if len(latest) <= BEAT_GAPS:
        return False
    gaps = [after - before for before, after in itertools.pairwise(latest)]
    return max(gaps) - min(gaps) <= max(BEAT_S, BEAT_SHARE * max(gaps))
