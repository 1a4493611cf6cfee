"""Letters in closed rings, in rings with a gap, in boxes or alone: write those that stand in one kind.

Reading all letters isn't enough: which of the twelve count is told by what surrounds them.
"""

from random import Random

from freetheai.challenge.answers import grade
from freetheai.challenge.drawn.answering import LETTERS, challenge, typed
from freetheai.challenge.drawn.canvas import HEIGHT, WIDTH, Point, Sheet
from freetheai.challenge.model import Challenge, Family
from freetheai.challenge.wording import say

NAME = "rings"
_COLUMNS, _ROWS = 6, 2
_FRAMES = ("ring", "gap", "box", "none")
_TASKS = {
    "ring": "[Which letters stand|Write the letters that stand] in a closed ring?",
    "gap": "[Which letters stand|Write the letters that stand] in a ring with a gap?",
    "box": "[Which letters stand|Write the letters that stand] in a square box?",
}
_ORDER = "[Row by row|Go row by row], from left to right."
_FEWEST, _MOST = 4, 6


def draw(rng: Random) -> Challenge:
    """Twelve letters and one line to type some of them."""
    letters = rng.sample(LETTERS, _COLUMNS * _ROWS)
    asked = rng.choice(sorted(_TASKS))
    count = rng.randrange(_FEWEST, _MOST + 1)
    others = [frame for frame in _FRAMES if frame != asked]
    frames = [asked] * count + [*others, *rng.choices(others, k=_COLUMNS * _ROWS - count - len(others))]
    rng.shuffle(frames)
    sheet = Sheet(rng)
    task = say(rng, _TASKS[asked])
    task = task.replace("?", ".") if task.startswith("Write") else task
    top = sheet.question(rng, [task, say(rng, _ORDER)])
    for index, (letter, frame) in enumerate(zip(letters, frames, strict=True)):
        x = (index % _COLUMNS + 0.5) * WIDTH / _COLUMNS + rng.uniform(-8, 8)
        y = top + (index // _COLUMNS + 0.5) * (HEIGHT - top) / _ROWS + rng.uniform(-34, 34)
        _draw_letter(rng, sheet, (x, y), letter, frame)
    right = "".join(letter for letter, frame in zip(letters, frames, strict=True) if frame == asked)
    rule = {"rule": "letters", "right": right, "of": 2 ** len(letters) - 1}
    fields, secret = typed(rng, [rule], say(rng, "[Only|Just] the letters"))
    return challenge(NAME, "letters", sheet.png(), fields, secret)


def _draw_letter(rng: Random, sheet: Sheet, at: Point, letter: str, frame: str) -> None:
    sheet.text(at, letter, rng.uniform(38, 44))
    radius = rng.uniform(39, 45)
    match frame:
        case "ring":
            sheet.ring(at, radius, 5)
        case "gap":
            start = rng.uniform(0, 360)
            sheet.ring(at, radius, 5, (start, start + rng.uniform(60, 80)))
        case "box":
            half = radius * 0.86
            corners = [(-half, -half), (half, -half), (half, half), (-half, half)]
            sheet.area([(at[0] + x, at[1] + y) for x, y in corners], 5, filled=False)
        case _:
            pass


FAMILY = Family(name=NAME, kind="picture", weight=1.0, draw=draw, grade=grade)
