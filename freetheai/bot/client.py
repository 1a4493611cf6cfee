"""One connection to Discord: which events it asks for, and where interactions go.

Rules:
- everything it needs is in ``services``; a bot holds nothing that a new one could not do without;
- intents: servers, messages without their content, invites; members, and the content of messages, only where they are
  wanted and Discord grants them (`members_intent`, `message_content_intent`);
- nothing it sends mentions anyone.
"""

import logging
import sys
from typing import Any, Final

import discord
from discord.ext import commands

from freetheai.bot.buttons import FlowButton
from freetheai.bot.extensions import EXTENSIONS
from freetheai.bot.failures import safely
from freetheai.bot.flow import Flow
from freetheai.bot.person import Interaction
from freetheai.bot.roles import Roles
from freetheai.bot.services import BotServices
from freetheai.bot.tree import BotTree, sync_commands
from freetheai.limits.shared import SharedNote
from freetheai.tasks import TaskGroup

_logger = logging.getLogger(__name__)

# So long (seconds) after our server has come discord.py waits for others before it says that it is ready. Should ours
# come later, it is heard of as a server that is available again.
_GUILD_READY_S: Final = 1.0
# How long (seconds) answers under way may take when the bot closes.
_LAST_ANSWERS_S: Final = 3.0


class Bot(commands.Bot):
    """``home``: our server. ``roles``: which of its roles are meant. ``tasks``: background work, ended with the bot.
    ``is_connected``: events come in now.
    """

    def __init__(self, services: BotServices, *, has_members_intent: bool, has_content_intent: bool = False) -> None:
        intents = discord.Intents.none()
        intents.guilds = intents.guild_messages = intents.dm_messages = intents.invites = True
        intents.members = has_members_intent
        intents.message_content = has_content_intent
        super().__init__(
            # No commands in messages: there is no intent to read them.
            command_prefix=commands.when_mentioned,
            help_command=None,
            tree_cls=BotTree,
            intents=intents,
            allowed_mentions=discord.AllowedMentions.none(),
            chunk_guilds_at_startup=has_members_intent,
            guild_ready_timeout=_GUILD_READY_S,
            max_messages=None,
        )
        self.services = services
        self.has_members_intent = has_members_intent
        self.home = discord.Object(services.settings.guild_id)
        self.roles = Roles(self)
        self.flow = Flow(services)
        self.tasks = TaskGroup()
        self.is_connected = False
        self._answers = TaskGroup()

    async def setup_hook(self) -> None:
        """Before the first connection: commands, listeners, buttons."""
        for install in EXTENSIONS:
            install(self)
        self.add_dynamic_items(FlowButton)
        services = self.services
        note = SharedNote(services.redis, services.redis_prefix, f"discord_commands:{self.home.id}")
        tree: Any = self.tree
        self.tasks.start(sync_commands(tree, self.home, note), "tell discord our commands")

    async def on_interaction(self, interaction: Interaction) -> None:
        """Forms that were sent: discord.py knows those of this process only."""
        if interaction.type is not discord.InteractionType.modal_submit or interaction.guild_id != self.home.id:
            return
        data: Any = interaction.data or {}
        await self._answers.start(safely(interaction, self.flow.submit(interaction, data)), "answer a form")

    async def on_ready(self) -> None:
        """Connected, with the server's roles and channels."""
        self.is_connected = True
        if self.get_guild(self.home.id) is None:
            link = discord.utils.oauth_url(self.application_id or 0, scopes=("bot", "applications.commands"))
            _logger.error("the bot is not in its server", extra={"guild_id": self.home.id, "invite_it_by": link})
        else:
            _logger.info("discord is connected", extra={"guild_id": self.home.id, "members": self.has_members_intent})

    async def on_resumed(self) -> None:
        """Connected again; missed events have been sent."""
        self.is_connected = True
        _logger.info("discord is connected again")

    async def on_disconnect(self) -> None:
        """The connection was lost; discord.py makes another by itself."""
        if self.is_connected:
            _logger.warning("discord's connection was lost")
        self.is_connected = False

    async def on_message(self, message: discord.Message, /) -> None:
        """Messages are no commands; listeners of extensions hear of them all the same."""
        del message

    async def on_error(self, event_method: str, /, *args: Any, **kwargs: Any) -> None:
        """A listener failed."""
        del args, kwargs
        _logger.error("a listener failed", exc_info=sys.exc_info(), extra={"listener": event_method})

    async def close(self) -> None:
        """Let answers under way end, then leave."""
        await self._answers.settled(_LAST_ANSWERS_S)
        await self._answers.close()
        await self.tasks.close()
        self.flow.close()
        self.is_connected = False
        await super().close()
