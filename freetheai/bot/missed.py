"""What was written while no bot was connected: looked at afterwards, within bounds.

Strategy: the newest message's id that was heard is kept in Redis for all processes. Ids are Discord's clock and grow
with it, so after a new session the channels whose last message is newer have something that was missed; all others cost
nothing. They are read newest first, by REST, beside everything else the bot does.

Rules:
- a RESUME needs none of it: Discord sends what was missed;
- at most ``MOST_CHANNELS`` channels and ``MOST_MESSAGES`` of each, at a pace that leaves room for everyone else; what
  is left out is said;
- until it is done the kept id stays where it is, so that whoever takes over in the midst of it begins anew;
- where no id is kept (the first start, or longer ago than ``KEPT_S``) nothing is looked at.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

import aiohttp
import discord

from freetheai.limits import RedisFailure

if TYPE_CHECKING:
    from freetheai.bot.client import Bot

_logger = logging.getLogger(__name__)

MOST_CHANNELS: Final = 100
MOST_MESSAGES: Final = 200
# How long (seconds) it is kept what was heard.
KEPT_S: Final = 7 * 86400
# Seconds: between notes of what was heard; from before the last one heard is looked at once more, since it may have
# been heard and not been seen to.
_NOTE_EVERY_S: Final = 5.0
_OVERLAP_S: Final = 10.0
# Seconds: between channels, and for one of them; before what failed is tried again.
_PACE_S: Final = 0.25
_CHANNEL_S: Final = 60.0
_AGAIN_S: Final = (1.0, 30.0, 120.0)

Look = Callable[[discord.Message], Awaitable[None]]


def install(bot: "Bot", look: Look) -> None:
    """Show ``look`` every message of our server that was missed."""
    missed = Missed(bot, look)
    for name in ("on_message", "on_ready", "on_guild_available"):
        bot.add_listener(getattr(missed, name), name)
    bot.tasks.start(missed.run(), "note what was heard")


class Missed:
    """What one bot has heard, and finds that it has not."""

    def __init__(self, bot: "Bot", look: Look) -> None:
        self._bot = bot
        self._look = look
        services = bot.services
        self._redis = services.redis
        self._key = f"{services.redis_prefix}:note:discord_heard:{bot.home.id}"
        self._heard = 0
        self._noted = 0
        self._catching_up: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Keep noting what was heard."""
        while True:
            await asyncio.sleep(_NOTE_EVERY_S)
            if self._catching_up is not None and self._catching_up.done():
                with contextlib.suppress(RedisFailure):
                    await self._note(self._heard)

    async def on_message(self, message: discord.Message) -> None:
        """A message was heard."""
        if message.guild is not None and message.guild.id == self._bot.home.id:
            self._heard = max(self._heard, message.id)

    async def on_ready(self) -> None:
        """A new session: what was written meanwhile nobody heard."""
        guild = self._bot.get_guild(self._bot.home.id)
        if guild is None or guild.unavailable:
            return
        if self._catching_up is not None:
            self._catching_up.cancel()
        self._catching_up = self._bot.tasks.start(self._catch_up(guild), "look at missed messages")

    async def on_guild_available(self, guild: discord.Guild) -> None:
        """The server is back."""
        if guild.id == self._bot.home.id and self._bot.is_connected:
            await self.on_ready()

    async def _catch_up(self, guild: discord.Guild) -> None:
        channels = _readable(guild)
        newest = max((channel.last_message_id or 0 for channel in channels), default=0)
        since = await self._read()
        if since is not None:
            await self._look_at(_changed(channels, since), since)
        self._heard = max(self._heard, newest)
        with contextlib.suppress(RedisFailure):
            await self._note(self._heard)

    async def _look_at(self, channels: list[Any], since: int) -> None:
        left_out = max(0, len(channels) - MOST_CHANNELS)
        waiting, looked_at = channels[:MOST_CHANNELS], 0
        for pause_s in (*_AGAIN_S, 0.0):
            failed = []
            for channel in waiting:
                count = await self._look_through(channel, since)
                failed += [channel] if count is None else []
                looked_at += count or 0
                left_out += count == MOST_MESSAGES
                await asyncio.sleep(_PACE_S)
            waiting = failed
            if not waiting:
                break
            await asyncio.sleep(pause_s)
        if channels:
            facts = {"messages": looked_at, "channels": len(channels), "channels_not_whole": left_out}
            _logger.info("looked at missed messages", extra=facts | {"channels_not_read": len(waiting)})

    async def _look_through(self, channel: Any, since: int) -> int | None:
        """How many messages of ``channel`` were looked at, the newest first; None: it could not be read now."""
        count = 0
        try:
            async with asyncio.timeout(_CHANNEL_S):
                after = discord.Object(since)
                async for message in channel.history(limit=MOST_MESSAGES, after=after, oldest_first=False):
                    await self._look(message)
                    count += 1
        except (discord.Forbidden, discord.NotFound):
            return count
        except (TimeoutError, OSError, discord.DiscordException, aiohttp.ClientError) as error:
            facts = {"channel_id": str(channel.id), "reason": f"{type(error).__name__}: {error}"[:200]}
            _logger.warning("missed messages could not be read", extra=facts)
            return None
        return count

    async def _read(self) -> int | None:
        """From which id on to look; None: nothing is kept."""
        while True:
            try:
                kept = await self._redis.execute("GET", self._key)
            except RedisFailure:
                await asyncio.sleep(_NOTE_EVERY_S)
                continue
            return max(0, int(kept) - (round(_OVERLAP_S * 1000) << 22)) if kept else None

    async def _note(self, heard: int) -> None:
        if heard > self._noted:
            await self._redis.execute("SET", self._key, heard, "EX", KEPT_S)
            self._noted = heard


def _readable(guild: discord.Guild) -> list[Any]:
    """The channels and threads whose messages the bot may read."""
    places: Sequence[Any] = [*guild.text_channels, *guild.voice_channels, *guild.stage_channels, *guild.threads]
    return [place for place in places if _may_read(place.permissions_for(guild.me))]


def _may_read(rights: discord.Permissions) -> bool:
    return rights.view_channel and rights.read_message_history


def _changed(channels: list[Any], since: int) -> list[Any]:
    """Those in which something was written since, the latest first."""
    changed = [channel for channel in channels if (channel.last_message_id or 0) > since]
    return sorted(changed, key=lambda channel: -channel.last_message_id)
