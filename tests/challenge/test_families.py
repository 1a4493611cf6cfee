"""Properties of every family: what holds for five hundred draws (of pictures some), whatever the family."""

import re
from collections import Counter
from random import Random
from typing import Any

import orjson
import pytest
from challenge.solving import near_misses, solution
from hypothesis import given, settings
from hypothesis import strategies as st

from freetheai.challenge import FAMILIES, Challenge, Field, draw, grade
from freetheai.challenge.answers import blind_odds

WORDED = [name for name, family in FAMILIES.items() if family.kind == "worded"]
DRAWN = [name for name, family in FAMILIES.items() if family.kind == "picture"]
COUNT = 500
every_family = pytest.mark.parametrize("name", list(FAMILIES))


@pytest.fixture(scope="module")
def drawn(pictures: dict[str, list[Challenge]]) -> dict[str, list[Challenge]]:
    worded = {name: [FAMILIES[name].draw(Random(seed)) for seed in range(COUNT)] for name in WORDED}
    return worded | pictures


def texts(challenge: Challenge) -> list[str]:
    """All that a member's client can read of a challenge, except the options."""
    words = [challenge.display, challenge.alt_text]
    return words + [x for field in challenge.fields for x in (field.label, field.description, field.placeholder)]


def test_there_are_enough_kinds_of_challenge():
    assert len(WORDED) >= 5
    assert len(DRAWN) >= 3


@every_family
def test_every_field_is_within_the_limits_of_a_modal(drawn, name):
    for challenge in drawn[name]:
        assert len(challenge.fields) >= 1
        assert len(challenge.fields) + bool(challenge.display) <= 3
        assert len(challenge.display) <= 4000
        assert len({field.id for field in challenge.fields}) == len(challenge.fields)
        for field in challenge.fields:
            _check_field(field)


def _check_field(field: Field) -> None:
    assert 1 <= len(field.label) <= 45
    assert len(field.description) <= 100
    assert len(field.placeholder) <= 100
    assert field.required and field.min_values >= 1
    assert all(1 <= len(text) <= 100 for option in field.options for text in option)
    assert (
        len({value for value, _ in field.options}) == len({label for _, label in field.options}) == len(field.options)
    )
    match field.kind:
        case "text":
            assert not field.options
        case "select":
            assert 1 <= len(field.options) <= 25 and 1 <= field.max_values <= len(field.options)
        case "radio":
            assert 2 <= len(field.options) <= 10 and field.max_values == 1 and not field.placeholder
        case "checkboxes":
            assert 1 <= len(field.options) <= 10 and field.max_values <= len(field.options) and not field.placeholder


@every_family
def test_its_own_solution_passes_also_after_a_journey_through_json(drawn, name):
    for challenge in drawn[name]:
        kept = orjson.loads(orjson.dumps(challenge.secret))
        assert kept == challenge.secret
        assert grade(name, kept, solution(challenge))


@every_family
def test_nearly_right_is_wrong(drawn, name):
    for challenge in drawn[name][:150]:
        for answers in near_misses(challenge):
            assert not grade(name, challenge.secret, answers), (challenge.secret, answers)


@every_family
def test_the_same_numbers_draw_the_same_challenge_and_others_another(drawn, name):
    family = FAMILIES[name]
    assert family.draw(Random(7)) == drawn[name][7]
    seen = Counter(
        orjson.dumps([c.secret, texts(c), (c.picture or b"").hex(), [f.options for f in c.fields]]) for c in drawn[name]
    )
    assert max(seen.values()) == 1


@pytest.mark.parametrize("name", WORDED)
def test_the_same_question_rarely_reads_the_same(drawn, name):
    shown = ["|".join([*texts(c), *(label for f in c.fields for _, label in f.options)]) for c in drawn[name]]
    assert len(set(shown)) == len(shown)
    assert len({(c.fields[0].label, c.fields[0].kind, c.fields[0].placeholder) for c in drawn[name]}) >= 20
    assert len({tuple(field.kind for field in c.fields) for c in drawn[name]}) >= (1 if name == "queue" else 3)


