"""How doubtful a member's signals are: a sum of small signs. It decides how someone is asked, never who is let in.

Rules:
- no single sign is enough, and time alone never refuses anyone: people use tools that answer fast, and slow lines;
- which sign it was is never said.
"""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

# From this score on the question comes as a picture.
DOUBTFUL_FROM: Final = 3

_DAY_S: Final = 86400.0
_YOUNG_ACCOUNT_DAYS: Final = 7.0
_YOUNGISH_ACCOUNT_DAYS: Final = 30.0
_NEW_IN_SERVER_DAYS: Final = 1.0
# People need so long (seconds) to read and answer; scripts are at half a second to two.
_FAST_ANSWER_S: Final = 3.0
_MIN_ANSWERS: Final = 3
# Answers of one person differ by more than this share of their mean; so many are needed to tell.
_STEADY: Final = 0.1
_MIN_STEADY: Final = 5
_MANY_WRONG: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Signals:
    """What is known of a member: ages in seconds (``in_server_s`` None: not known), how long the latest answers took
    (seconds), and wrong answers since the last right one.
    """

    account_age_s: float
    in_server_s: float | None
    answered_in_s: Sequence[float] = ()
    wrong: int = 0


def score(signals: Signals) -> int:
    """0: nothing speaks against them; ``DOUBTFUL_FROM`` and more: doubtful."""
    return _newness(signals) + _habits(signals.answered_in_s) + (1 if signals.wrong >= _MANY_WRONG else 0)


def is_doubtful(signals: Signals) -> bool:
    """Whether several signs come together."""
    return score(signals) >= DOUBTFUL_FROM


def _newness(signals: Signals) -> int:
    age_days = signals.account_age_s / _DAY_S
    points = 2 if age_days < _YOUNG_ACCOUNT_DAYS else 1 if age_days < _YOUNGISH_ACCOUNT_DAYS else 0
    if signals.in_server_s is not None and signals.in_server_s / _DAY_S < _NEW_IN_SERVER_DAYS:
        points += 1
    return points


def _habits(answered_in_s: Sequence[float]) -> int:
    points = 0
    if len(answered_in_s) >= _MIN_ANSWERS and statistics.median(answered_in_s) < _FAST_ANSWER_S:
        points += 2
    if len(answered_in_s) >= _MIN_STEADY:
        mean = statistics.fmean(answered_in_s)
        if statistics.stdev(answered_in_s) < _STEADY * mean:
            points += 1
    return points
