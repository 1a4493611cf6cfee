"""The opponent: a script of patterns that fills in the forms of challenges without understanding them.

It does what public self-bot scripts do, and more: arithmetic in digits and words, "type the word", quoted and marked
words, the n-th word, longest and largest, days and months by their neighbours, ready lists of words by kind and of
opposites, options that stand in one sentence with the words of the question, the most, least, first and last
mentioned. Each field gets the answer of the first rule that fits; the rules that always fit (`FALLBACKS`) are tried
one after the other by `every_way`, which is more than a script gets: a form can be sent once.

It sees what a member's client sees: text, labels, descriptions, placeholders, options. Never the secret.
"""

import re
from collections.abc import Callable, Iterator
from random import Random

from freetheai.challenge import Challenge, Field

Answer = str | list[str]

NUMBER_WORDS = {
    word: str(value)
    for value, word in enumerate(
        ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
    )
}
ORDINALS = {
    "first": 0, "second": 1, "2nd": 1, "third": 2, "3rd": 2, "fourth": 3, "4th": 3, "fifth": 4, "sixth": 5, "last": -1,
}  # fmt: skip
DAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
MONTHS = [
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
]  # fmt: skip
KINDS = {
    r"\beat\b|food|hungry": "apple banana bread cheese carrot rice soup cake potato salad pizza peach egg fish",
    r"\bwear|clothes|put on": "shirt shoes hat gloves socks trousers scarf coat jacket skirt dress cap boots jumper",
    r"\bdrink|drunk": "water milk tea coffee juice lemonade cocoa wine beer",
    r"music|tune|instrument": "guitar piano flute violin trumpet harp drum cello clarinet organ saxophone",
    r"\bfly\b|wings|birds?": "eagle bee butterfly sparrow owl bat pigeon swallow crow moth mosquito seagull wasp",
    r"body": "nose knee ear elbow finger toe chin shoulder neck tongue thumb heel hand foot eye mouth",
    r"wheels|vehicle": "car bus bicycle lorry tram taxi tractor motorbike truck train scooter skateboard",
    r"water|sea": "shark whale octopus dolphin salmon tuna herring squid trout crab fish",
    r"animal": "cat dog cow horse sheep goat pig lion tiger mouse snake bird fish frog monkey",
    r"fruit": "apple banana orange peach grape cherry pear plum",
    r"electric|batter": "fridge television computer toaster microwave printer lamp phone radio",
    r"\bcut": "knife scissors saw axe razor",
    r"\bhot|burn|melt": "fire lava oven stove candle ice snow butter",
    r"heavy|heavier|weighs": "elephant bus car whale lorry house ship train tractor",
    r"ball|round": "orange globe marble pea ball pearl football",
    r"talk|tell|person|job": "teacher nurse baker farmer doctor driver cook painter",
}
OPPOSITES = dict(
    pair.split("/")
    for pair in [
        "hot/cold",
        "full/empty",
        "wet/dry",
        "open/closed",
        "old/new",
        "day/night",
        "loud/quiet",
        "up/down",
        "early/late",
        "rich/poor",
        "strong/weak",
        "clean/dirty",
        "true/false",
        "thick/thin",
        "left/right",
        "big/small",
        "tall/short",
        "fast/slow",
        "good/bad",
        "black/white",
    ]
)
OPPOSITES |= {second: first for first, second in OPPOSITES.items()}
NEGATIONS = re.compile(r"\b(not|no|never|nobody|nothing|without|except|isn't|can't|don't)\b", re.IGNORECASE)


def read(challenge: Challenge, field: Field) -> tuple[str, str]:
    """The question of ``field`` and all that the form says."""
    texts = [field.label, field.description, field.placeholder]
    if field.description or not re.search(r"\?|gap", field.label):
        texts += [
            line
            for line in challenge.display.split("\n")
            if line.startswith((field.label, "*", ">")) and field.label in line
        ]
    whole = " ".join([challenge.display, *(f"{other.label} {other.description}" for other in challenge.fields)])
    return " ".join(text for text in texts if text), whole


