"""Who may use staff commands, and how each is answered.

Rules:
- who is staff is read from the interaction itself, at each use: Discord sends the member's roles as they are now; that
  Discord hides the commands from others is a courtesy, not the check;
- Discord is answered at once that the work has begun; what comes of it follows, for whoever asked alone;
- a refusal of someone who is no staff is a line in the log.
"""

import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final

import discord
from discord import app_commands

from freetheai.accounts import AccountRefused
from freetheai.bot.failures import safely
from freetheai.bot.person import Interaction
from freetheai.bot.replies import Reply, begin_reply, plain, reply
from freetheai.config.settings import DiscordSettings

_logger = logging.getLogger(__name__)

NOT_STAFF: Final = "This is for staff."
# Who has this permission of Discord's sees the commands; the server's owner may show them to others.
SEEN_BY: Final = discord.Permissions(moderate_members=True)

# What is asked of the house: given who asks ("discord:1234"), what to answer.
Work = Callable[[str], Awaitable[Reply]]


def is_staff(interaction: Interaction, settings: DiscordSettings) -> bool:
    """Whether the member who did ``interaction`` has one of the staff roles of our server now."""
    user = interaction.user
    if interaction.guild_id != settings.guild_id or not isinstance(user, discord.Member):
        return False
    return bool(interaction.client.roles.has_one_of(user, settings.staff_roles))


def actor_of(interaction: Interaction) -> str:
    """The member, as audit rows name them."""
    return f"discord:{interaction.user.id}"


def make_group(settings: DiscordSettings) -> "StaffGroup":
    """The group ``/staff``, empty."""
    return StaffGroup(settings)


class StaffGroup(app_commands.Group):
    """The group: its commands are answered through ``answer``, its other interactions let in by ``let_in``."""

    def __init__(self, settings: DiscordSettings) -> None:
        super().__init__(name="staff", description="For staff", default_permissions=SEEN_BY)
        self._settings = settings

    def subgroup(self, name: str, description: str) -> app_commands.Group:
        """A group of commands within this one."""
        return app_commands.Group(name=name, description=description, parent=self)

    def is_staff(self, interaction: Interaction) -> bool:
        """Whether whoever did ``interaction`` is staff now."""
        return is_staff(interaction, self._settings)

    async def let_in(self, interaction: Interaction) -> bool:
        """Whether whoever did ``interaction`` is staff now; if not, they have been told."""
        if self.is_staff(interaction):
            return True
        facts = {"user_id": str(interaction.user.id), "interaction": _path(interaction)}
        _logger.warning("a staff command was refused", extra=facts)
        await reply(interaction, Reply(NOT_STAFF))
        return False

    async def answer(self, interaction: Interaction, work: Work) -> None:
        """Do ``work`` if staff asks, and answer with what comes of it, or with why it was not done."""
        await safely(interaction, self._answer(interaction, work))

    async def _answer(self, interaction: Interaction, work: Work) -> None:
        if not await self.let_in(interaction):
            return
        await begin_reply(interaction)
        try:
            answer = await work(actor_of(interaction))
        except AccountRefused as refused:
            answer = Reply(f"Not done: {plain(str(refused))}.")
        await reply(interaction, answer)


def _path(interaction: Interaction) -> str:
    """The names of a command and its subcommands, or a custom id: nothing of what was typed."""
    data: Any = interaction.data or {}
    names = [str(data.get("name") or data.get("custom_id") or interaction.type.name)]
    inner = data.get("options") or []
    while inner and inner[0].get("type") in (1, 2):
        names.append(str(inner[0]["name"]))
        inner = inner[0].get("options") or []
    return " ".join(names)
