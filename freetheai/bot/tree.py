"""The tree of commands: ours alone, in our server alone, told to Discord only when they have changed."""

import asyncio
import hashlib
import itertools
import logging
from typing import TYPE_CHECKING, Any, Final

import discord
import orjson
from discord import app_commands

from freetheai.bot.failures import answer_failure
from freetheai.bot.person import Interaction
from freetheai.bot.replies import Reply, reply
from freetheai.limits import RedisFailure
from freetheai.limits.shared import SharedNote

if TYPE_CHECKING:
    from freetheai.bot.client import Bot

_logger = logging.getLogger(__name__)

# Discord creates at most 200 commands a day in a server, so they are not sent again at every start.
_SYNC_AGAIN_S: Final = (5.0, 60.0)
_SYNC_LATER_S: Final = 600.0
_ELSEWHERE: Final = "This bot serves another server."


class BotTree(app_commands.CommandTree["Bot"]):
    """Commands of one bot."""

    async def interaction_check(self, interaction: discord.Interaction["Bot"], /) -> bool:
        """Only our server is served."""
        if interaction.guild_id == interaction.client.home.id:
            return True
        if interaction.type is discord.InteractionType.application_command:
            await reply(interaction, Reply(_ELSEWHERE))
        return False

    async def on_error(self, interaction: Interaction, error: app_commands.AppCommandError, /) -> None:
        """Answer what went wrong before or in a command."""
        await answer_failure(interaction, error)


async def sync_commands(tree: BotTree, home: discord.Object, note: SharedNote) -> None:
    """Tell Discord our commands where it does not know them yet, trying until it takes them.

    ``note`` keeps a digest of what Discord was told last; the names it knows are asked for too: one may be gone.
    """
    for pause_s in itertools.chain(_SYNC_AGAIN_S, itertools.repeat(_SYNC_LATER_S)):
        try:
            await _sync_once(tree, home, note)
            return
        except (discord.HTTPException, OSError, TimeoutError, RedisFailure) as error:
            _logger.warning("discord was not told our commands", extra={"reason": str(error)})
        await asyncio.sleep(pause_s)


async def _sync_once(tree: BotTree, home: discord.Object, note: SharedNote) -> None:
    commands = tree.get_commands(guild=home)
    digest = _digest(tree, commands)
    known = {command.name for command in await tree.fetch_commands(guild=home)}
    if known == {command.name for command in commands} and await note.read() == digest:
        return
    await tree.sync(guild=home)
    await note.write(digest)
    _logger.info("discord was told our commands", extra={"commands": sorted(command.name for command in commands)})


def _digest(tree: BotTree, commands: list[Any]) -> str:
    definitions = [command.to_dict(tree) for command in sorted(commands, key=lambda command: str(command.name))]
    application = tree.client.application_id
    options = orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS
    return hashlib.sha256(orjson.dumps([application, definitions], option=options)).hexdigest()
