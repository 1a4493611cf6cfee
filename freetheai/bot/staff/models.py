"""`/staff model enable|disable`: switch an alias on or off, in every process within a second."""

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final

from discord import app_commands

from freetheai.bot.person import Interaction
from freetheai.bot.replies import Reply
from freetheai.bot.staff.gate import StaffGroup
from freetheai.bot.staff.shown import code
from freetheai.staff import Staff
from freetheai.store.mongo import StoreUnavailable

if TYPE_CHECKING:
    from freetheai.bot.client import Bot

# Discord waits three seconds for choices, and shows 25 of at most 100 characters each.
_CHOICES_WITHIN_S: Final = 1.5
_CHOICES: Final = 25
_CHOICE_CHARS: Final = 100
Alias = app_commands.Range[str, 1, 128]


def install(bot: "Bot", group: StaffGroup, staff: Staff) -> None:
    """Add the commands."""
    del bot
    models = group.subgroup("model", "Switch models on and off")

    async def switch(interaction: Interaction, alias: str, *, is_enabled: bool) -> None:
        async def work(actor: str) -> Reply:
            await staff.set_model(alias.strip(), is_enabled=is_enabled, actor=actor)
            return Reply(f"{code(alias.strip())} is {'enabled' if is_enabled else 'disabled'}.")

        await group.answer(interaction, work)

    async def choices(interaction: Interaction, typed: str, *, is_enabled: bool) -> list[app_commands.Choice[str]]:
        """What can be switched; nothing while it can't be asked."""
        if not group.is_staff(interaction):
            return []
        aliases: list[str] = []
        with contextlib.suppress(StoreUnavailable, TimeoutError):
            async with asyncio.timeout(_CHOICES_WITHIN_S):
                aliases = await staff.list_aliases(is_enabled=is_enabled)
        wanted = typed.strip().lower()
        fitting = [alias for alias in aliases if wanted in alias.lower() and len(alias) <= _CHOICE_CHARS]
        return [app_commands.Choice(name=alias, value=alias) for alias in fitting[:_CHOICES]]

    @models.command(name="enable", description="Serve a model again")
    @app_commands.describe(alias="The model's public name")
    async def enable(interaction: Interaction, alias: Alias) -> None:
        await switch(interaction, alias, is_enabled=True)

    @enable.autocomplete("alias")
    async def disabled(interaction: Interaction, typed: str) -> list[app_commands.Choice[str]]:
        return await choices(interaction, typed, is_enabled=False)

    @models.command(name="disable", description="Refuse a model as if there were none of that name")
    @app_commands.describe(alias="The model's public name")
    async def disable(interaction: Interaction, alias: Alias) -> None:
        await switch(interaction, alias, is_enabled=False)

    @disable.autocomplete("alias")
    async def enabled(interaction: Interaction, typed: str) -> list[app_commands.Choice[str]]:
        return await choices(interaction, typed, is_enabled=True)
