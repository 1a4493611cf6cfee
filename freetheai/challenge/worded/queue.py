"""Six people in a row, told by who stands next to whom; then one of them changes place. Write the row.

The neighbours are told in mixed order and from either side. A row in which the order of mention or its reverse, with
or without the change of place, is the answer is thrown away. Initials are enough, since they differ.
"""

import math
import re
from itertools import pairwise
from random import Random

from freetheai.challenge.answers import grade
from freetheai.challenge.model import Challenge, Family
from freetheai.challenge.posing import Question, pose
from freetheai.challenge.wording import names, say

NAME = "queue"
_COUNT = 6
_SCENES = (
    "Six [friends|people|children] [stand|wait] [in a queue|in line] [at the baker's|for the bus|for tickets].",
    "[At the cinema|At the museum|In front of the shop] six people [stand in line|queue].",
    "Six [runners|children] [run|walk] one behind the other.",
)
_NEXT = (
    "{front} [is|comes] [directly|right|just] [before|in front of] {back}.",
    "{back} [is|comes] [directly|right|just] [after|behind] {front}.",
    "[Right|Directly] behind {front} [is|comes] {back}.",
    "[Right|Directly] in front of {back} [is|comes] {front}.",
    "{front} has {back} [right|directly|close] behind.",
)
_CHANGES = (
    "[Now|Then|But then] {last}, who was last, [goes|moves|is let] to the very front.",
    "[Now|Then|A little later] {first}, who was first, [goes|moves] to the very end.",
    "[Now|Then|But then] [the first and the last|the people at the two ends|{first} and {last}] change places.",
)
_ASKED = (
    "[Write|Give|Type] the [new order|row now] from front to back: the first letter of each name.",
    "[Who stands where now|How do they stand now]? [Type|Write] the [six|] first letters, front to back.",
    "[Type|Write] the names, or just their first letters, in their order now, [the front|the first] one first.",
)
_HINTS = ("[Six|6] letters", "[Letters|Initials] or names", "[From|The] front to back", "")


def draw(rng: Random) -> Challenge:
    """A row of six and one question: the row at the end."""
    while True:
        row = names(rng, _COUNT)
        index = rng.randrange(len(_CHANGES))
        end = _changed(row)[index]
        story = _story(rng, row, index)
        named = _mentioned(story, row)
        if end not in [way for order in (named, named[::-1]) for way in (order, *_changed(order))]:
            break
    right = "".join(name[0] for name in end).casefold()
    asked = Question(
        text=say(rng, rng.choice(_ASKED)), right=(right,), rule="order", of=math.factorial(_COUNT), hints=_HINTS
    )
    return pose(rng, NAME, story, [asked])


def _changed(row: list[str]) -> tuple[list[str], ...]:
    """The row after each of the changes."""
    return row[-1:] + row[:-1], row[1:] + row[:1], [row[-1], *row[1:-1], row[0]]


def _story(rng: Random, row: list[str], change: int) -> str:
    neighbours = list(pairwise(row))
    rng.shuffle(neighbours)
    told = [say(rng, rng.choice(_NEXT), front=front, back=back) for front, back in neighbours]
    changed = say(rng, _CHANGES[change], first=row[0], last=row[-1])
    return " ".join([say(rng, rng.choice(_SCENES)), *told, changed])


def _mentioned(story: str, row: list[str]) -> list[str]:
    """The people in the order in which the story first names them."""
    return list(dict.fromkeys(word for word in re.findall(r"\w+", story) if word in row))


FAMILY = Family(name=NAME, kind="worded", weight=0.4, draw=draw, grade=grade)
