"""Things are carried from place to place; asked is what lies where in the end.

The story moves whole groups ("all that is in the cellar, except the rope"), so a thing's last place need not stand in
one sentence with its name. Stories in which nothing came to the place that is asked about, or in which counting words
finds the answer, are thrown away.
"""

from random import Random

from freetheai.challenge.answers import grade
from freetheai.challenge.model import Challenge, Family
from freetheai.challenge.posing import Question, pose
from freetheai.challenge.shallow import guesses
from freetheai.challenge.wording import listed, names, say

NAME = "moves"
THINGS = (
    "hat", "drum", "book", "lamp", "rope", "kite", "clock", "vase", "ball", "doll", "basket", "mirror", "blanket",
    "guitar", "cup", "umbrella", "bucket", "hammer",
)  # fmt: skip
PLACES = ("kitchen", "garden", "cellar", "attic", "garage", "bathroom", "bedroom", "hall")
_LIES = (
    "[In|At first, in|To begin with, in|On Monday, in] the {place} [there are|you can see|you find] {things}.",
    "{things} [are|lie|stand] in the {place} [at first|in the morning|to begin with|].",
    "the {place} [holds|contains] {things}.",
)
_ALL_GO = (
    "[Then|Later|After lunch|Now] {who} [carries|brings|takes] everything from the {start} to the {end}.",
    "{who} [empties|clears out] the {start} and puts [all of it|all those things|everything] in the {end}.",
    "[Later|Next|Then] all that is in the {start} goes to the {end}.",
)
_ALL_BUT_GO = (
    "[Then|Later|Now] {who} [carries|brings|takes] everything except {kept} from the {start} to the {end}.",
    "{who} leaves {kept} [where it is|in its place], but the other things in the {start} go to the {end}.",
    "[Now|Next|Then] only {kept} stays in the {start}; the [rest|others] [go|are brought] to the {end}.",
)
_ONE_GOES = (
    "[Then|At last|Later] {who} [fetches|takes] {thing} [and puts it in|and carries it to] the {end}.",
    "{thing} [is moved|is carried] to the {end} [by {who}|].",
    "[At last|Soon after|Then] {who} [wants|needs] {thing} in the {end}, and [so it goes|takes it] there.",
)


def draw(rng: Random) -> Challenge:
    """A story of eight things and four places, and two questions about its end."""
    while True:
        places = rng.sample(PLACES, 4)
        start = _start(rng, places)
        end, told, last = _tell(rng, places, start)
        asked = rng.choice(places)
        right = tuple(thing for thing in end if end[thing] == asked)
        came = [thing for thing in right if start[thing] != asked]
        elsewhere = [thing for thing in end if end[thing] not in (start[thing], asked) and thing != last]
        if not (2 <= len(right) <= 6 and came and elsewhere):
            continue
        one = rng.choice(elsewhere)
        if not {frozenset(right)} & (guesses(told, end, asked) | guesses(f"{told} {one}", end, asked)):
            break
    where = Question(
        text=say(rng, f"[Where is the {one} [now|at the end]?|In which [place|room] is the {one} [now|in the end]?]"),
        options=PLACES,
        right=(end[one],),
        typed=(end[one],),
    )
    what = Question(
        text=say(rng, f"[What is in the {asked} [at the end|now]?|Which things are in the {asked} [at the end|now]?]"),
        options=tuple(end),
        right=right,
        many=True,
    )
    return pose(rng, NAME, told, [what, where])


def _start(rng: Random, places: list[str]) -> dict[str, str]:
    """Eight things in three of the places, none of them holding all."""
    things = rng.sample(THINGS, 8)
    sizes = rng.choice(((3, 3, 2), (3, 2, 3), (2, 3, 3), (4, 2, 2), (2, 2, 4)))
    homes = [place for place, size in zip(rng.sample(places, 3), sizes, strict=True) for _ in range(size)]
    return dict(zip(things, homes, strict=True))


def _tell(rng: Random, places: list[str], start: dict[str, str]) -> tuple[dict[str, str], str, str]:
    """Where everything ends, the story, and the thing that is carried last and alone."""
    now = dict(start)
    who = iter(names(rng, 3))
    sentences = [
        say(rng, rng.choice(_LIES), place=place, things=listed(rng, [f"the {t}" for t in start if start[t] == place]))
        for place in rng.sample(sorted(set(start.values())), 3)
    ]
    for _ in range(2):
        sentences.append(_group_goes(rng, places, now, next(who)))
    thing = rng.choice(list(now))
    end = rng.choice([place for place in places if place != now[thing]])
    now[thing] = end
    sentences.append(say(rng, rng.choice(_ONE_GOES), who=next(who), thing=f"the {thing}", end=end))
    return now, " ".join(sentences), thing


def _group_goes(rng: Random, places: list[str], now: dict[str, str], who: str) -> str:
    """Move all of one place, or all but one thing, and say so."""
    full = [place for place in places if sum(at == place for at in now.values()) >= 2]
    start = rng.choice(full)
    end = rng.choice([place for place in places if place != start])
    group = [thing for thing, place in now.items() if place == start]
    kept = rng.choice(group) if len(group) > 2 and rng.random() < 0.7 else ""
    now.update({thing: end for thing in group if thing != kept})
    pattern = rng.choice(_ALL_BUT_GO if kept else _ALL_GO)
    return say(rng, pattern, who=who, start=start, end=end, kept=f"the {kept}")


FAMILY = Family(name=NAME, kind="worded", weight=1.0, draw=draw, grade=grade)