def answer(challenge: Challenge, rng: Random) -> dict[str, Answer]:
    """The script's one set of answers."""
    return {field.id: _field(challenge, field, rng) for field in challenge.fields}


def every_way(challenge: Challenge, rng: Random) -> Iterator[dict[str, Answer]]:
    """The set of answers with each of the fallbacks in place of the first that fits."""
    for fallback in FALLBACKS:
        yield {
            field.id: fallback(field, *read(challenge, field), rng)
            if field.options
            else _typed(*read(challenge, field), rng)
            for field in challenge.fields
        }


def _field(challenge: Challenge, field: Field, rng: Random) -> Answer:
    question, whole = read(challenge, field)
    if not field.options:
        return _typed(question, whole, rng)
    known = _known(field, question, whole)
    if known is not None:
        return known
    return _together(field, question, whole, rng) or _half(field, question, whole, rng)


# Typed answers


def _typed(question: str, whole: str, rng: Random) -> str:
    for rule in (
        _sum,
        _type_the_word,
        _nth_word,
        _extreme,
        _neighbour,
        _opposite,
        _spelled_backwards,
        _initials,
        _where,
        _quoted,
    ):
        found = rule(question, whole)
        if found:
            return found
    capitals = re.findall(r"\b[A-Z][a-z]+\b", whole)
    return rng.choice(capitals) if capitals else "yes"


def _sum(question: str, whole: str) -> str | None:
    text = question.lower()
    for word, value in NUMBER_WORDS.items():
        text = re.sub(rf"\b{word}\b", value, text)
    found = re.search(r"(\d+)\s*(\+|plus|-|minus|\*|x|times)\s*(\d+)", text)
    if not found:
        return None
    one, other = int(found[1]), int(found[3])
    return str({"+": one + other, "p": one + other, "-": one - other, "m": one - other}.get(found[2][0], one * other))


def _type_the_word(question: str, whole: str) -> str | None:
    found = re.search(r"(?:type|enter|write|word)\s*(?:the word)?\s*[:\"'“]\s*(\w+)", question, re.IGNORECASE)
    return found[1] if found else None


def _quoted(question: str, whole: str) -> str | None:
    found = re.search(r"[\"“'`*_]{1,2}([A-Za-z]{3,})[\"”'`*_]{1,2}", whole)
    return found[1] if found else None


def _nth_word(question: str, whole: str) -> str | None:
    found = re.search(r"\b(\w+) word (?:of|in)[^:]*:\s*(.+)", question, re.IGNORECASE)
    if not found or found[1].lower() not in ORDINALS:
        return None
    words = re.findall(r"\w+", found[2])
    index = ORDINALS[found[1].lower()]
    return words[index] if -len(words) <= index < len(words) else None


def _extreme(question: str, whole: str) -> str | None:
    numbers = [int(x) for x in re.findall(r"\d+", question)]
    if len(numbers) > 1 and re.search(r"larg|big|high|most|great", question, re.IGNORECASE):
        return str(max(numbers))
    if len(numbers) > 1 and re.search(r"small|low|least", question, re.IGNORECASE):
        return str(min(numbers))
    return None


def _neighbour(question: str, whole: str) -> str | None:
    if not re.search(r"month|day|when|birthday", question, re.IGNORECASE):
        return None
    turn = MONTHS if re.search(r"month", question) else DAYS
    found = _by_neighbours(whole, turn)
    return turn[found[0]].capitalize() if found else None


def _opposite(question: str, whole: str) -> str | None:
    found = re.search(r"opposite of (\w+)", question)
    return OPPOSITES.get(found[1]) if found else None


def _spelled_backwards(question: str, whole: str) -> str | None:
    found = re.search(r"(\w+) (?:backwards|reversed)", question)
    return found[1][::-1] if found else None


