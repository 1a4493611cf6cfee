"""`/staff pause|unpause|revoke`: a member's standing and key."""

from typing import TYPE_CHECKING

import discord
from discord import app_commands

from freetheai.bot.person import Interaction
from freetheai.bot.replies import Reply, plain
from freetheai.bot.staff.gate import StaffGroup
from freetheai.bot.staff.shown import person
from freetheai.staff import MAX_REASON_CHARS, Staff

if TYPE_CHECKING:
    from freetheai.bot.client import Bot

# "fta_", six characters, and the ellipsis it is shown with: a whole key does not fit.
_PREFIX_CHARS = 11
Reason = app_commands.Range[str, 3, MAX_REASON_CHARS]


def install(bot: "Bot", group: StaffGroup, staff: Staff) -> None:
    """Add the commands."""
    del bot

    @group.command(name="pause", description="Refuse a member's requests; the reason is shown to them")
    @app_commands.describe(member="Who; an id works too", reason="Why; the member reads it in /me and at commands")
    async def pause(interaction: Interaction, member: discord.User, reason: Reason) -> None:
        async def work(actor: str) -> Reply:
            user = await staff.pause(str(member.id), reason, actor=actor)
            return Reply(f"{person(user['user_id'])} is paused: {plain(user['paused_reason'] or '')}")

        await group.answer(interaction, work)

    @group.command(name="unpause", description="Let a paused member in again")
    @app_commands.describe(member="Who; an id works too")
    async def unpause(interaction: Interaction, member: discord.User) -> None:
        async def work(actor: str) -> Reply:
            user = await staff.unpause(str(member.id), actor=actor)
            return Reply(f"{person(user['user_id'])} is no longer paused.")

        await group.answer(interaction, work)

    @group.command(name="revoke", description="End a key at once, everywhere; its owner may reset it")
    @app_commands.describe(
        reason="Why, for the audit",
        member="Whose key; an id works too",
        prefix="Or the key's first ten characters, fta_ included; never the whole key",
    )
    async def revoke(
        interaction: Interaction,
        reason: Reason,
        member: discord.User | None = None,
        prefix: app_commands.Range[str, 10, _PREFIX_CHARS] | None = None,
    ) -> None:
        async def work(actor: str) -> Reply:
            user_id = None if member is None else str(member.id)
            key = await staff.revoke(user_id=user_id, prefix=prefix, reason=reason, actor=actor)
            return Reply(f"Key `{key['key_prefix']}…` of {person(key['user_id'])} is revoked.")

        await group.answer(interaction, work)
