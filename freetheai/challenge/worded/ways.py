"""Who did what at a gathering, told by "the same as" and by changes of mind: choose all who ended alike.

Eight people and three things done. Some are told outright, some by reference to another, some first wanted one thing
and then did another. Asked is a group of which at least one member is told by reference alone.
"""

from dataclasses import dataclass
from random import Random

from freetheai.challenge.answers import grade
from freetheai.challenge.model import Challenge, Family
from freetheai.challenge.posing import Question, pose
from freetheai.challenge.shallow import guesses
from freetheai.challenge.wording import listed, names, say

NAME = "ways"


@dataclass(frozen=True, slots=True)
class Topic:
    """A scene, how a choice is told of {who}, how it is asked, and what there is to choose."""

    scene: str
    did: str
    wish: str
    who_did: str
    what_did: str
    things: tuple[str, ...]


TOPICS = (
    Topic(
        "Eight people [met|came] for a [party|wedding].",
        "{who} came by {x}.",
        "take the {x}",
        "Who came by {x}?",
        "How did {who} [come|get there]?",
        ("bus", "train", "bicycle", "taxi", "boat", "tram", "ferry", "coach", "scooter", "car"),
    ),
    Topic(
        "[At the café|In the break] everybody [got|took] one drink.",
        "{who} [drank|had] {x}.",
        "drink {x}",
        "Who [drank|had] {x}?",
        "What did {who} [drink|have]?",
        ("tea", "coffee", "milk", "water", "cocoa", "lemonade", "juice", "beer", "wine", "cider"),
    ),
    Topic(
        "[At the market|In the shop] everybody bought one thing.",
        "{who} bought {x}.",
        "buy {x}",
        "Who [bought|came home with] {x}?",
        "What did {who} buy?",
        ("bread", "cheese", "apples", "flowers", "honey", "fish", "eggs", "soap", "pears", "salt"),
    ),
    Topic(
        "On Sunday everybody [chose|played] one game.",
        "{who} played {x}.",
        "play {x}",
        "Who played {x}?",
        "[What|Which game] did {who} play?",
        ("tennis", "football", "golf", "hockey", "volleyball", "badminton", "cricket", "rugby", "chess", "darts"),
    ),
    Topic(
        "[For the play|On stage] everybody wore one colour.",
        "{who} wore {x}.",
        "wear {x}",
        "Who wore {x}?",
        "[What|Which colour] did {who} wear?",
        ("red", "blue", "green", "yellow", "white", "black", "brown", "pink", "grey", "orange"),
    ),
)
_SAME = (
    "{who} [did|chose] the same [thing|] as {other}.",
    "{who} did [just|exactly] what {other} did.",
    "[So did|The same goes for] {who}, who always [copies|follows] {other}.",
)
_MIND = (
    "{who} [wanted|meant|had planned] to {wish}, but [then|in the end] did [the same as {other}|what {other} did].",
    "[First|At first] {who} wanted to {wish}, but [then|after all] did [the same as {other}|what {other} did].",
    "{who} did not {wish} this time, but did [the same as {other}|what {other} did].",
)


def draw(rng: Random) -> Challenge:
    """Eight people; a group to choose and one person's choice to name."""
    while True:
        topic, chose, followers = _gathering(rng)
        story = _story(rng, topic, chose, followers)
        asked, right = _group(rng, chose, followers)
        if frozenset(right) not in guesses(story, chose, asked):
            break
    group = Question(
        text=say(rng, topic.who_did, x=asked),
        options=tuple(rng.sample(list(chose), len(chose))),
        right=right,
        many=True,
    )
    one = rng.choice([name for name in followers if chose[name] != asked] or followers)
    offered = rng.sample(topic.things, len(topic.things))
    single = Question(
        text=say(rng, topic.what_did, who=one), options=tuple(offered), right=(chose[one],), typed=(chose[one],)
    )
    return pose(rng, NAME, story, [group, single])


def _gathering(rng: Random) -> tuple[Topic, dict[str, str], list[str]]:
    """The topic, what each of eight people chose, and those who follow another."""
    topic = rng.choice(TOPICS)
    things = rng.sample(topic.things, 3)
    who = names(rng, 8)
    chose = dict(zip(who, [*things, *rng.choices(things, k=5)], strict=True))
    followers = who[rng.choice((4, 5)) :]
    return topic, chose, followers


def _group(rng: Random, chose: dict[str, str], followers: list[str]) -> tuple[str, tuple[str, ...]]:
    """What is asked about, and who chose it: two people at least, one of them by following another."""
    groups = {thing: tuple(name for name in chose if chose[name] == thing) for thing in set(chose.values())}
    asked = rng.choice(sorted(x for x, who in groups.items() if len(who) > 1 and set(who) & set(followers)))
    return asked, groups[asked]


def _story(rng: Random, topic: Topic, chose: dict[str, str], followers: list[str]) -> str:
    told = [name for name in chose if name not in followers]
    sentences = []
    for thing in rng.sample(sorted(set(chose.values())), len(set(chose.values()))):
        group = [name for name in told if chose[name] == thing]
        sentences.append(say(rng, topic.did, who=listed(rng, group), x=thing))
    known = list(told)
    for name in followers:
        like = [other for other in known if chose[other] == chose[name]]
        wish = say(rng, topic.wish, x=rng.choice([thing for thing in topic.things if thing != chose[name]]))
        pattern = rng.choice(_MIND if rng.random() < 0.5 else _SAME)
        sentences.append(say(rng, pattern, who=name, other=rng.choice(like), wish=wish[:1].lower() + wish[1:]))
        known.append(name)
    return " ".join([say(rng, topic.scene), *sentences])


FAMILY = Family(name=NAME, kind="worded", weight=1.0, draw=draw, grade=grade)
