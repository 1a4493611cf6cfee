"""Pairs of words with something between them: which pairs show it, and who belongs to a single word.

A relation is a table of pairs. Wrong pairs are made by exchanging the second words within the table, so that every
word on offer fits the relation by kind ("kitten and horse"). The tables are chosen so that every exchange is clearly
wrong: no "chimney of a house" beside "roof of a factory". No word stands in two pairs of a table.
"""

from dataclasses import dataclass
from random import Random

from freetheai.challenge.answers import grade
from freetheai.challenge.model import Challenge, Family
from freetheai.challenge.posing import Question, pose
from freetheai.challenge.wording import say, uneven_subset

NAME = "pairs"
_OFFERED = 8
_JOINERS = (" / ", " – ", " and ", " + ", ", ")


@dataclass(frozen=True, slots=True)
class Relation:
    """Wordings that ask for the pairs, wordings that ask for the partner of {word}, and the pairs.

    With ``asks_first`` the second word of a pair is told and the first is wanted.
    """

    asked: str
    partner: str
    pairs: tuple[tuple[str, str], ...]
    asks_first: bool = False


def _table(text: str) -> tuple[tuple[str, str], ...]:
    return tuple(
        (first.strip(), second.strip()) for first, _, second in (pair.partition("/") for pair in text.split(","))
    )


RELATIONS = (
    Relation(
        "[Which pairs are opposites|Where do the words mean the opposite]?",
        "[Which word|What] is the opposite of {word}?",
        _table(
            "full/empty, day/night, loud/quiet, rich/poor, true/false, left/right, always/never, arrive/leave,"
            "fall asleep/wake up, laugh/weep, remember/forget, build/pull down, win/lose, lend/borrow, attack/defend,"
            "push/pull, brave/cowardly, everybody/nobody, question/answer, guest/host"
        ),
    ),
    Relation(
        "[Which pairs mean the same|Where do both words mean the same]?",
        "Which word means the same as {word}?",
        _table(
            "start/begin, sick/ill, quick/fast, glad/happy, large/big, small/little, finish/end, sofa/couch,"
            "gift/present, stone/rock, woods/forest, speak/talk, loud/noisy, rubbish/garbage, picture/image"
        ),
    ),
    Relation(
        "[Which pairs are|Where do you see] a young animal and its mother?",
        "What does a {word} [become|grow into]?",
        _table(
            "kitten/cat, puppy/dog, calf/cow, lamb/sheep, foal/horse, chick/hen, tadpole/frog, caterpillar/butterfly"
        ),
    ),
    Relation(
        "[In which pairs|Where] is the first a part of the second?",
        "[Which of these|What] has a {word} [as a part|as one of its parts]?",
        _table(
            "page/book, pedal/bicycle, sail/ship, finger/hand, roof/house, branch/tree, sleeve/shirt, feather/bird,"
            "nostril/nose, fin/fish, minute/hour, player/team"
        ),
    ),
    Relation(
        "[Which pairs are|Where do you see] a job and what it [needs|works with]?",
        "Who [works with|needs] {word} [every day|at work]?",
        _table(
            "hairdresser/a comb, fisherman/a net, carpenter/a hammer, tailor/a needle, gardener/a rake, baker/an oven,"
            "photographer/a camera, postman/letters, pilot/an aeroplane, drummer/a drum, bus driver/a bus"
        ),
        asks_first=True,
    ),
    Relation(
        "[In which pairs|Where] [is the second made from|does the second come from] the first?",
        "[Which of these|What] is made from {word}?",
        _table(
            "milk/cheese, wool/pullover, grapes/wine, tomatoes/ketchup, sand/glass, wood/paper, snow/snowman,"
            "iron/nails, wax/candle"
        ),
    ),
    Relation(
        "[Which pairs are|Where do you see] a thing and what you do with it?",
        "[With what|With which of these] do you {word}?",
        _table(
            "pencil/write, soap/wash, oven/bake, spade/dig, ladder/climb, bicycle/ride, umbrella/stay dry, glue/stick,"
            "needle/sew, bell/ring, camera/take pictures, scales/weigh"
        ),
        asks_first=True,
    ),
    Relation(
        "[Which pairs are|Where do you see] a place and what you go there for?",
        "Where do you go for {word}?",
        _table(
            "bakery/bread, library/books, hospital/an operation, station/trains, garage/a car repair, florist/flowers,"
            "zoo/lions, harbour/ships, barber/a haircut, stadium/a football match"
        ),
        asks_first=True,
    ),
)


def draw(rng: Random) -> Challenge:
    """Pairs of one relation, and the partner of one word of another."""
    several, single = rng.sample(RELATIONS, 2)
    return pose(rng, NAME, "", [_pairs(rng, several), _partner(rng, single)])


def _pairs(rng: Random, relation: Relation) -> Question:
    offered = min(_OFFERED, len(relation.pairs))
    chosen = rng.sample(relation.pairs, offered)
    size = uneven_subset(rng, offered)
    right, others = chosen[:size], chosen[size:]
    # Every wrong pair takes the partner of the next: none keeps its own, and all words on offer are of the same kinds.
    wrong = [(first, second) for (first, _), (_, second) in zip(others, others[1:] + others[:1], strict=True)]
    joiner = rng.choice(_JOINERS)
    texts = {pair: joiner.join(pair) for pair in right + wrong}
    return Question(
        text=say(rng, relation.asked),
        options=tuple(texts.values()),
        right=tuple(texts[pair] for pair in right),
        many=True,
    )


def _partner(rng: Random, relation: Relation) -> Question:
    chosen = rng.sample(relation.pairs, min(_OFFERED, len(relation.pairs)))
    known, wanted = (1, 0) if relation.asks_first else (0, 1)
    return Question(
        text=say(rng, relation.partner, word=chosen[0][known]),
        options=tuple(pair[wanted] for pair in chosen),
        right=(chosen[0][wanted],),
    )


FAMILY = Family(name=NAME, kind="worded", weight=1.0, draw=draw, grade=grade)
