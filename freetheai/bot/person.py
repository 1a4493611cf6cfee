"""Who acts: what an interaction says of a member, as plain values."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import discord

from freetheai.limits.challenges import Place

Interaction = discord.Interaction[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A member at the moment of an interaction. ``guild_id``, ``user_id``: Discord's numbers as text. ``roles``: the
    names that count (``roles.py``), the newest there are, since Discord sends them with each interaction.
    ``joined_at`` None: Discord did not say.
    """

    guild_id: str
    user_id: str
    name: str
    roles: tuple[str, ...]
    created_at: datetime
    joined_at: datetime | None

    def place(self, command: str) -> Place:
        """Where this member's challenges for ``command`` are kept."""
        return Place(guild=self.guild_id, user=self.user_id, command=command)


def person_of(interaction: Interaction) -> Person:
    """The member who did ``interaction``; outside a server one without roles."""
    user = interaction.user
    roles: tuple[str, ...] = ()
    joined_at = None
    if isinstance(user, discord.Member):
        roles = interaction.client.roles.names(user)
        joined_at = user.joined_at
    return Person(
        guild_id=str(interaction.guild_id or 0),
        user_id=str(user.id),
        name=user.display_name,
        roles=roles,
        created_at=user.created_at,
        joined_at=joined_at,
    )
