"""Twelve tiles with a shape each: choose the tiles that fit.

Shapes are turned, large or small, filled or outlined; what is asked is their kind, or filled against outlined: form
alone tells. Each tile has a letter, in no order.
"""

import math
from dataclasses import dataclass
from random import Random

from freetheai.challenge.answers import grade
from freetheai.challenge.drawn.answering import LETTERS, challenge, chosen
from freetheai.challenge.drawn.canvas import HEIGHT, WIDTH, Point, Sheet
from freetheai.challenge.model import Challenge, Family
from freetheai.challenge.wording import say

NAME = "shapes"
_COLUMNS, _ROWS = 4, 3
_PLURALS = {
    "star": "stars",
    "triangle": "triangles",
    "square": "squares",
    "circle": "circles",
    "heart": "hearts",
    "cross": "crosses",
}
_FEWEST, _MOST = 3, 8


@dataclass(frozen=True, slots=True)
class _Tile:
    letter: str
    kind: str
    is_filled: bool


def draw(rng: Random) -> Challenge:
    """Twelve tiles, and a list of their letters to choose from."""
    while True:
        tiles = _tiles(rng)
        lines, right = _question(rng, tiles)
        if _FEWEST <= len(right) <= _MOST:
            break
    sheet = Sheet(rng)
    top = sheet.question(rng, lines)
    height = (HEIGHT - top) / _ROWS
    for index, tile in enumerate(tiles):
        at = (index % _COLUMNS + 0.5) * WIDTH / _COLUMNS, top + (index // _COLUMNS + 0.5) * height
        _draw_tile(rng, sheet, tile, at)
    fields, secret = chosen(rng, sorted(tile.letter for tile in tiles), right)
    return challenge(NAME, "shapes", sheet.png(), fields, secret)


def _tiles(rng: Random) -> list[_Tile]:
    kinds = rng.sample(sorted(_PLURALS), 4)
    letters = rng.sample(LETTERS, _COLUMNS * _ROWS)
    shown = rng.sample([*kinds, *rng.choices(kinds, k=len(letters) - len(kinds))], len(letters))
    return [_Tile(letter, kind, rng.random() < 0.5) for letter, kind in zip(letters, shown, strict=True)]


def _question(rng: Random, tiles: list[_Tile]) -> tuple[list[str], list[str]]:
    kinds = sorted({tile.kind for tile in tiles})
    one, other = rng.sample(kinds, 2)
    choose = "[Choose|Pick|Mark|Find]"
    match rng.randrange(4):
        case 0:
            text, right = f"{choose} all the {_PLURALS[one]}.", [t for t in tiles if t.kind == one]
        case 1:
            text = f"{choose} all {_PLURALS[one]} and all {_PLURALS[other]}."
            right = [t for t in tiles if t.kind in (one, other)]
        case 2:
            text = f"{choose} all shapes that are filled in, but no {_PLURALS[one]}."
            right = [t for t in tiles if t.is_filled and t.kind != one]
        case _:
            text = f"{choose} all shapes that are empty inside, but no {_PLURALS[one]}."
            right = [t for t in tiles if not t.is_filled and t.kind != one]
    return [say(rng, text), "Answer with their letters."], [tile.letter for tile in right]


def _draw_tile(rng: Random, sheet: Sheet, tile: _Tile, at: Point) -> None:
    radius = rng.uniform(34, 46)
    middle = at[0] + 24 + rng.uniform(-6, 6), at[1] + rng.uniform(-4, 4)
    sheet.text((at[0] - 54, at[1] + rng.uniform(-20, 20)), tile.letter, 32)
    points = [
        (middle[0] + radius * x, middle[1] + radius * y)
        for x, y in _turned(_outline(tile.kind), rng.uniform(-0.4, 0.4))
    ]
    sheet.area(points, 4, filled=tile.is_filled)


def _outline(kind: str) -> list[Point]:
    """The shape about the origin, within a circle of radius 1."""
    match kind:
        case "star":
            return _around(10, (1.0, 0.42), -90)
        case "triangle":
            return _around(3, (1.0,), -90)
        case "square":
            return _around(4, (1.0,), 45)
        case "circle":
            return _around(48, (0.85,), 0)
        case "cross":
            a, b = 0.3, 0.9
            return [
                (-a, -b),
                (a, -b),
                (a, -a),
                (b, -a),
                (b, a),
                (a, a),
                (a, b),
                (-a, b),
                (-a, a),
                (-b, a),
                (-b, -a),
                (-a, -a),
            ]
        case _:
            turns = [2 * math.pi * step / 60 for step in range(60)]
            return [
                (
                    math.sin(t) ** 3,
                    -(13 * math.cos(t) - 5 * math.cos(2 * t) - 2 * math.cos(3 * t) - math.cos(4 * t)) / 16,
                )
                for t in turns
            ]


def _around(count: int, radii: tuple[float, ...], start: float) -> list[Point]:
    angles = [math.radians(start + 360 * step / count) for step in range(count)]
    return [
        (radii[step % len(radii)] * math.cos(x), radii[step % len(radii)] * math.sin(x))
        for step, x in enumerate(angles)
    ]


def _turned(points: list[Point], angle: float) -> list[Point]:
    sine, cosine = math.sin(angle), math.cos(angle)
    return [(x * cosine - y * sine, x * sine + y * cosine) for x, y in points]


FAMILY = Family(name=NAME, kind="picture", weight=1.0, draw=draw, grade=grade)
