"""Draw and grade challenges: questions a person answers in seconds and a script of patterns doesn't.

Strategy: families in a registry, one a file, each with a weight. A family makes a `Challenge` from a generator of
random numbers alone, and all that grading needs is in its ``secret``, which is plain JSON. Nothing here does I/O, knows
the time or Discord; who keeps the secret, how long, and how often a member may try is decided elsewhere.

Rules:
- production passes `secrets.SystemRandom()`; tests pass `random.Random(seed)` and get the same challenge again;
- drawing a picture takes tens of milliseconds of CPU: call `draw` in a thread, never on the loop;
- grading never raises and never says which part was wrong;
- adding a family is a file and a name in `_WORDED` or `_DRAWN`; retiring one is a weight of 0, so that open forms can
  still be graded.
"""

import math
from collections.abc import Mapping
from random import Random
from typing import Any

from freetheai.challenge.drawn import clocks, lines, rings, shapes, walk
from freetheai.challenge.model import Challenge, Family, Field, FieldKind, Kind, PictureFormat
from freetheai.challenge.worded import kin, moves, pairs, queue, sense, things, ways, week

__all__ = [
    "FAMILIES",
    "Challenge",
    "Family",
    "Field",
    "FieldKind",
    "Kind",
    "PictureFormat",
    "draw",
    "grade",
]

_WORDED = (things, pairs, sense, kin, moves, ways, week, queue)
_DRAWN = (shapes, clocks, lines, rings, walk)
_ALL = tuple(module.FAMILY for module in (*_WORDED, *_DRAWN))

FAMILIES: Mapping[str, Family] = {family.name: family for family in _ALL}


def weights(kind: Kind, families: Mapping[str, float] | None = None) -> dict[str, float]:
    """The weight of every family of ``kind``: the registry's, or what ``families`` says instead for those it names.

    Raises:
        ValueError: ``families`` names an unknown family, holds a weight that is negative or not finite, or leaves none.
    """
    given = families or {}
    unknown = sorted(set(given) - set(FAMILIES))
    if unknown:
        raise ValueError(f"unknown challenge family: {', '.join(unknown)}; known are {', '.join(FAMILIES)}")
    wrong = sorted(name for name, weight in given.items() if not (math.isfinite(weight) and weight >= 0))
    if wrong:
        raise ValueError(f"the weight of {', '.join(wrong)} must be a number of 0 or more")
    mix = {family.name: given.get(family.name, family.weight) for family in _ALL if family.kind == kind}
    if not any(mix.values()):
        raise ValueError(f"no {kind} challenge has a weight above 0")
    return mix


def draw(rng: Random, *, kind: Kind, families: Mapping[str, float] | None = None) -> Challenge:
    """A new challenge of ``kind``, its family chosen by weight.

    ``families`` maps names to weights that replace the registry's; families it doesn't name keep theirs.

    Raises:
        ValueError: as `weights`.
    """
    mix = weights(kind, families)
    name = rng.choices(list(mix), weights=list(mix.values()))[0]
    return FAMILIES[name].draw(rng)


def grade(family: str, secret: Mapping[str, Any], answers: Mapping[str, str | list[str]]) -> bool:
    """Whether ``answers`` (field id to text, or to the chosen values) solve the challenge. Never raises."""
    known = FAMILIES.get(family) if isinstance(family, str) else None
    return known is not None and known.grade(secret, answers)
