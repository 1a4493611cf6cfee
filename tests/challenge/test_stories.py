"""The tables and the stories: each question has one answer, found again by a reader that has only the text."""

import re
from itertools import permutations
from random import Random

import pytest

from freetheai.challenge import FAMILIES, Challenge
from freetheai.challenge.shallow import guesses
from freetheai.challenge.worded import moves, pairs, sense, things, ways, week
from freetheai.challenge.worded.queue import _changed
from freetheai.challenge.wording import MEN, WOMEN, people, say, uneven_subset


def drawn(name: str, count: int = 120) -> list[Challenge]:
    return [FAMILIES[name].draw(Random(seed)) for seed in range(count)]


def right_labels(challenge: Challenge, field_id: str) -> set[str]:
    rule = next(rule for rule in challenge.secret["rules"] if rule["field"] == field_id)
    field = next(field for field in challenge.fields if field.id == field_id)
    return {label for value, label in field.options if value in rule["right"]}


def question_of(challenge: Challenge, field_id: str) -> str:
    field = next(field for field in challenge.fields if field.id == field_id)
    return " ".join([field.label, field.description, *(x for x in challenge.display.split("\n") if field.label in x)])


@pytest.mark.parametrize("asked", things.PROPERTIES, ids=lambda asked: asked.yes[0])
def test_no_thing_is_both_right_and_wrong(asked):
    assert not set(asked.yes) & {*asked.no, *asked.traps}
    assert not set(asked.no) & set(asked.traps)
    assert len(asked.yes) >= 7 and len(asked.no) >= 4 and len(asked.traps) >= 4
    assert len({*asked.yes, *asked.no, *asked.traps}) == len(asked.yes) + len(asked.no) + len(asked.traps)


@pytest.mark.parametrize("relation", pairs.RELATIONS, ids=lambda relation: relation.asked[:30])
def test_no_word_stands_in_two_pairs_of_a_table(relation):
    words = [word for pair in relation.pairs for word in pair]
    assert len(words) == len(set(words)) and len(relation.pairs) >= 8


def test_wrong_pairs_are_never_pairs_of_the_table():
    known = {pair for relation in pairs.RELATIONS for pair in relation.pairs}
    for challenge in drawn("pairs", 200):
        field = max(challenge.fields, key=lambda field: field.max_values)
        right = right_labels(challenge, field.id)
        for _, label in field.options:
            first, second = re.split(r" / | – | \+ | and |, ", label, maxsplit=1)
            assert ((first, second) in known) == (label in right)


@pytest.mark.parametrize("frame", sense.FRAMES, ids=lambda frame: frame.text)
def test_a_frame_has_sense_and_nonsense_apart(frame):
    assert len(frame.fits) >= 2 and len(frame.absurd) >= 3
    assert not set(frame.fits) & set(frame.absurd)
    longest = max((*frame.fits, *frame.absurd), key=len)
    assert len(frame.text.format(who="Victor", x=longest)) <= 70


def test_a_queue_has_exactly_one_order_and_it_is_the_secret():
    for challenge in drawn("queue"):
        story = re.sub(r"(?m)^\W*(Write|Give|Type|Who stands|How do|Question).*$", "", challenge.display)
        ahead = {_neighbours(s) for s in story.split(".") if re.search(r"(before|front of|after|behind)\b", s)} - {None}
        assert len(ahead) == 5
        who = {name for pair in ahead for name in pair}
        rows = [row for row in permutations(sorted(who)) if all(row.index(b) == row.index(f) + 1 for f, b in ahead)]
        assert len(rows) == 1
        row = list(rows[0])
        change = 2 if "change places" in story else 1 if "very end" in story else 0
        assert "".join(name[0].lower() for name in _changed(row)[change]) == challenge.secret["rules"][0]["right"]


def _neighbours(sentence: str) -> tuple[str, str] | None:
    """(in front, behind) as a sentence tells it."""
    names = [word for word in re.findall(r"[A-Z][a-z]+", sentence) if word in WOMEN + MEN]
    if len(names) != 2 or "very" in sentence or "change" in sentence:
        return None
    one, other = names
    if re.search(rf"{one} has {other}|behind {one}|{one} \w+ \w+ (before|in front of) {other}", sentence):
        return one, other
    assert re.search(rf"in front of {one}|{one} \w+ \w+ (after|behind) {other}", sentence), sentence
    return other, one


def test_the_days_of_a_week_follow_from_the_text():
    for challenge in drawn("week"):
        field = max(challenge.fields, key=lambda field: field.max_values)
        told = next(s for s in re.split(r"[.\n]", challenge.display) if re.search(r"[A-Z]\w+day\b", s) and "?" not in s)
        clues = re.split(r"\bthe (?:second |2nd )?day\b", told)[1:]
        marks = re.findall(r"\bthe (second |2nd )?day\b", told)
        days = {_day(mark + clue) for mark, clue in zip(marks, clues, strict=True)}
        question = question_of(challenge, field.id)
        is_closed = bool(re.search("except|closed", told) or re.search("rest|free", question))
        assert right_labels(challenge, field.id) == (set(week.DAYS) - days if is_closed else days), told


