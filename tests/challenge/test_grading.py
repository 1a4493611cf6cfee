"""Forgiving in form: what a person may well type and must not be refused for; and what must be."""

import pytest

from freetheai.challenge.answers import blind_odds, grade


def passes(rule: str, right: object, answer: object) -> bool:
    return grade({"rules": [{"field": "a", "rule": rule, "right": right, "of": 9}]}, {"a": answer})


@pytest.mark.parametrize(
    ("rule", "right", "answer"),
    [
        pytest.param("text", ["kitchen"], "Kitchen", id="a capital"),
        pytest.param("text", ["kitchen"], "  KITCHEN. ", id="spaces, capitals, a full stop"),
        pytest.param("text", ["kitchen"], "In the kitchen!", id="small words before it"),
        pytest.param("text", ["kitchen"], "ｋｉｔｃｈｅｎ", id="letters of full width"),
        pytest.param("text", ["zoe"], "Zoë", id="an accent"),
        pytest.param("text", ["5", "may"], "５", id="a digit of full width"),
        pytest.param("text", ["5", "may"], "It is May.", id="a sentence"),
        pytest.param("text", ["mia"], ["Mia"], id="a list of one"),
        pytest.param("letters", "BK0T", "b k O t", id="O for 0, spaces, small letters"),
        pytest.param("letters", "BKOT", "B, K, 0, T.", id="0 for O, commas"),
        pytest.param("letters", "925", "9-2-5", id="dashes"),
        pytest.param("letters", "925", "９２５", id="digits of full width"),
        pytest.param("order", "mtk", "MTK", id="initials in one word"),
        pytest.param("order", "mtk", "m t k", id="initials apart"),
        pytest.param("order", "mtk", "Mia, Tom and Karl", id="whole names"),
        pytest.param(
            "order", "mtk", "1. Mia 2. Tom 3. Karl".replace("1. ", "").replace("2. ", "").replace("3. ", ""), id="names"
        ),
        pytest.param("order", "mtk", "M > T > K.", id="arrows"),
        pytest.param("time", 425, "7:05", id="a time"),
        pytest.param("time", 425, "07:05", id="a leading zero"),
        pytest.param("time", 425, "7.05", id="a point"),
        pytest.param("time", 425, "7 05", id="a space"),
        pytest.param("time", 425, "7 5", id="a single digit of minutes"),
        pytest.param("time", 425, "7h05", id="an h"),
        pytest.param("time", 425, "19:05", id="the afternoon"),
        pytest.param("time", 425, "7:05 pm.", id="pm"),
        pytest.param("time", 425, "７：０５", id="full width"),
        pytest.param("time", 425, "0705", id="four digits"),
        pytest.param("time", 425, "705", id="three digits"),
        pytest.param("time", 425, "7:O5", id="O for 0"),
        pytest.param("time", 0, "12:00", id="noon"),
        pytest.param("time", 0, "0:00", id="midnight"),
        pytest.param("time", 0, "24:00", id="the end of the day"),
        pytest.param("choice", ["p", "q"], ["q", "p"], id="any order"),
        pytest.param("choice", ["p"], "p", id="one as a text"),
    ],
)
def test_the_form_of_an_answer_doesnt_matter(rule, right, answer):
    assert passes(rule, right, answer)


@pytest.mark.parametrize(
    ("rule", "right", "answer"),
    [
        pytest.param("text", ["kitchen"], "kitchen garden", id="one word too many"),
        pytest.param("text", ["kitchen"], "the", id="only a small word"),
        pytest.param("text", ["mia"], "mia tom ben", id="everybody"),
        pytest.param("text", [], "", id="nothing against nothing"),
        pytest.param("text", [""], "", id="an empty right answer"),
        pytest.param("letters", "", "", id="no letters"),
        pytest.param("letters", "925", "952", id="another order"),
        pytest.param("order", "mtk", "tmk", id="another row"),
        pytest.param("order", "mtk", "mtkmtk", id="twice"),
        pytest.param("time", 425, "7:06", id="a minute off"),
        pytest.param("time", 425, "5:07", id="the hands exchanged"),
        pytest.param("time", 425, "7:65", id="no such minute"),
        pytest.param("time", 425, "31:05", id="no such hour"),
        pytest.param("time", 425, "75", id="two digits"),
        pytest.param("time", True, "0:01", id="a truth value"),
        pytest.param("choice", ["p"], ["p", "p"], id="the same twice"),
        pytest.param("choice", ["p", "q"], ["p"], id="one missing"),
        pytest.param("choice", [], [], id="nothing chosen of nothing"),
        pytest.param("unknown", "p", "p", id="a rule that isn't there"),
    ],
)
def test_the_substance_does(rule, right, answer):
    assert not passes(rule, right, answer)


def test_every_rule_must_hold():
    secret = {
        "rules": [
            {"field": "a", "rule": "choice", "right": ["p"], "of": 4},
            {"field": "b", "rule": "text", "right": ["mia"], "of": 9},
        ]
    }
    assert grade(secret, {"a": "p", "b": "Mia"})
    assert not grade(secret, {"a": "p"})
    assert not grade(secret, {"a": "p", "b": "tom"})
    assert not grade(secret, {"a": "q", "b": "mia"})
    assert not grade({"rules": []}, {"a": "p"})
    assert blind_odds(secret) == 36


def test_a_very_long_answer_costs_nothing():
    assert not passes("text", ["mia"], "mia " * 1_000_000)
    assert not passes("time", 425, "7" * 10_000_000)
    assert not passes("letters", "925", "\ufdfa" * 1_000_000)
