"""Three clocks with hands: type what two of them show.

Times are in steps of five minutes; the short hand stands where it would at that minute. Half a day is all a dial tells,
so 7:05 and 19:05 are the same answer.
"""

import math
from random import Random

from freetheai.challenge.answers import grade
from freetheai.challenge.drawn.answering import LETTERS, challenge, typed
from freetheai.challenge.drawn.canvas import HEIGHT, WIDTH, Point, Sheet
from freetheai.challenge.model import Challenge, Family
from freetheai.challenge.wording import say

NAME = "clocks"
_RADIUS = 104.0
_TIMES = 144
_ASKED = (
    "What time is it on clock {one}, and [then|after that] on clock {other}?",
    "[Read|Look at] clock {one} first, then [read|look at] clock {other}.",
    "[Type|Write] the time on clock {one}, then on clock {other}.",
    "First answer: clock {one}. Second answer: clock {other}.",
)


def draw(rng: Random) -> Challenge:
    """Three clocks; two lines to type their times."""
    letters = rng.sample(LETTERS, 3)
    times = [5 * step for step in rng.sample(range(_TIMES), 3)]
    one, other = rng.sample(range(3), 2)
    sheet = Sheet(rng)
    top = sheet.question(rng, [say(rng, rng.choice(_ASKED), one=letters[one], other=letters[other])])
    numbered = rng.choice((1, 3, 12))
    for index, (letter, minutes) in enumerate(zip(letters, times, strict=True)):
        x = (index + 0.5) * WIDTH / 3 + rng.uniform(-6, 6)
        y = top + (HEIGHT - top) * 0.5 - 20 + rng.uniform(-14, 14)
        _draw_clock(sheet, (x, y), minutes, numbered)
        sheet.text((x, y + _RADIUS + 34), letter, 36)
    rules = [{"rule": "time", "right": times[index], "of": _TIMES} for index in (one, other)]
    fields, secret = typed(rng, rules, "hours:minutes")
    return challenge(NAME, "clocks", sheet.png(), fields, secret)


def _draw_clock(sheet: Sheet, at: Point, minutes: int, numbered: int) -> None:
    """One clock, numbered at every ``numbered``-th hour. A hand passes behind the numbers and shows beyond them."""
    sheet.dot(at, _RADIUS, ink=0)
    sheet.ring(at, _RADIUS, 5)
    for hour in range(12):
        inner = _RADIUS - (16 if hour % 3 == 0 else 10)
        sheet.line([_hand(at, hour / 12, inner), _hand(at, hour / 12, _RADIUS - 4)], 5 if hour % 3 == 0 else 3)
    sheet.line([at, _hand(at, minutes / 720, 46)], 9)
    sheet.line([at, _hand(at, minutes % 60 / 60, 90)], 5)
    sheet.dot(at, 9)
    for hour in range(0, 12, numbered):
        sheet.dot(_hand(at, hour / 12, _RADIUS - 33), 17, ink=0)
        sheet.text(_hand(at, hour / 12, _RADIUS - 33), str(hour or 12), 28)


def _hand(at: Point, turn: float, length: float) -> Point:
    """The end of a hand that has made ``turn`` of a full turn from twelve."""
    angle = 2 * math.pi * turn
    return at[0] + length * math.sin(angle), at[1] - length * math.cos(angle)


FAMILY = Family(name=NAME, kind="picture", weight=1.0, draw=draw, grade=grade)