def _day(clue: str) -> str:
    days = [week.DAYS.index(day) for day in re.findall(r"[A-Z][a-z]+day", clue)]
    size = 2 if re.search("second|2nd|two|2 ", clue) else 1
    if len(days) == 2:
        return next(day for i, day in enumerate(week.DAYS) if {(i - 1) % 7, (i + 1) % 7} == set(days))
    back = bool(re.search("before|away", clue))
    return week.DAYS[(days[0] + (-size if back else size)) % 7]


def test_where_everything_lies_follows_from_the_text():
    for challenge in drawn("moves"):
        story = max(challenge.display.split("\n"), key=len)
        at: dict[str, str] = {}
        for sentence in story.split(". "):
            _move(sentence.lower().rstrip("."), at)
        field = max(challenge.fields, key=lambda field: field.max_values)
        asked = next(
            place for place in moves.PLACES if re.search(rf"\b{place}\b", question_of(challenge, field.id).lower())
        )
        assert right_labels(challenge, field.id) == {thing for thing, place in at.items() if place == asked}, story


def _move(sentence: str, at: dict[str, str]) -> None:
    """Carry out one sentence of the story."""
    named = [word for word in re.findall(r"[a-z]+", sentence) if word in moves.THINGS]
    places = [word for word in re.findall(r"[a-z]+", sentence) if word in moves.PLACES]
    if len(places) == 1 and not re.search(r"needs|wants|fetches|takes|goes|moved|carried", sentence):
        at.update(dict.fromkeys(named, places[0]))
    elif len(places) == 1:
        at[named[0]] = places[0]
    else:
        start, end = places[0], places[-1]
        at.update({thing: end for thing, place in at.items() if place == start and thing not in named})


def test_who_did_what_follows_from_the_text():
    for challenge in drawn("ways"):
        story = max(challenge.display.split("\n"), key=len)
        things_known = {thing for topic in ways.TOPICS for thing in topic.things}
        did: dict[str, str] = {}
        for sentence in story.split(".")[1:]:
            names = [word for word in re.findall(r"[A-Z][a-z]+", sentence) if word in WOMEN + MEN]
            if not names:
                continue
            if re.search(r"same|what|like|goes for|who always", sentence):
                did[names[0]] = did[names[-1]]
            else:
                said = next(word for word in re.findall(r"\w+", sentence) if word in things_known)
                did.update(dict.fromkeys(names, said))
        field = max(challenge.fields, key=lambda field: field.max_values)
        question = question_of(challenge, field.id)
        asked = next(word for word in re.findall(r"\w+", question) if word in things_known)
        assert len(did) == 8
        assert right_labels(challenge, field.id) == {name for name, thing in did.items() if thing == asked}, story


def test_a_family_has_no_relative_but_those_told():
    for challenge in drawn("kin"):
        story = max(challenge.display.split("\n"), key=len)
        parent = _parents(story)
        field = max(challenge.fields, key=lambda field: field.max_values)
        question = question_of(challenge, field.id)
        key = next(name for name in re.findall(r"[A-Z][a-z]+", question) if name in WOMEN + MEN)
        young = {name for name in parent if parent.get(parent[name])}
        if "grand" in question:
            expected = {name for name in young if parent[parent[name]] == key}
        else:
            expected = {name for name in young if parent[name] != (parent[key] if "cousin" in question else key)}
        assert len(parent) == 8
        assert right_labels(challenge, field.id) == expected, story


def _parents(story: str) -> dict[str, str]:
    parent: dict[str, str] = {}
    for sentence in story.split("."):
        names = [word for word in re.findall(r"[A-Z][a-z]+", sentence) if word in WOMEN + MEN]
        if not names or re.search(r"older|taller|louder|play|letter", sentence):
            continue
        if re.search(r"it is|are (all )?children of|is their", sentence):
            who, children = names[-1], names[:-1]
        else:
            who, children = names[0], names[1:]
        parent.update(dict.fromkeys(children, who))
    return parent


def test_counting_words_never_finds_the_answer_to_a_story():
    for name in ("moves", "ways", "kin"):
        for challenge in drawn(name, 60):
            field = max(challenge.fields, key=lambda field: field.max_values)
            story = max(challenge.display.split("\n"), key=len)
            labels = [label for _, label in field.options]
            assert frozenset(right_labels(challenge, field.id)) not in guesses(story, labels, "no such word")


def test_people_differ_in_their_initials():
    for seed in range(50):
        everyone = [name for name, _ in people(Random(seed), 9)]
        assert len({name[0] for name in everyone}) == 9
    assert not set(WOMEN) & set(MEN)


def test_every_set_is_as_likely_as_any_other():
    rng = Random(5)
    sizes = [uneven_subset(rng, 8) for _ in range(4000)]
    assert set(sizes) == {2, 3, 4, 5, 6}
    assert sizes.count(4) / sizes.count(2) == pytest.approx(70 / 28, rel=0.2)


def test_a_pattern_is_filled_with_one_of_each_alternative():
    made = {say(Random(seed), "[a|one [red|blue]|] {thing} goes .", thing="car") for seed in range(100)}
    assert made == {"A car goes.", "One red car goes.", "One blue car goes.", "Car goes."}
