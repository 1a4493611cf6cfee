"""Turn questions about a story into the fields of a modal, differently each time.

What varies by chance: where a question stands (label, description or the text above), which component takes the answer
(list, buttons, boxes, a line to type), the order of questions and of options, labels, hints and placeholders.
What never varies: the options' values are random, the number of right options isn't told, and a field that takes
several options takes any number of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from freetheai.challenge.answers import plain
from freetheai.challenge.model import MAX_GROUP_OPTIONS, MAX_LABEL, MAX_SHORT_TEXT, Challenge, Field, FieldKind
from freetheai.challenge.wording import say

_VALUE_LETTERS = "bcdfghjkmnpqrstvwxz23456789"
_IDS = "abc"
_ORDINALS = ("first", "second", "third")
_BARE_LABELS = (
    "[Answer|Question|Part|Your answer|Reply|Task] {number}",
    "[The|Your] {ordinal} [answer|reply]",
    "[Answer|Reply] to the {ordinal} question",
    "{ordinal} question",
)
_LONE_LABELS = ("[Your answer|The answer|Answer here|Your reply|What do you say?|Now you|Your turn]",)
_MANY_HINTS = (
    "[Choose|Tick|Mark|Pick] [all|everything] that [fits|is right].",
    "[There is|Expect] more than one.",
    "[More than one|Several] of these [fit|are right].",
    "[Find|Take] all of them, [and no other|nothing else].",
)
_LIST_HINTS = (
    "[Choose|Pick|Select] [here|from the list|one or more|what fits]",
    "[Open|Touch] [the list|to choose]",
    "[Nothing|Not] chosen yet",
    "",
)
_ONE_HINTS = (
    "[Choose|Pick|Select] [one|here|from the list]",
    "[Open|Touch] [the list|to choose]",
    "Nothing chosen yet",
    "",
)
_TYPED_HINTS = ("[Type|Write] [here|it here|your answer]", "[One|A single] word [is enough|]", "[In|Only] one word", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One question: a whole sentence, and either options or what may be typed.

    ``right`` are the right options' texts, or, if ``rule`` isn't "choice", what that rule of grading compares with.
    ``typed`` lists answers that are accepted when the question is asked without options; empty: it never is.
    ``of`` is how many answers a guesser of a typed answer chooses among.
    """

    text: str
    options: tuple[str, ...] = ()
    right: tuple[str, ...] = ()
    many: bool = False
    typed: tuple[str, ...] = ()
    rule: str = "choice"
    of: int = 0
    hints: tuple[str, ...] = ()


def pose(rng: Random, family: str, story: str, questions: Sequence[Question]) -> Challenge:
    """The challenge of ``family`` that asks ``questions`` (one to three, two if there is a text) about ``story``."""
    order = rng.sample(list(questions), len(questions))
    fields, rules, asked = [], [], []
    for index, question in enumerate(order):
        made, rule, above = _field(rng, question, index, len(order), bool(story))
        fields.append(made)
        rules.append(rule)
        if above:
            asked.append(above)
    display = _display(rng, story, asked, numbered=len(order) > 1)
    return Challenge(family=family, fields=tuple(fields), display=display, secret={"rules": rules})


def values(rng: Random, count: int) -> list[str]:
    """``count`` different neutral option values."""
    made: dict[str, None] = {}
    while len(made) < count:
        made["".join(rng.choices(_VALUE_LETTERS, k=6))] = None
    return list(made)


def _display(rng: Random, story: str, asked: list[str], *, numbered: bool) -> str:
    if not asked:
        return story
    marks = rng.choice((("**", "**"), ("", ""), ("> ", ""), ("*", "*")))
    lines = [f"{marks[0]}{text}{marks[1]}" for text in asked]
    parts = [story, *lines] if not numbered or rng.random() < 0.6 else [*lines, story]
    return "\n\n".join(part for part in parts if part)


def _field(
    rng: Random, question: Question, index: int, count: int, has_story: bool
) -> tuple[Field, dict[str, Any], str]:
    """The field, its rule of grading, and what has to stand in the text above it ("" if the field says it all)."""
    kind = _component(rng, question)
    label, description, above = _place(rng, question.text, index, count, has_story)
    if question.many and not description and rng.random() < 0.6:
        description = say(rng, rng.choice(_MANY_HINTS))
    offered: list[tuple[str, str]] = []
    if kind != "text":
        offered = list(zip(values(rng, len(question.options)), question.options, strict=True))
        rng.shuffle(offered)
    made = Field(
        id=_IDS[index],
        kind=kind,
        label=label,
        description=description,
        placeholder=_placeholder(rng, question, kind),
        options=tuple(offered),
        max_values=len(offered) if question.many and kind != "text" else 1,
    )
    return made, {"field": made.id, **_rule(question, kind, offered)}, above


def _component(rng: Random, question: Question) -> FieldKind:
    if question.rule != "choice":
        return "text"
    fits_group = len(question.options) <= MAX_GROUP_OPTIONS
    if question.many:
        return rng.choice(("select", "checkboxes")) if fits_group else "select"
    kinds: list[FieldKind] = ["select", "radio"] if fits_group else ["select"]
    return rng.choice([*kinds, "text"] if question.typed else kinds)


def _place(rng: Random, text: str, index: int, count: int, has_story: bool) -> tuple[str, str, str]:
    """Where the question stands: (label, description, text above)."""
    patterns = _LONE_LABELS if count == 1 else _BARE_LABELS
    bare = say(rng, rng.choice(patterns), number=str(index + 1), ordinal=_ORDINALS[index])
    places = ["above"] if has_story or len(text) > MAX_SHORT_TEXT else []
    if len(text) <= MAX_SHORT_TEXT:
        places.append("description")
    if len(text) <= MAX_LABEL:
        places.append("label")
    match rng.choice(places):
        case "label":
            return text, "", ""
        case "description":
            return bare, text, ""
        case _:
            return bare, "", text if count == 1 else f"{bare}: {text}"


def _placeholder(rng: Random, question: Question, kind: FieldKind) -> str:
    if kind in ("radio", "checkboxes"):
        return ""
    hints = question.hints or (_TYPED_HINTS if kind == "text" else _LIST_HINTS if question.many else _ONE_HINTS)
    return say(rng, rng.choice(hints))


def _rule(question: Question, kind: FieldKind, offered: list[tuple[str, str]]) -> dict[str, Any]:
    if question.rule != "choice":
        return {"rule": question.rule, "right": question.right[0], "of": question.of}
    if kind == "text":
        accepted = sorted({plain(text) for text in question.typed})
        return {"rule": "text", "right": accepted, "of": question.of or len(question.options)}
    right = sorted(value for value, text in offered if text in question.right)
    return {"rule": "choice", "right": right, "of": 2 ** len(offered) - 1 if question.many else len(offered)}
