"""The opponent: what scripts of patterns pass."""

from random import Random

import pytest
from challenge.pattern_script import FALLBACKS, answer, every_way

from freetheai.challenge import Challenge, Field, draw, grade

# How often a script may be lucky. Two hundred forms at this rate make a fifth of one expected pass.
HIGHEST_RATE = 1 / 1000


def form(label: str, *options: str, display: str = "", many: bool = False) -> Challenge:
    offered = tuple((f"v{index}", option) for index, option in enumerate(options))
    field = Field(
        id="a",
        kind="select" if options else "text",
        label=label,
        options=offered,
        max_values=len(offered) if many else 1,
    )
    return Challenge(family="x", fields=(field,), display=display, secret={})


@pytest.mark.parametrize(
    ("challenge", "expected"),
    [
        pytest.param(form("What is 15 + 6?"), "21", id="a sum"),
        pytest.param(form("What is three times four?"), "12", id="a sum in words"),
        pytest.param(form("Type word: marble"), "marble", id="type the word"),
        pytest.param(form("Third word of: green apples fall down"), "fall", id="the n-th word"),
        pytest.param(form("Largest: 46 or 64?"), "64", id="the largest"),
        pytest.param(form("Which month comes?", display="It is the month after March."), "April", id="the month after"),
        pytest.param(form("What is the opposite of hot?"), "cold", id="an opposite to type"),
        pytest.param(form("What is the opposite of hot?", "red", "cold"), "v1", id="an opposite to choose"),
        pytest.param(
            form("Which of these can you eat?", "brick", "bread", "apple", many=True), ["v1", "v2"], id="a kind"
        ),
        pytest.param(form("What would nobody wear?", "hat", "brick", "socks", many=True), ["v1"], id="a kind denied"),
        pytest.param(
            form("What did Tom buy?", "tea", "fish", display="Ann bought tea. Tom bought fish."),
            "v1",
            id="one sentence",
        ),
    ],
)
def test_the_script_is_no_straw_man(challenge, expected):
    assert answer(challenge, Random(1)) == {"a": expected}


def test_it_passes_none_of_two_hundred():
    rng, luck = Random("two hundred"), Random("script")
    drawn = [draw(rng, kind="worded") for _ in range(200)]
    assert [c for c in drawn if grade(c.family, c.secret, answer(c, luck))] == []


def test_it_passes_hardly_any_of_thousands():
    rng, luck = Random("thousands"), Random("script")
    count = 3000
    drawn = (draw(rng, kind="worded") for _ in range(count))
    # Twice the rate leaves room for chance: at the rate itself three are expected, and more than six are rare.
    assert sum(grade(c.family, c.secret, answer(c, luck)) for c in drawn) <= 2 * HIGHEST_RATE * count


def test_its_other_ways_to_guess_do_hardly_better():
    rng, luck = Random("ways"), Random("script")
    count = 600
    passed = [0] * len(FALLBACKS)
    for _ in range(count):
        challenge = draw(rng, kind="worded")
        for way, answers in enumerate(every_way(challenge, luck)):
            passed[way] += grade(challenge.family, challenge.secret, answers)
    assert sum(passed) <= 2 * HIGHEST_RATE * count * len(FALLBACKS), passed


def test_it_passes_no_picture():
    rng, luck = Random("pictures"), Random("script")
    for _ in range(20):
        challenge = draw(rng, kind="picture")
        assert not grade(challenge.family, challenge.secret, answer(challenge, luck))
