"""Sentences that read differently each time: a tiny grammar, lists in words, names.

``say`` takes a pattern in which ``[one|two|three]`` stands for one of the alternatives (they may nest, and may be
empty) and ``{slot}`` for a given text. The result is one sentence with a capital at its head and single spaces.
"""

import re
from collections.abc import Sequence
from random import Random

_ALTERNATIVES = re.compile(r"\[([^\[\]]*)\]")

WOMEN = (
    "Ada", "Bella", "Clara", "Dora", "Emma", "Fatima", "Grace", "Hana", "Ines", "Julia", "Karla", "Lena", "Mia",
    "Nora", "Olga", "Paula", "Rosa", "Sara", "Tina", "Vera", "Wanda", "Yara", "Zoe", "Anna", "Lucy", "Maya", "Elena",
)  # fmt: skip
MEN = (
    "Adam", "Boris", "Carlos", "David", "Emil", "Felix", "Georg", "Hugo", "Ivan", "Jonas", "Karim", "Leo", "Marco",
    "Nils", "Omar", "Pablo", "Ravi", "Samir", "Tom", "Victor", "Willy", "Yusuf", "Zeno", "Ali", "Ben", "Daniel", "Luis",
)  # fmt: skip


def say(rng: Random, pattern: str, **slots: str) -> str:
    """One sentence made from ``pattern``; the slots are filled after the alternatives are chosen."""
    while found := _ALTERNATIVES.search(pattern):
        chosen = rng.choice(found[1].split("|"))
        pattern = pattern[: found.start()] + chosen + pattern[found.end() :]
    text = " ".join(pattern.format(**slots).split())
    text = re.sub(r" ([,.;:?!])", r"\1", text)
    return text[:1].upper() + text[1:]


def listed(rng: Random, items: Sequence[str], last: str = "and") -> str:
    """``items`` as an enumeration in words."""
    if len(items) < 2:
        return "".join(items)
    if len(items) > 2 and last == "and" and rng.random() < 0.3:
        last = "and also"
    return f"{', '.join(items[:-1])} {last} {items[-1]}"


def a(noun: str) -> str:
    """``noun`` with the indefinite article."""
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def names(rng: Random, count: int) -> list[str]:
    """``count`` names with different initials."""
    return [name for name, _ in people(rng, count)]


def people(rng: Random, count: int) -> list[tuple[str, bool]]:
    """``count`` people with different initials, as (name, is a woman)."""
    everyone = [(name, True) for name in WOMEN] + [(name, False) for name in MEN]
    rng.shuffle(everyone)
    chosen: dict[str, tuple[str, bool]] = {}
    for person in everyone:
        chosen.setdefault(person[0][0], person)
    return rng.sample(sorted(chosen.values()), count)


def uneven_subset(rng: Random, count: int) -> int:
    """How many of ``count`` shall be right: every set of 2 to ``count`` - 2 members is then as likely as any other."""
    while True:
        size = sum(rng.random() < 0.5 for _ in range(count))
        if 2 <= size <= count - 2:
            return size