@every_family
def test_ids_and_values_say_nothing(drawn, name):
    ranks: list[float] = []
    places: list[float] = []
    for challenge in drawn[name]:
        rules = {rule["field"]: rule for rule in challenge.secret["rules"]}
        for field in challenge.fields:
            assert field.id in ("a", "b", "c")
            assert all(re.fullmatch(r"[b-z2-9]{6}", value) for value, _ in field.options)
            if field.options:
                values = [value for value, _ in field.options]
                right = rules[field.id]["right"]
                ranks += [sorted(values).index(value) / (len(values) - 1) for value in right]
                places += [values.index(value) / (len(values) - 1) for value in right]
    for shares in (ranks, places):
        assert not shares or 0.4 < sum(shares) / len(shares) < 0.6


@every_family
def test_options_dont_tell_how_many_are_right(drawn, name):
    for challenge in drawn[name]:
        for field in challenge.fields:
            assert field.max_values in (1, len(field.options))
            right = next(rule["right"] for rule in challenge.secret["rules"] if rule["field"] == field.id)
            if field.max_values > 1:
                assert 2 <= len(right) < len(field.options)


@every_family
def test_a_blind_guess_is_dear_and_the_odds_are_counted_exactly(drawn, name):
    for challenge in drawn[name][:100]:
        rules = {rule["field"]: rule for rule in challenge.secret["rules"]}
        for field in challenge.fields:
            if field.options:
                count = len(field.options)
                assert rules[field.id]["of"] == (2**count - 1 if field.max_values > 1 else count)
        # Six tries a day (`limits/challenges.py`), each at the family a guesser likes best: under one in a hundred.
        assert blind_odds(challenge.secret) >= 600


@pytest.mark.parametrize("name", WORDED)
def test_the_english_is_simple(drawn, name):
    words = [word for c in drawn[name] for text in texts(c) for word in re.findall(r"[A-Za-z']+", text)]
    assert sum(map(len, words)) / len(words) < 5.2
    assert max(map(len, words)) <= 13
    sentences = [s for c in drawn[name] for s in re.split(r"[.?!:;\n]", c.display) if s.strip()]
    assert all(len(s.split()) <= 40 for s in sentences)
    assert not sentences or sum(len(s.split()) for s in sentences) / len(sentences) < 16


@pytest.mark.parametrize("name", WORDED)
def test_no_pattern_of_the_grammar_is_left_unfilled(drawn, name):
    for challenge in drawn[name]:
        for text in [*texts(challenge), *(label for f in challenge.fields for _, label in f.options)]:
            assert not re.search(r"[\[\]{}|]|  | [,.?;]", text), text


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6) | st.sampled_from("abc"), inner),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(name=st.sampled_from([*FAMILIES, "gone"]), answers=json_values, seed=st.integers(0, 20))
def test_grading_takes_whatever_was_sent(name, answers, seed):
    family = FAMILIES.get(name)
    secret: Any = {} if family is None or family.kind == "picture" else family.draw(Random(seed)).secret
    assert grade(name, secret, answers) is False


@settings(max_examples=150, deadline=None)
@given(
    rule=st.fixed_dictionaries(
        {
            "field": st.just("a"),
            "rule": st.sampled_from(["choice", "text", "letters", "order", "time"]),
            "right": json_values,
        }
    ),
    answer=json_values,
    secret=json_values,
)
def test_grading_takes_whatever_was_kept(rule, answer, secret):
    for name in ("things", "clocks"):
        assert grade(name, secret, {"a": answer}) is False
        assert grade(name, {"rules": [rule]}, {"a": answer}) in (True, False)
        assert grade(name, {"rules": [rule, secret]}, {"a": answer}) is False
        assert grade(secret, {"rules": [rule]}, answer) is False


def test_a_family_that_isnt_there_passes_nobody():
    challenge = draw(Random(1), kind="worded")
    assert grade(challenge.family, challenge.secret, solution(challenge))
    assert not grade("gone", challenge.secret, solution(challenge))
