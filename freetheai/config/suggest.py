"""The nearest known name, for the one who mistyped."""

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(name: str, known: Iterable[str]) -> str:
    """`` (did you mean 'port'?)``, or "" when nothing known resembles ``name``."""
    found = get_close_matches(name.lower(), list(known), n=1)
    return f" (did you mean '{found[0]}'?)" if found else ""
