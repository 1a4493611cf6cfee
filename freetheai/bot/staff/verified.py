"""`/staff verify|unverify`: give or take the Verified members' role, whatever a member's activity says.

The decision is written (``freetheai/verification.py``) and holds from then on; the role follows at once, or as soon as
Discord takes it. The answer waits a moment to say which.
"""

import asyncio
from typing import TYPE_CHECKING, Final

import discord
from discord import app_commands

from freetheai.bot.person import Interaction
from freetheai.bot.replies import Reply, plain
from freetheai.bot.services import BotServices
from freetheai.bot.staff.gate import StaffGroup
from freetheai.bot.staff.shown import person
from freetheai.staff import Staff, StaffRefused

if TYPE_CHECKING:
    from freetheai.bot.client import Bot

# How long (seconds) the answer waits for Discord to take the change, and how often it looks.
_TAKEN_WITHIN_S: Final = 3.0
_LOOK_EVERY_S: Final = 0.1
_LATER: Final = (
    "It is decided, but Discord has not taken it yet; it is tried again until it does. If it stays so, give the bot"
    " *Manage Roles* and move its own role above the Verified members'."
)


def install(bot: "Bot", group: StaffGroup, staff: Staff) -> None:
    """Add the commands."""
    services = bot.services

    async def change(interaction: Interaction, member: discord.User, *, is_verified: bool) -> None:
        async def work(actor: str) -> Reply:
            _refuse_what_can_t_be(bot, member)
            user_id = str(member.id)
            if is_verified:
                await staff.note("staff.verify", user_id, {}, actor=actor)
                await services.verification.verify(user_id, actor)
            else:
                await services.verification.unverify(user_id, actor)
            if not await _is_taken(services, user_id):
                return Reply(_LATER)
            return Reply(f"{person(user_id)} is {'now' if is_verified else 'no longer'} Verified.")

        await group.answer(interaction, work)

    @group.command(name="verify", description="Make a member Verified, whatever their activity")
    @app_commands.describe(member="Who")
    async def verify(interaction: Interaction, member: discord.User) -> None:
        await change(interaction, member, is_verified=True)

    @group.command(name="unverify", description="Take Verified from a member; activity does not give it again")
    @app_commands.describe(member="Who")
    async def unverify(interaction: Interaction, member: discord.User) -> None:
        await change(interaction, member, is_verified=False)


def _refuse_what_can_t_be(bot: "Bot", member: discord.User | discord.Member) -> None:
    name = bot.services.settings.verified_role
    guild = bot.get_guild(bot.home.id)
    if guild is not None and bot.roles.find(guild, name) is None:
        raise StaffRefused(f"the server has no role {plain(name)}")
    # Discord resolves whoever is in the server as a member of it.
    if not isinstance(member, discord.Member):
        raise StaffRefused("they are not in the server")


async def _is_taken(services: BotServices, user_id: str) -> bool:
    for _ in range(round(_TAKEN_WITHIN_S / _LOOK_EVERY_S)):
        activity = await services.verification.find(user_id)
        if activity is None or not activity.get("pending"):
            return True
        await asyncio.sleep(_LOOK_EVERY_S)
    return False
