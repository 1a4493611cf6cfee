"""Which role is meant by a setting, and which roles count for a member.

Rules:
- a setting names a role by its id (digits, "Copy Role ID" in Discord) or by its name; what looks like an id is never
  taken for a name;
- of several roles that share a name the oldest is meant, and only it: whoever may create roles could else make
  another `staff` and be staff. Ids grow with time, so the smallest is the oldest.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

import discord

from freetheai.membership import is_discord_id

if TYPE_CHECKING:
    from freetheai.bot.client import Bot

_EVENTS: Final = (
    "on_guild_role_create", "on_guild_role_update", "on_guild_role_delete", "on_guild_available", "on_ready",
)  # fmt: skip


class Roles:
    """The roles of one bot's servers: asked by whoever reads a member's roles."""

    def __init__(self, bot: "Bot") -> None:
        self._guild: discord.Guild | None = None
        self._younger: frozenset[int] = frozenset()
        for name in _EVENTS:
            bot.add_listener(self._forget, name)

    def names(self, member: discord.Member) -> tuple[str, ...]:
        """The names of the member's roles that count, the lowest first."""
        younger = self._younger_of(member.guild)
        return tuple(role.name for role in member.roles if not role.is_default() and role.id not in younger)

    def has_one_of(self, member: discord.Member, wanted: Iterable[str]) -> bool:
        """Whether the member has one of the roles that ``wanted`` names, by id or name."""
        named = set(wanted)
        younger = self._younger_of(member.guild)
        return any(
            str(role.id) in named or (role.name in named and not is_discord_id(role.name) and role.id not in younger)
            for role in member.roles
            if not role.is_default()
        )

    def find(self, guild: discord.Guild, name: str) -> discord.Role | None:
        """The role of that name."""
        named = [role for role in guild.roles if role.name == name and not role.is_default()]
        return min(named, key=lambda role: role.id, default=None)

    def _younger_of(self, guild: discord.Guild) -> frozenset[int]:
        """Ids of the roles of ``guild`` whose name an older one has."""
        if guild is not self._guild:
            oldest: dict[str, int] = {}
            for role in guild.roles:
                oldest[role.name] = min(role.id, oldest.get(role.name, role.id))
            self._younger = frozenset(role.id for role in guild.roles if role.id != oldest[role.name])
            self._guild = guild
        return self._younger

    async def _forget(self, *changed: object) -> None:
        """Roles have changed."""
        del changed
        self._guild = None