def _initials(question: str, whole: str) -> str | None:
    """Names in the order in which they are mentioned, with "last … front" carried out."""
    if not re.search(r"letters|names|order", question + whole[-200:]):
        return None
    story = re.sub(r"(?m)^[>*].*$", "", whole)
    pairs = re.findall(r"\b([A-Z][a-z]+)\b[^.]*? (?:before|in front of) ([A-Z][a-z]+)", story)
    named = list(dict.fromkeys(name for pair in pairs for name in pair))
    for name in re.findall(r"(?<=[a-z,] )[A-Z][a-z]+|(?<=\. )[A-Z][a-z]+(?= (?:is|comes|has))", story):
        if name not in named and name not in ("Six", "Right", "Directly", "Now", "Then"):
            named.append(name)
    return " ".join(named) if len(named) > 3 else None


def _where(question: str, whole: str) -> str | None:
    """The last word of the last sentence that names what the question names."""
    subject = re.findall(r"\b(?:the|is|did|does|as|of) (\w+)", question)
    for word in reversed(subject):
        sentences = [s for s in re.split(r"[.\n]", whole) if word in s and "?" not in s]
        if sentences:
            return re.findall(r"\w+", sentences[-1])[-1]
    return None


# Choices


def _known(field: Field, question: str, whole: str) -> Answer | None:
    for rule in (_opposite_options, _days_told, _kind, _occurs_in_question):
        values = rule(field, question, whole)
        if values:
            return values if field.max_values > 1 else values[0]
    return None


def _opposite_options(field: Field, question: str, whole: str) -> list[str]:
    if "opposite" not in question:
        return []
    found = re.search(r"opposite of (\w+)", question)
    wanted = OPPOSITES.get(found[1]) if found else None
    right = []
    for value, label in field.options:
        words = re.findall(r"\w+", label)
        if label == wanted or (len(words) > 1 and OPPOSITES.get(words[0]) == words[-1]):
            right.append(value)
    return right


def _days_told(field: Field, question: str, whole: str) -> list[str]:
    labels = [label.lower() for _, label in field.options]
    turn = DAYS if set(labels) == set(DAYS) else MONTHS if set(labels) == set(MONTHS) else None
    if turn is None:
        return []
    found = {turn[index] for index in _by_neighbours(whole, turn)}
    sentence = " ".join(s for s in re.split(r"[.\n]", whole) if any(day in s.lower() for day in turn))
    if (turn is DAYS and re.search(r"except|closed", sentence)) or re.search(r"rest|free", question):
        found = set(turn) - found
    return [value for value, label in field.options if label.lower() in found]


def _by_neighbours(text: str, turn: list[str]) -> list[int]:
    """Indexes of days or months told as "the (second) day after X", "two days before X", "between X and Y"."""
    unit = "day" if turn is DAYS else "month"
    names = "|".join(turn)
    found = []
    pattern = (
        rf"(second|2nd|two|2|third|three|3)?\s*{unit}s?(?: right| just| that comes)? "
        rf"(after|before|behind|follows|following) ({names})"
    )
    for step, side, name in re.findall(pattern, text.lower()):
        size = {"": 1, "third": 3, "three": 3, "3": 3}.get(step, 2)
        found.append((turn.index(name) + (-size if side == "before" else size)) % len(turn))
    for one, _ in re.findall(rf"between ({names}) and ({names})", text.lower()):
        found.append((turn.index(one) + 1) % len(turn))
    return found


def _kind(field: Field, question: str, whole: str) -> list[str]:
    words = next((text.split() for pattern, text in KINDS.items() if re.search(pattern, question, re.IGNORECASE)), None)
    if words is None:
        return []
    is_denied = bool(NEGATIONS.search(question))
    inside = {value for value, label in field.options if any(word in label.lower().split() for word in words)}
    return [value for value, _ in field.options if (value in inside) != is_denied]


def _occurs_in_question(field: Field, question: str, whole: str) -> list[str]:
    return [value for value, label in field.options if field.max_values == 1 and label.lower() in question.lower()]


