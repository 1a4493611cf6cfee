"""Keys pasted where others can read them: the message is deleted, the key ended, its owner told privately.

What is seen: every message that mentions the bot or is written to it, and with ``discord.message_content_intent`` every
message; new ones and edited ones, what is forwarded in them too, and new ones of the time in which no bot was connected
(``missed.py``).

Rules:
- nothing of a message is stored or logged: only that a key was in it, by its prefix, and where;
- every text that can be a key is deleted, whether it is one of ours, good or ended: so that nobody can try out keys by
  looking which messages stay;
- the deletion begins first, and the ending of the key does not wait for it;
- the owner is told once, when the key ends, whoever wrote the message; where the owner takes no messages nothing is
  said anywhere else: the next command says that the key has ended;
- a key that could not be ended, since MongoDB is away, is tried again for ten minutes.
"""

import asyncio
import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import discord

from freetheai import ids
from freetheai.accounts import AccountRefused
from freetheai.bot import missed
from freetheai.bot.staff.shown import code, is_discord_id
from freetheai.leaked_keys import find_keys
from freetheai.store.keys import Key
from freetheai.store.mongo import StoreUnavailable

if TYPE_CHECKING:
    from freetheai.bot.client import Bot

_logger = logging.getLogger(__name__)

# Messages looked after at the same time; further ones wait.
_AT_ONCE: Final = 8
# How long (seconds) Discord may take for each of the two things it is asked for.
_DISCORD_WITHIN_S: Final = 15.0
_AGAIN_S: Final = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 180.0, 192.0)
_ACTOR: Final = "discord:bot"
_CANNOT_SEND: Final = 50007


def install(bot: "Bot") -> None:
    """Listen to messages."""
    watch = LeakWatch(bot)
    bot.add_listener(watch.on_message, "on_message")
    bot.add_listener(watch.on_raw_message_edit, "on_raw_message_edit")
    missed.install(bot, watch.on_message)


