"""Seven lines of the same ink cross on their way from letters to numbers: where do four of them end.

A line runs through three columns of places. In each of the two stretches no two crossings lie close together, so that
an eye can follow; between the stretches the lines run level and apart.
"""

from itertools import combinations, pairwise
from math import perm
from random import Random

from freetheai.challenge.answers import grade
from freetheai.challenge.drawn.answering import LETTERS, challenge, typed
from freetheai.challenge.drawn.canvas import HEIGHT, WIDTH, Point, Sheet
from freetheai.challenge.model import Challenge, Family
from freetheai.challenge.wording import say

NAME = "lines"
_COUNT = 7
_ASKED = 4
_LEFT, _RIGHT = 70.0, WIDTH - 70.0
_FEWEST_CROSSINGS, _MOST_CROSSINGS = 4, 9
_TASKS = (
    ("[Follow|Trace] the lines from {names}.", "[Type|Write] the four numbers, in this order."),
    ("Where do the lines from {names} end?", "[Give|Type] the four numbers in this order."),
)


def draw(rng: Random) -> Challenge:
    """Seven lines and one line to type: four digits."""
    letters, numbers = rng.sample(LETTERS, _COUNT), rng.sample("23456789", _COUNT)
    stretches = [_stretch(rng), _stretch(rng)]
    ends = [stretches[1][stretches[0][row]] for row in range(_COUNT)]
    asked = rng.sample(range(_COUNT), _ASKED)
    *first, last = (letters[row] for row in asked)
    names = f"{', '.join(first)} and {last}"
    sheet = Sheet(rng)
    top = sheet.question(rng, [say(rng, text, names=names) for text in rng.choice(_TASKS)])
    heights = [top + 24 + (HEIGHT - top - 48) * row / (_COUNT - 1) for row in range(_COUNT)]
    middle = WIDTH / 2 + rng.uniform(-50, 50)
    for row in range(_COUNT):
        way = [row, stretches[0][row], ends[row]]
        sheet.line(_curve([(x, heights[at]) for x, at in zip((_LEFT, middle, _RIGHT), way, strict=True)]), 4)
        sheet.text((_LEFT - 34, heights[row]), letters[row], 34)
        sheet.text((_RIGHT + 34, heights[row]), numbers[row], 34)
    right = "".join(numbers[ends[row]] for row in asked)
    rule = {"rule": "letters", "right": right, "of": perm(_COUNT, _ASKED)}
    fields, secret = typed(rng, [rule], "Four numbers")
    return challenge(NAME, "lines that cross", sheet.png(), fields, secret)


def _stretch(rng: Random) -> list[int]:
    """Where each row goes, with some crossings, none of them close to another."""
    while True:
        goes = rng.sample(range(_COUNT), _COUNT)
        crossings = _crossings(goes)
        if _FEWEST_CROSSINGS <= len(crossings) <= _MOST_CROSSINGS and not any(
            abs(a[0] - b[0]) < 0.14 and abs(a[1] - b[1]) < 0.8 for a, b in combinations(crossings, 2)
        ):
            return goes


def _crossings(goes: list[int]) -> list[Point]:
    """Where straight ways cross: the share of the stretch, and the row."""
    found = []
    for upper, lower in combinations(range(_COUNT), 2):
        apart, apart_then = lower - upper, goes[lower] - goes[upper]
        if apart_then < 0:
            share = apart / (apart - apart_then)
            found.append((share, upper + (goes[upper] - upper) * share))
    return found


def _curve(way: list[Point]) -> list[Point]:
    """A smooth line through ``way``, level at each of its points."""
    points = [way[0]]
    for (x0, y0), (x1, y1) in pairwise(way):
        for step in range(1, 41):
            t = step / 40
            points.append((x0 + (x1 - x0) * t, y0 + (y1 - y0) * t * t * (3 - 2 * t)))
    return points


FAMILY = Family(name=NAME, kind="picture", weight=0.7, draw=draw, grade=grade)
