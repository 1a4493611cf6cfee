"""How a command is added: in our server alone, its errors answered like all others."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from discord import app_commands

from freetheai.bot.failures import safely
from freetheai.bot.forms import Form
from freetheai.bot.person import Interaction

if TYPE_CHECKING:
    from freetheai.bot.client import Bot


def add_command(bot: "Bot", name: str, description: str, answer: Callable[[Interaction], Awaitable[None]]) -> None:
    """Add a command without options that ``answer`` answers."""

    async def callback(interaction: Interaction) -> None:
        await safely(interaction, answer(interaction))

    command: app_commands.Command[Any, ..., None] = app_commands.Command(
        name=name, description=description, callback=callback
    )
    bot.tree.add_command(command, guild=bot.home)


def add_form(bot: "Bot", form: Form) -> None:
    """Add the command that opens ``form``."""
    bot.flow.add(form)

    async def answer(interaction: Interaction) -> None:
        await bot.flow.begin(interaction, form)

    add_command(bot, form.command, form.description, answer)
