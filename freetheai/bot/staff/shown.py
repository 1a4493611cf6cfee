"""How people, times and numbers stand in what staff read."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

MAX_CHARS: Final = 1900


def person(user_id: str) -> str:
    """Someone by id: Discord shows the name. Accounts made while Discord was off have other ids."""
    return f"<@{user_id}>" if is_discord_id(user_id) else code(user_id)


def code(text: str) -> str:
    """``text`` as someone else wrote it, letter for letter."""
    return f"`{text.replace('`', chr(39)) or ' '}`"


def is_discord_id(user_id: str) -> bool:
    """Whether ``user_id`` is one of Discord's numbers."""
    return user_id.isascii() and user_id.isdigit() and 15 <= len(user_id) <= 20


def at(moment: datetime) -> str:
    """A moment, as Discord shows it: relative to now."""
    return f"<t:{int(moment.timestamp())}:R>"


def number(count: int) -> str:
    """A count with its thousands apart."""
    return f"{count:,}".replace(",", " ")


def fitting(lines: Iterable[str]) -> str:
    """As many whole lines as a message holds."""
    kept: list[str] = []
    room = MAX_CHARS
    for line in lines:
        room -= len(line) + 1
        if room < 0:
            kept.append("…")
            break
        kept.append(line)
    return "\n".join(kept)