class LeakWatch:
    """Looks for keys in the messages of one bot."""

    def __init__(self, bot: "Bot") -> None:
        self._bot = bot
        self._room = asyncio.Semaphore(_AT_ONCE)

    async def on_message(self, message: discord.Message) -> None:
        """A message was written."""
        await self._look(message)

    async def on_raw_message_edit(self, edit: discord.RawMessageUpdateEvent) -> None:
        """A message was changed; it may hold a key now."""
        await self._look(edit.message)

    async def _look(self, message: discord.Message) -> None:
        if self._bot.user is not None and message.author.id == self._bot.user.id:
            return
        keys = find_keys("\n".join(_texts(message)))
        if not keys:
            return
        place = "a message to the bot" if message.guild is None else f"channel {message.channel.id}"
        reason = f"posted in {place} by {message.author.id}"
        async with self._room:
            # Side by side: a deletion that Discord holds up must not keep a key good.
            await asyncio.gather(self._delete(message, keys), self._end_all(keys, reason, message))

    # ------------------------------------------------------------------ the message

    async def _delete(self, message: discord.Message, keys: list[str]) -> None:
        if message.guild is None:
            return  # Nobody can delete what another wrote in private.
        try:
            async with asyncio.timeout(_DISCORD_WITHIN_S):
                await self._bot.http.delete_message(message.channel.id, message.id, reason="it holds a key")
        except discord.NotFound:
            return
        except (discord.HTTPException, OSError, TimeoutError) as error:
            facts = {"channel_id": str(message.channel.id), "message_id": str(message.id), "reason": str(error)}
            what_to_do = "delete it; give the bot Manage Messages there"
            prefixes = ", ".join(map(ids.display_prefix, keys))
            _logger.error(
                "a message that holds a key was not deleted",
                extra={**facts, "key_prefixes": prefixes, "what_to_do": what_to_do},
            )

    # ------------------------------------------------------------------ the key

    async def _end_all(self, keys: list[str], reason: str, message: discord.Message) -> None:
        ended = []
        for key in keys:
            try:
                ended.append(await self._end_once(key, reason, message))
            except StoreUnavailable:
                facts = {"key_prefix": ids.display_prefix(key)}
                _logger.error("a posted key is not revoked yet: mongodb is away", extra=facts)
                self._bot.tasks.start(self._end_later(key, reason, message), "revoke a posted key")
        # Only when all have ended: Discord takes its time.
        for revoked in ended:
            await self._tell_owner(revoked, message)

    async def _end_later(self, key: str, reason: str, message: discord.Message) -> None:
        for pause_s in _AGAIN_S:
            await asyncio.sleep(pause_s)
            try:
                revoked = await self._end_once(key, reason, message, is_again=True)
            except StoreUnavailable:
                continue
            await self._tell_owner(revoked, message)
            return
        facts = {"key_prefix": ids.display_prefix(key), "what_to_do": "revoke it by its prefix"}
        _logger.error("a posted key was not revoked: mongodb stays away", extra=facts)

    async def _end_once(self, key: str, reason: str, message: discord.Message, *, is_again: bool = False) -> Key | None:
        """The key that was ended; None: it is nobody's, or had ended before."""
        accounts = self._bot.services.accounts
        found = await accounts.find_keys(key)
        if not found:
            return None
        if found[0]["revoked_at"] is not None:
            # MongoDB may have gone just after it had ended the key for us: then nobody has been told.
            return found[0] if is_again and found[0]["revoked_reason"] == reason else None
        try:
            revoked = await accounts.revoke_key(found[0], reason=reason, actor=_ACTOR)
        except AccountRefused:
            return None  # Ended meanwhile, by whoever else saw it.
        facts = {
            "key_prefix": revoked["key_prefix"],
            "user_id": revoked["user_id"],
            "author_id": str(message.author.id),
        }
        _logger.warning("a posted key was revoked", extra={**facts, "channel_id": str(message.channel.id)})
        return revoked

    # ------------------------------------------------------------------ the owner

    async def _tell_owner(self, key: Key | None, message: discord.Message) -> None:
        if key is None or not is_discord_id(key["user_id"]):
            return
        user_id = key["user_id"]
        try:
            async with asyncio.timeout(_DISCORD_WITHIN_S):
                private = await self._bot.create_dm(discord.Object(int(user_id)))
                await private.send(_words(key, message))
        except (discord.HTTPException, OSError, TimeoutError) as error:
            is_closed = isinstance(error, discord.Forbidden) and error.code == _CANNOT_SEND
            why = "they take no messages" if is_closed else str(error)
            facts = {"user_id": user_id, "key_prefix": key["key_prefix"], "reason": why}
            _logger.warning("the owner of a posted key could not be told", extra=facts)


def _texts(message: discord.Message) -> Iterator[str]:
    """Everything in a message that people read as text."""
    parts: list[discord.Message | discord.MessageSnapshot] = [message, *message.message_snapshots]
    for part in parts:
        yield part.content
        for attachment in part.attachments:
            yield from (attachment.filename, attachment.description or "")
        for embed in part.embeds:
            yield from (embed.title or "", embed.description or "", embed.author.name or "", embed.footer.text or "")
            for field in embed.fields:
                yield from (field.name or "", field.value or "")
    if message.poll is not None:
        yield message.poll.question or ""
        yield from (answer.text or "" for answer in message.poll.answers)


def _words(key: Key, message: discord.Message) -> str:
    shown = code(key["key_prefix"] + "…")
    if message.guild is None:
        where = "was sent to me in a message. Delete that message"
    else:
        where = f"was posted in <#{message.channel.id}>, where others can read it. The message is being removed"
    return (
        f"Your key {shown} {where}; the key no longer works anywhere. Use `/resetkey` in the server to get a new one;"
        " your history, limits, check-in and streak stay. A key belongs in your program's settings and nowhere else."
    )
