"""A small family told in sentences: who is a grandchild, cousin, niece or nephew of whom, and who is whose parent.

One grandparent, three children of theirs, five grandchildren. What is asked never stands in one sentence: it follows
from two or three. People are women and men with customary names, so that "mother" and "uncle" read naturally.
"""

from random import Random

from freetheai.challenge.answers import grade
from freetheai.challenge.model import Challenge, Family
from freetheai.challenge.posing import Question, pose
from freetheai.challenge.shallow import guesses
from freetheai.challenge.wording import listed, people, say

NAME = "kin"
_PARENT = (
    "{parent} has [{count} children|{count} little ones]: {children}.",
    "{parent} is the {role} of {children}.",
    "{children}: {parent} is their {role}.",
)
_ONLY_PARENT = (
    "{parent} has [only one child|one child]: {children}.",
    "{parent} is the {role} of {children}, [an only child|who has no brothers or sisters].",
)
_SIBLINGS = (
    "{others} [have the same|share a] [mother|father], and so does {last}: it is {elder}.",
    "{elder} has three children, [namely|who are|called] {all}.",
    "{all} are [all|] children of {elder}.",
)
# Said beside the point, so that counting names tells nothing.
_BESIDE = (
    "{one} is [older|taller|louder] than {other}.",
    "{one} [likes to play|often plays] with {other}.",
    "{one} has written a letter to {other}.",
)
_COUNT = {1: "one", 2: "two", 3: "three"}


def draw(rng: Random) -> Challenge:
    """Nine people, a set of them to choose and one to name."""
    while True:
        everyone = people(rng, 9)
        elder, parents, young = everyone[0][0], everyone[1:4], [name for name, _ in everyone[4:]]
        sizes = rng.choice(((2, 2, 1), (2, 1, 2), (1, 2, 2)))
        children, rest = {}, list(young)
        for (name, _), size in zip(parents, sizes, strict=True):
            children[name], rest = rest[:size], rest[size:]
        story = _story(rng, elder, everyone[0][1], parents, children)
        options = tuple(rng.sample([name for name, _ in everyone], len(everyone)))
        key, several = _several(rng, elder, children, options)
        if frozenset(several.right) not in guesses(story, options, key):
            return pose(rng, NAME, story, [several, _single(rng, elder, children, options)])


def _story(
    rng: Random, elder: str, is_woman: bool, parents: list[tuple[str, bool]], children: dict[str, list[str]]
) -> str:
    named = rng.sample([name for name, _ in parents], 3)
    pattern = rng.choice(_SIBLINGS)
    pattern = pattern.replace("[mother|father]", "mother" if is_woman else "father")
    sentences = [
        say(rng, pattern, elder=elder, all=listed(rng, named), others=listed(rng, named[:2]), last=named[2]),
    ]
    for name, woman in rng.sample(parents, 3):
        own = rng.sample(children[name], len(children[name]))
        pattern = rng.choice(_PARENT if len(own) > 1 else _ONLY_PARENT)
        role = "mother" if woman else "father"
        sentences.append(
            say(rng, pattern, parent=name, children=listed(rng, own), role=role, count=_COUNT[len(own)]),
        )
    young = [child for own in children.values() for child in own]
    for one, other in (rng.sample(young, 2), rng.sample(young, 2))[: rng.choice((1, 2))]:
        sentences.append(say(rng, rng.choice(_BESIDE), one=one, other=other))
    rng.shuffle(sentences)
    return " ".join(sentences)


def _several(rng: Random, elder: str, children: dict[str, list[str]], options: tuple[str, ...]) -> tuple[str, Question]:
    """Whom the question is about, and the question: grandchildren, nieces and nephews, or cousins."""
    young = [child for own in children.values() for child in own]
    parent = rng.choice(list(children))
    child = rng.choice(children[parent])
    others = tuple(name for name in young if name not in children[parent])
    key, pattern, right = rng.choice(
        (
            (elder, "Who are the [grandchildren|grandsons and granddaughters] of {key}?", tuple(young)),
            (parent, "Who are the [nieces and nephews|nephews and nieces] of {key}?", others),
            (parent, "To whom is {key} an uncle or aunt?", others),
            (child, "Who are [the cousins of {key}|{key}'s cousins]?", others),
            (child, "Who has {key} as a cousin?", others),
        )
    )
    return key, Question(text=say(rng, pattern, key=key), options=options, right=right, many=True)


def _single(rng: Random, elder: str, children: dict[str, list[str]], options: tuple[str, ...]) -> Question:
    """A child's grandparent, the brother or sister of a child's parent who has a certain child, or the only child."""
    lone = next(parent for parent, own in children.items() if len(own) == 1)
    pair = rng.choice([parent for parent, own in children.items() if len(own) == 2])
    one, other = rng.sample(children[pair], 2)
    text, right = rng.choice(
        (
            (f"Who has the same [mother or father|parents] as {one}?", other),
            (f"Which grandchild of {elder} [is an only child|has no brother or sister]?", children[lone][0]),
            (f"[Which|Who] of {elder}'s children has [just one|a single|only one] child?", lone),
            (f"Who is [the grandmother or grandfather|a grandparent] of {one}?", elder),
        )
    )
    return Question(text=say(rng, text), options=options, right=(right,), typed=(right,))


FAMILY = Family(name=NAME, kind="worded", weight=1.0, draw=draw, grade=grade)
