"""Sentences, some of them absurd: which could be true, and what fits the gap in another.

A frame is a sentence with a gap, fillers that make sense and fillers that clearly don't. Both kinds of sentence have
the same build, so that only the meaning tells them apart.
"""

from dataclasses import dataclass
from random import Random

from freetheai.challenge.answers import grade
from freetheai.challenge.model import Challenge, Family
from freetheai.challenge.posing import Question, pose
from freetheai.challenge.wording import names, say, uneven_subset

NAME = "sense"
_OFFERED = 8
_ASK_SENSE = (
    "[Which sentences|Which of these] [make sense|are quite normal]?",
    "[What|Which of these] could happen on [a normal|any] day?",
)
_ASK_NONSENSE = (
    "[Which sentences|Which of these] [are nonsense|make no sense|are silly]?",
    "[What|Which of these] would nobody ever [see|hear of] on a normal day?",
)
_ASK_GAP = ("[What|Which of these] [fits|belongs] [here|in the gap]: {gap}", "[Fill|Close] the gap: {gap}")


@dataclass(frozen=True, slots=True)
class Frame:
    """A sentence with {who} and a gap {x}, what fits the gap, and what makes it absurd."""

    text: str
    fits: tuple[str, ...]
    absurd: tuple[str, ...]


def _frame(text: str, fits: str, absurd: str) -> Frame:
    return Frame(text, tuple(x.strip() for x in fits.split(",")), tuple(x.strip() for x in absurd.split(",")))


FRAMES = (
    _frame("{who} opens the door with {x}.", "a key, the left hand", "a cloud, a fried egg, the moon, a song"),
    _frame("{who} writes a letter with {x}.", "a pencil, a pen", "a banana, a river, a sandwich, a shark"),
    _frame("{who} cuts the bread with {x}.", "a knife, a bread knife", "a sock, a pillow, a cloud, a balloon"),
    _frame("{who} puts {x} into a handbag.", "a purse, a comb, some coins", "a bridge, an elephant, the sea, a bus"),
    _frame("{who} drinks a cup of {x}.", "tea, warm milk, coffee, cocoa", "sand, nails, bicycles, wood"),
    _frame("{who} sleeps in {x}.", "a bed, a tent, a hotel", "a teapot, a matchbox, an envelope, a spoon"),
    _frame("{who} travels to work by {x}.", "bus, train, bicycle, tram", "carrot, pillow, soup, teaspoon"),
    _frame(
        "{who} wears {x} in the snow.",
        "a warm coat, thick gloves, boots",
        "a lake, a kitchen, a staircase, a train",
    ),
    _frame(
        "{who} has {x} for breakfast.",
        "bread and cheese, an apple, porridge",
        "a ladder, two bricks, the roof, a lamp",
    ),
    _frame(
        "{who} reads {x} in the evening.",
        "a book, the newspaper, a long letter",
        "a potato, a glass of milk, a shoe",
    ),
    _frame("In the nest there is {x}.", "an egg, a young bird, a feather", "a lorry, a castle, a whale, an airport"),
    _frame(
        "{who} lights the dark room with {x}.",
        "a lamp, a candle, a torch",
        "a carpet, a cucumber, a wet towel, a bell",
    ),
    _frame(
        "On the lake {who} sees {x}.",
        "a boat, two swans, some ducks",
        "a burning snowflake, a singing stone, a fish on a bicycle",
    ),
    _frame(
        "{x} barks at the postman.",
        "A dog, The big dog, An angry dog",
        "A tulip, The soup, A wardrobe, An old shoe",
    ),
    _frame(
        "{x} flies over the trees.",
        "An eagle, A helicopter, A flock of geese",
        "A cow, The kitchen table, A tortoise, A piano",
    ),
    _frame(
        "{who} washes the dishes with {x}.",
        "warm water, a sponge, soap and water",
        "dry sand and honey, a lion, mud, ink",
    ),
    _frame(
        "The baby is {x} old.",
        "two days, six months, three weeks, one year",
        "eighty years, a hundred years, ninety years",
    ),
    _frame(
        "{who} climbs up {x}.",
        "the stairs, a ladder, a hill, a tree",
        "a drop of rain, a loaf of bread, a thought, a minute",
    ),
    _frame(
        "{who} listens to {x}.",
        "the radio, a song, the teacher, some music",
        "a smell, the colour green, a slice of cake",
    ),
    _frame(
        "The sun shines {x}.",
        "in the morning, at noon, in summer, on the sea",
        "only under the bed, at midnight in the cellar, inside my pocket",
    ),
    _frame("The farmer gets milk from {x}.", "a cow, a goat, the sheep", "a tractor, the scarecrow, a tomato, a fence"),
    _frame(
        "{who} plants {x} in the garden.",
        "a rose, an apple tree, some beans",
        "a spoonful of wind, the night, a headache",
    ),
    _frame(
        "{who} hears {x} sing in the tree.",
        "a bird, two birds, a blackbird",
        "a stone, a fork, a cabbage, an onion",
    ),
    _frame(
        "It rains, so {who} takes {x}.",
        "an umbrella, a raincoat",
        "a goldfish as a hat, the rainbow home, two hot ovens",
    ),
)


def draw(rng: Random) -> Challenge:
    """Eight sentences, and a ninth with a gap."""
    frames = rng.sample(FRAMES, _OFFERED + 1)
    return pose(rng, NAME, "", [_sentences(rng, frames[:-1]), _gap(rng, frames[-1])])


def _sentences(rng: Random, frames: list[Frame]) -> Question:
    size = uneven_subset(rng, _OFFERED)
    who = names(rng, _OFFERED)
    told = [
        say(rng, frame.text, who=name, x=rng.choice(frame.fits if index < size else frame.absurd))
        for index, (frame, name) in enumerate(zip(frames, who, strict=True))
    ]
    wants_sense = rng.random() < 0.5
    return Question(
        text=say(rng, rng.choice(_ASK_SENSE if wants_sense else _ASK_NONSENSE)),
        options=tuple(told),
        right=tuple(told[:size] if wants_sense else told[size:]),
        many=True,
    )


def _gap(rng: Random, frame: Frame) -> Question:
    gap = say(rng, frame.text, who=names(rng, 1)[0], x=rng.choice(("…", "____", "(?)", "…?…")))
    right = rng.choice(frame.fits)
    absurd = list(frame.absurd)
    return Question(text=say(rng, rng.choice(_ASK_GAP), gap=gap), options=(right, *absurd), right=(right,))


FAMILY = Family(name=NAME, kind="worded", weight=1.0, draw=draw, grade=grade)
