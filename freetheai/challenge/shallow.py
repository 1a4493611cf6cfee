"""Answers that somebody finds without understanding a story: families throw away draws in which such a one is right."""

import re
from collections.abc import Iterable


def guesses(story: str, options: Iterable[str], key: str) -> set[frozenset[str]]:
    """Sets of ``options`` that counting and looking about give for a question about ``key``.

    Those mentioned least, most, once, more than once; those in the first, last or any sentence that names ``key``, and
    the rest of each.
    """
    every = frozenset(options)
    counts = {option: _count(story, option) for option in every}
    near = [frozenset(option for option in every if _count(part, option)) for part in _sentences(story, key)]
    found = [
        frozenset(option for option in every if counts[option] == min(counts.values())),
        frozenset(option for option in every if counts[option] == max(counts.values())),
        frozenset(option for option in every if counts[option] == 1),
        frozenset(option for option in every if counts[option] > 1),
        *near,
        frozenset().union(*near),
    ]
    return {chosen - {key} for chosen in found} | {every - chosen for chosen in found}


def _sentences(story: str, key: str) -> list[str]:
    return [part for part in re.split(r"[.\n]", story) if _count(part, key)]


def _count(text: str, word: str) -> int:
    return len(re.findall(rf"\b{re.escape(word)}\b", text))
