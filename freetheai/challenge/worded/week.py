"""Days and months told by their neighbours: on which days, in which month.

A day is told as "the day after Monday" or "the second day before Friday"; nothing depends on where the week begins
or which days are free in a country. The month and one day at least are told in a roundabout way,
and draws in which the days named in the text are the answer are thrown away.
"""

from random import Random

from freetheai.challenge.answers import grade
from freetheai.challenge.model import Challenge, Family
from freetheai.challenge.posing import Question, pose
from freetheai.challenge.wording import listed, names, say

NAME = "week"
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
# Words for a day or month ({unit}) by others: {b} and {bb} come one and two before it, {n} and {nn} one and two after.
_PLAIN = (
    "the {unit} [right|just|] after {b}",
    "the {unit} [right|just|] before {n}",
    "the {unit} that [comes right behind|follows] {b}",
    "the {unit} that comes [two|2] {unit}s after {bb}",
    "the {unit} between {b} and {n}",
    "the {unit} between {n} and {b}",
    "the [second|2nd] {unit} after {bb}",
    "the [second|2nd] {unit} before {nn}",
)
_ROUNDABOUT = (
    "the {unit} [that comes|] when {b} is over",
    "the {unit} that has {b} and {n} as [its|] neighbours",
    "the {unit} when {nn} is still two {unit}s away",
    "the {unit} when {bb} was two {unit}s ago",
)
_OPEN = (
    (
        "{who} [swims|plays chess|sings in a choir|paints] on {days}, and on no other day.",
        "On which days is {who} busy?",
    ),
    ("The [small|village|] [shop|museum|cinema] opens only on {days}.", "[When|On which days] is it open?"),
    ("{who} works on {days}, [and rests|and stays at home] on all other days.", "On which days does {who} work?"),
)
_CLOSED = (
    ("{who} is at home every day except {days}.", "On which days is {who} at home?"),
    (
        "The [small|village|] [shop|museum|cinema] is closed on {days}, but open on [all|the] other days.",
        "[When|On which days] is it open?",
    ),
    (
        "{who} works on {days}, [and is free|and rests] on all other days.",
        "On which days [is {who} free|does {who} rest]?",
    ),
)
_MONTH = (
    ("{who}'s birthday is in {month}.", "In which month [is {who}'s birthday|does {who} get presents]?"),
    ("{who} [goes on a journey|will marry|moves house] in {month}.", "In which month is {who}'s [big|great] day?"),
    ("The [fair|village feast|book] [begins|comes|is due] in {month}.", "In which month is that?"),
)


def draw(rng: Random) -> Challenge:
    """Some days of the week to choose, and a month to name."""
    first, second = names(rng, 2)
    told_days, days = _days(rng, first)
    told_month, month = _month(rng, second)
    return pose(rng, NAME, " ".join(rng.sample([told_days, told_month], 2)), [days, month])


def _near(rng: Random, patterns: tuple[str, ...], turn: tuple[str, ...], index: int, unit: str) -> str:
    """Words for the day or month at ``index`` of ``turn``."""
    others = {slot: turn[(index + step) % len(turn)] for slot, step in (("b", -1), ("bb", -2), ("n", 1), ("nn", 2))}
    text = say(rng, rng.choice(patterns), unit=unit, **others)
    return text[:1].lower() + text[1:]


def _days(rng: Random, who: str) -> tuple[str, Question]:
    while True:
        told = rng.sample(range(7), rng.choice((2, 3, 3)))
        clues = [_near(rng, _ROUNDABOUT if at == 0 else _PLAIN, DAYS, index, "day") for at, index in enumerate(told)]
        named = {day for day in DAYS if any(day in clue for clue in clues)}
        if named != {DAYS[index] for index in told}:
            break
    rng.shuffle(clues)
    is_open = rng.random() < 0.5
    sentence, asked = rng.choice(_OPEN if is_open else _CLOSED)
    right = tuple(day for index, day in enumerate(DAYS) if (index in told) == is_open)
    text = say(rng, sentence, who=who, days=listed(rng, clues, "and also"))
    return text, Question(text=say(rng, asked, who=who), options=DAYS, right=right, many=True)


def _month(rng: Random, who: str) -> tuple[str, Question]:
    index = rng.randrange(12)
    clue = _near(rng, _ROUNDABOUT, MONTHS, index, "month")
    sentence, asked = rng.choice(_MONTH)
    right = MONTHS[index]
    return say(rng, sentence, who=who, month=clue), Question(
        text=say(rng, asked, who=who),
        options=MONTHS,
        right=(right,),
        typed=(right, right[:3], str(index + 1), f"0{index + 1}"[-2:]),
    )


FAMILY = Family(name=NAME, kind="worded", weight=1.0, draw=draw, grade=grade)
