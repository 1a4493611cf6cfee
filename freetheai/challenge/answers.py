"""Compare what a member sent with what is right: forgiving in form, strict in substance, total.

A secret is {"rules": [{"field", "rule", "right", "of"}]}: each field has one rule and all must hold. ``of`` is how
many answers somebody who knows the form but did not read the question chooses among: the odds of a blind guess.

Rules of grading:
- "choice"  the set of chosen values equals ``right``;
- "text"    the words equal one of ``right``, whatever the case, spaces, accents, width, marks or small words in front;
- "letters" the letters and digits equal ``right`` in this order, separators ignored, and O is 0, I and L are 1;
- "order"   the initials of the words, or the letters of a single word, equal ``right``;
- "time"    hours and minutes equal ``right`` (minutes after twelve) on a dial of twelve hours.
Nothing here raises, whatever the secret or the answers hold: what can't be read is wrong.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any

MAX_ANSWER_CHARACTERS = 400
_HALF_DAY_MINUTES = 12 * 60
_SMALL_WORDS = frozenset(
    (
        "a",
        "an",
        "the",
        "it",
        "is",
        "its",
        "was",
        "in",
        "on",
        "at",
        "by",
        "to",
        "of",
        "my",
        "answer",
        "they",
        "she",
        "he",
    )
)
_LOOKALIKE = str.maketrans("oil", "011")


def grade(secret: object, answers: object) -> bool:
    """Whether every rule of ``secret`` holds for ``answers`` (field id to text or chosen values). Never raises."""
    if not isinstance(secret, Mapping) or not isinstance(answers, Mapping):
        return False
    rules = secret.get("rules")
    if not isinstance(rules, list) or not rules:
        return False
    return all(isinstance(rule, Mapping) and _holds(rule, answers) for rule in rules)


def blind_odds(secret: Mapping[str, Any]) -> int:
    """How many answers a blind guess chooses among: 1 in this many."""
    odds = 1
    for rule in secret["rules"]:
        odds *= rule["of"]
    return odds


def plain(text: str) -> str:
    """Words in lower case without accents, marks and width variants, separated by single spaces."""
    folded = unicodedata.normalize("NFKD", text[:MAX_ANSWER_CHARACTERS]).casefold()
    kept = "".join(character for character in folded if not unicodedata.combining(character))
    return " ".join(re.findall(r"[^\W_]+", kept))


def _holds(rule: Mapping[str, Any], answers: Mapping[str, Any]) -> bool:
    compare = _COMPARE.get(str(rule.get("rule")))
    name = rule.get("field")
    if compare is None or not isinstance(name, str):
        return False
    return compare(rule.get("right"), answers.get(name))


def _choice(right: object, answer: object) -> bool:
    chosen = [answer] if isinstance(answer, str) else answer
    if not isinstance(chosen, list) or not isinstance(right, list):
        return False
    if not all(isinstance(value, str) for value in [*chosen, *right]):
        return False
    return bool(right) and len(chosen) == len(right) and set(chosen) == set(right)


def _typed(answer: object) -> str:
    if isinstance(answer, list) and len(answer) == 1:
        answer = answer[0]
    return plain(answer) if isinstance(answer, str) else ""


def _text(right: object, answer: object) -> bool:
    if not isinstance(right, list):
        return False
    words = _typed(answer).split()
    while len(words) > 1 and words[0] in _SMALL_WORDS:
        del words[0]
    return bool(words) and " ".join(words) in right


def _letters(right: object, answer: object) -> bool:
    given = _typed(answer).replace(" ", "").translate(_LOOKALIKE)
    return isinstance(right, str) and bool(given) and given == right.casefold().translate(_LOOKALIKE)


def _order(right: object, answer: object) -> bool:
    words = [word for word in _typed(answer).split() if word not in ("and", "then")]
    initials = words[0] if len(words) == 1 else "".join(word[0] for word in words)
    return isinstance(right, str) and bool(initials) and initials == right.casefold()


def _time(right: object, answer: object) -> bool:
    if isinstance(answer, list) and len(answer) == 1:
        answer = answer[0]
    if not isinstance(answer, str) or not isinstance(right, int) or isinstance(right, bool):
        return False
    text = unicodedata.normalize("NFKC", answer[:MAX_ANSWER_CHARACTERS]).casefold().strip().replace("o", "0")
    found = re.fullmatch(
        r"([0-9]{1,2})(?:[^0-9a-z]{1,3}| ?h ?)([0-9]{1,2})\W*(?:[ap]\W?m\W*|h\W*)?|([0-9]{1,2})([0-9]{2})\W*", text
    )
    if found is None:
        return False
    hours, minutes = (int(part) for part in found.groups() if part is not None)
    if hours > 24 or minutes > 59:
        return False
    return (hours * 60 + minutes) % _HALF_DAY_MINUTES == right % _HALF_DAY_MINUTES


_COMPARE: dict[str, Callable[[object, object], bool]] = {
    "choice": _choice,
    "text": _text,
    "letters": _letters,
    "order": _order,
    "time": _time,
}
