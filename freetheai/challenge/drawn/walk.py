"""A field of letters and a row of arrows: walk from the marked letter as the arrows point, and write what you meet.

Each letter stands in the field once, and the walk comes to none of them twice.
"""

from itertools import pairwise
from random import Random

from freetheai.challenge.answers import grade
from freetheai.challenge.drawn.answering import LETTERS, challenge, typed
from freetheai.challenge.drawn.canvas import HEIGHT, WIDTH, Point, Sheet
from freetheai.challenge.model import Challenge, Family
from freetheai.challenge.wording import say

NAME = "walk"
_COLUMNS, _ROWS = 6, 3
_STEPS = 5
_WAYS = ((1, 0), (-1, 0), (0, 1), (0, -1))
_TASK = "[Start|Begin] at the letter in the ring, [go|walk] as the arrows say."
_ANSWER = "[Write|Type] all the letters you [meet|come to], the first one too."

Cell = tuple[int, int]


def draw(rng: Random) -> Challenge:
    """A field, a walk of five steps, and one line to type its six letters."""
    letters = rng.sample(LETTERS, _COLUMNS * _ROWS)
    walks = _walks()
    cells = rng.choice(walks)
    sheet = Sheet(rng)
    top = sheet.question(rng, [say(rng, _TASK), say(rng, _ANSWER)])
    turns = list(pairwise(cells))
    for index, (one, other) in enumerate(turns):
        at = WIDTH / 2 + (index - (_STEPS - 1) / 2) * 96, top + 28
        _draw_arrow(sheet, at, (other[0] - one[0], other[1] - one[1]))
    room = HEIGHT - top - 62
    for index, letter in enumerate(letters):
        column, row = index % _COLUMNS, index // _COLUMNS
        at = (column + 0.5) * WIDTH / _COLUMNS, top + 62 + (row + 0.5) * room / _ROWS
        sheet.text((at[0] + rng.uniform(-5, 5), at[1] + rng.uniform(-4, 4)), letter, rng.uniform(36, 42))
        if (column, row) == cells[0]:
            sheet.ring(at, 40, 5)
    right = "".join(letters[row * _COLUMNS + column] for column, row in cells)
    fields, secret = typed(rng, [{"rule": "letters", "right": right, "of": len(walks)}], "Six letters")
    return challenge(NAME, "letters and arrows", sheet.png(), fields, secret)


def _walks() -> list[tuple[Cell, ...]]:
    """Every walk of the field that meets no cell twice and isn't straight."""
    walks: list[tuple[Cell, ...]] = [((column, row),) for column in range(_COLUMNS) for row in range(_ROWS)]
    for _ in range(_STEPS):
        walks = [
            (*walk, cell)
            for walk in walks
            for cell in ((walk[-1][0] + x, walk[-1][1] + y) for x, y in _WAYS)
            if cell not in walk and 0 <= cell[0] < _COLUMNS and 0 <= cell[1] < _ROWS
        ]
    return [walk for walk in walks if len({x for x, _ in walk}) > 1 and len({y for _, y in walk}) > 1]


def _draw_arrow(sheet: Sheet, at: Point, way: Cell) -> None:
    """A thick arrow, 44 pixels long, pointing to ``way``."""
    x, y = way
    tip, tail = (at[0] + 22 * x, at[1] + 22 * y), (at[0] - 22 * x, at[1] - 22 * y)
    sheet.line([tail, tip], 6)
    for side in (1, -1):
        sheet.line([tip, (tip[0] - 15 * x + 13 * side * y, tip[1] - 15 * y + 13 * side * x)], 6)


FAMILY = Family(name=NAME, kind="picture", weight=1.0, draw=draw, grade=grade)