def _sentences_of(question: str, whole: str) -> list[str]:
    """Sentences of the story that name what the question is about, the last first."""
    common = set(
        [
            "which",
            "what",
            "who",
            "where",
            "when",
            "things",
            "there",
            "these",
            "first",
            "second",
            "answer",
            "question",
            "part",
            "reply",
            "find",
        ]
    )
    keys = [word for word in re.findall(r"\w+", question) if len(word) > 2 and word.lower() not in common]
    sentences = [s for s in re.split(r"[.\n]", whole) if "?" not in s]
    scored = [(sum(key in s for key in keys), index, s) for index, s in enumerate(sentences)]
    best = max((score for score, _, _ in scored), default=0)
    return [s for score, _, s in reversed(scored) if score == best and score]


def _mentions(field: Field, text: str) -> list[tuple[int, str]]:
    return [(len(re.findall(rf"\b{re.escape(label)}\b", text)), value) for value, label in field.options]


def _as_answer(field: Field, values: list[str], rng: Random) -> Answer:
    if field.max_values > 1:
        return values or [rng.choice(field.options)[0]]
    return values[0] if values else rng.choice(field.options)[0]


def _together(field: Field, question: str, whole: str, rng: Random) -> Answer:
    near = " ".join(_sentences_of(question, whole))
    return _as_answer(field, [value for count, value in _mentions(field, near) if count], rng)


def _together_last(field: Field, question: str, whole: str, rng: Random) -> Answer:
    near = " ".join(_sentences_of(question, whole)[:1])
    return _as_answer(field, [value for count, value in reversed(_mentions(field, near)) if count], rng)


def _most_mentioned(field: Field, question: str, whole: str, rng: Random) -> Answer:
    counts = _mentions(field, whole)
    most = max(count for count, _ in counts)
    return _as_answer(field, [value for count, value in counts if count == most], rng)


def _least_mentioned(field: Field, question: str, whole: str, rng: Random) -> Answer:
    counts = _mentions(field, whole)
    least = min(count for count, _ in counts)
    return _as_answer(field, [value for count, value in counts if count == least], rng)


def _half(field: Field, question: str, whole: str, rng: Random) -> Answer:
    return _as_answer(field, [value for value, _ in rng.sample(field.options, len(field.options) // 2)], rng)


def _all(field: Field, question: str, whole: str, rng: Random) -> Answer:
    return _as_answer(field, [value for value, _ in field.options], rng)


def _first(field: Field, question: str, whole: str, rng: Random) -> Answer:
    return _as_answer(field, [field.options[0][0]], rng)


def _last(field: Field, question: str, whole: str, rng: Random) -> Answer:
    return _as_answer(field, [field.options[-1][0]], rng)


def _longest(field: Field, question: str, whole: str, rng: Random) -> Answer:
    return _by_length(field, rng, shortest=False)


def _shortest(field: Field, question: str, whole: str, rng: Random) -> Answer:
    return _by_length(field, rng, shortest=True)


def _by_length(field: Field, rng: Random, *, shortest: bool) -> Answer:
    """The longer or the shorter half of the options: nonsense may need more words."""
    ordered = [value for value, label in sorted(field.options, key=lambda option: len(option[1]), reverse=not shortest)]
    return _as_answer(field, ordered[: max(1, len(ordered) // 2)], rng)


def _odd_by_letters(field: Field, question: str, whole: str, rng: Random) -> Answer:
    """Options that differ from most in having a space, an article or a capital."""
    marks = {value: (" " in label, label[:1].isupper(), label.endswith("s")) for value, label in field.options}
    usual = max(set(marks.values()), key=list(marks.values()).count)
    return _as_answer(field, [value for value, mark in marks.items() if mark != usual], rng)


FALLBACKS: tuple[Callable[[Field, str, str, Random], Answer], ...] = (
    _together, _together_last, _most_mentioned, _least_mentioned, _half, _all, _first, _last, _longest, _shortest,
    _odd_by_letters,
)  # fmt: skip
