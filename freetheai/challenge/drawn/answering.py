"""The challenge around a picture: what a drawn family hands over, with texts that say nothing of the question."""

from random import Random
from typing import Any

from freetheai.challenge.model import Challenge, Field
from freetheai.challenge.posing import values
from freetheai.challenge.wording import say

# Under each picture: what it is, and where those go who can't see it. The same words for every picture of a family.
ALT_TEXT = (
    "A drawn puzzle about {about}. The question is part of the picture. "
    "If you can't see pictures, press “Ask me in words instead” under it, or ask the staff."
)
LETTERS = "ABCDEFGHJKMNPRSTUVWXYZ"
_LABELS = (
    "[Your answer|The answer|Answer] to the picture",
    "[What|Which] does the picture ask for?",
    "[Your|The] answer",
)
_NUMBERED = ("{ordinal} [answer|reply]", "[Answer|Reply] {number}", "[The|Your] {ordinal} answer")


def typed(rng: Random, rules: list[dict[str, Any]], hint: str) -> tuple[tuple[Field, ...], dict[str, Any]]:
    """One line to type for each of ``rules`` (rule, right, of), and the secret."""
    fields = tuple(
        Field(id="abc"[index], kind="text", label=_label(rng, index, len(rules)), placeholder=hint)
        for index in range(len(rules))
    )
    return fields, {"rules": [{"field": made.id, **rule} for made, rule in zip(fields, rules, strict=True)]}


def chosen(rng: Random, labels: list[str], right: list[str]) -> tuple[tuple[Field, ...], dict[str, Any]]:
    """A list in which any number of ``labels`` may be chosen, and the secret."""
    offered = tuple(zip(values(rng, len(labels)), labels, strict=True))
    field = Field(
        id="a",
        kind="select",
        label=_label(rng, 0, 1),
        description="There may be several.",
        placeholder=say(rng, "[Choose|Pick|Select] [one or more|all that fit|here]"),
        options=offered,
        max_values=len(offered),
    )
    rule = {
        "field": "a",
        "rule": "choice",
        "right": sorted(value for value, label in offered if label in right),
        "of": 2 ** len(offered) - 1,
    }
    return (field,), {"rules": [rule]}


def challenge(family: str, about: str, picture: bytes, fields: tuple[Field, ...], secret: dict[str, Any]) -> Challenge:
    """The finished challenge; ``about`` names the subject of all pictures of the family."""
    return Challenge(
        family=family, fields=fields, picture=picture, alt_text=ALT_TEXT.format(about=about), secret=secret
    )


def _label(rng: Random, index: int, count: int) -> str:
    pattern = rng.choice(_LABELS if count == 1 else _NUMBERED)
    return say(rng, pattern, number=str(index + 1), ordinal=("first", "second", "third")[index])
