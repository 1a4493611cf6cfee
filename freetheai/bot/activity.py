"""Makes active members Verified, and keeps what staff decide: gives and takes the role in Discord.

Strategy: a message of a member without the role is judged (``freetheai/activity.py``); those that count are counted in
MongoDB; where there are enough, the role is wanted (``freetheai/verification.py``). What is wanted is done here, at
once and again every half minute until Discord took it.

Rules:
- when a message was written says Discord's clock, in its id;
- who has the role is not counted; nothing of a message is kept but that it was written;
- a role that someone else gave or took is staff's decision; a leaver's roles fall away by themselves, which is none.
"""

import asyncio
import contextlib
import logging
from collections import OrderedDict
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import aiohttp
import discord

from freetheai import clock
from freetheai.activity import Recent, Written, form_of, is_enough, judge
from freetheai.store.activity import Activity
from freetheai.store.mongo import StoreUnavailable
from freetheai.verification import BY_ACTIVITY

if TYPE_CHECKING:
    from freetheai.bot.client import Bot

_logger = logging.getLogger(__name__)

# Seconds: between looks at what is pending; how long our own change of a role may take to come back as an event; how
# long Discord may take; how long after a grant a message may still lack the role.
_AGAIN_S: Final = 30.0
_OURS_S: Final = 15.0
_REST_S: Final = 20.0
_LATE_S: Final = 60.0
_MAX_KNOWN: Final = 10_000
_COUNTED: Final = frozenset({discord.MessageType.default, discord.MessageType.reply})
_TOLD: Final = (
    "You are now a Verified member of **{server}**: you have been around and taking part. Models for Verified members"
    " are open to you from now on, with the key you have."
)


def install(bot: "Bot") -> None:
    """Listen, and do what is pending."""
    verifier = Verifier(bot)
    for name in ("on_message", "on_member_join", "on_member_update"):
        bot.add_listener(getattr(verifier, name), name)
    bot.services.on_wanted(verifier.wanted)
    bot.tasks.start(verifier.run(), "verify members")


class _Known:
    """What one bot remembers of one member. ``activity`` None: nothing is kept of them; not read yet: ``is_read``."""

    __slots__ = ("activity", "is_read", "recent")

    def __init__(self) -> None:
        self.recent = Recent()
        self.activity: Activity | None = None
        self.is_read = False


class Verifier:
    """One bot's part."""

    def __init__(self, bot: "Bot") -> None:
        self._bot = bot
        self._settings = bot.services.settings
        self._verification = bot.services.verification
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._doing: dict[str, asyncio.Task[None]] = {}
        # Whose role we changed ourselves, and when (seconds, monotonic).
        self._ours: dict[str, float] = {}
        self._has_complained = False

    async def run(self) -> None:
        """Do what is pending, now and then."""
        while True:
            if self._bot.is_connected:
                with _outlived("what is to be verified could not be read"):
                    for user_id in await self._verification.list_pending():
                        self.wanted(user_id)
            await asyncio.sleep(_AGAIN_S)

    def wanted(self, user_id: str) -> None:
        """Something is to be done for a member."""
        self._known.pop(user_id, None)
        if user_id not in self._doing and not self._bot.is_closed():
            self._doing[user_id] = self._bot.tasks.start(self._do(user_id), "change a member's role")

    # ------------------------------------------------------------------ events

    async def on_message(self, message: discord.Message) -> None:
        """Someone wrote something."""
        author = message.author
        if message.guild is None or message.guild.id != self._bot.home.id or author.bot or message.webhook_id:
            return
        if not isinstance(author, discord.Member) or message.type not in _COUNTED:
            return
        if self._settings.verified_days and not self._has_role(author):
            with _outlived("a message was not counted"):
                await self._take(message, author)

    async def on_member_join(self, member: discord.Member) -> None:
        """Who comes back gets back what they had."""
        if member.guild.id != self._bot.home.id or member.bot:
            return
        self._known.pop(str(member.id), None)
        with _outlived("a member's role was not given back"):
            await self._verification.restore(str(member.id))

    async def on_member_update(self, before: discord.Member, after: discord.Member) -> None:
        """Someone's roles changed; where we did not do it, staff did."""
        had, has = self._has_role(before), self._has_role(after)
        user_id = str(after.id)
        if after.guild.id != self._bot.home.id or had == has or self._is_ours(user_id):
            return
        self._known.pop(user_id, None)
        with _outlived("a change of a role was not noted"):
            if has:
                await self._verification.given_by_staff(user_id)
            else:
                await self._verification.taken_by_staff(user_id)

    # ------------------------------------------------------------------ counting

    async def _take(self, message: discord.Message, author: discord.Member) -> None:
        user_id = str(author.id)
        known = self._known.get(user_id)
        if known is None:
            known = self._known[user_id] = _Known()
            if len(self._known) > _MAX_KNOWN:
                self._known.popitem(last=False)
        self._known.move_to_end(user_id)
        verdict = judge(known.recent, _written(message), self._settings.verified_gap_seconds)
        if not known.is_read:
            known.activity, known.is_read = await self._verification.find(user_id), True
        activity = known.activity
        if activity is not None and activity.get("is_barred"):
            return
        if activity is not None and (granted_at := activity.get("granted_at")) is not None:
            if (message.created_at - granted_at).total_seconds() > _LATE_S:
                await self._explain_missing_role(author, activity)
            return
        if verdict == "counts":
            known.activity = activity = await self._verification.count(user_id, message.created_at)
            if is_enough(activity.get("days", ()), activity.get("messages", 0), self._settings):
                await self._verification.earn(user_id)

    async def _explain_missing_role(self, author: discord.Member, activity: Activity) -> None:
        """Someone we made Verified lacks the role, and we heard no event: they came back, or staff took it."""
        user_id = str(author.id)
        self._known.pop(user_id, None)
        granted_at = activity.get("granted_at")
        if author.joined_at is not None and granted_at is not None and author.joined_at > granted_at:
            await self._verification.restore(user_id)
        else:
            await self._verification.taken_by_staff(user_id)

    def _has_role(self, member: discord.Member) -> bool:
        return self._settings.verified_role in self._bot.roles.names(member)

    # ------------------------------------------------------------------ doing

    async def _do(self, user_id: str) -> None:
        try:
            with _outlived("a member's role waits"):
                activity = await self._verification.find(user_id)
                if activity is not None and activity.get("pending") and await self._change_role(user_id, activity):
                    await self._changed(user_id, activity)
        finally:
            del self._doing[user_id]

    async def _changed(self, user_id: str, activity: Activity) -> None:
        by = activity.get("by", BY_ACTIVITY)
        if activity.get("pending") == "take":
            await self._verification.done(user_id)
        elif await self._verification.given(user_id, by=by):
            _logger.info("a member is verified", extra={"user_id": user_id, "by": by})
            await self._tell(user_id)
        if not self._bot.has_members_intent and (look_up := self._bot.services.membership.look_up) is not None:
            # No event tells of the role.
            await look_up(user_id, anew=True)

    async def _change_role(self, user_id: str, activity: Activity) -> bool:
        """Whether Discord took it."""
        guild = self._bot.get_guild(self._bot.home.id)
        role = self._bot.roles.find(guild, self._settings.verified_role) if guild else None
        if guild is None or guild.unavailable:
            return False
        if role is None:
            self._complain(f"the server has no role {self._settings.verified_role!r}")
            return False
        is_given = activity.get("pending") == "give"
        by = activity.get("by", BY_ACTIVITY)
        reason = f"active on {len(activity.get('days', ()))} days" if by == BY_ACTIVITY else f"by {by}"
        self._ours[user_id] = clock.monotonic_s()
        change = self._bot.http.add_role if is_given else self._bot.http.remove_role
        try:
            async with asyncio.timeout(_REST_S):
                await change(guild.id, int(user_id), role.id, reason=reason)
        except discord.NotFound:
            # Not in the server: nothing to give or take until they join.
            await self._verification.done(user_id)
            return False
        except discord.Forbidden:
            self._complain("give the bot Manage Roles, and move its own role above the Verified members'")
            return False
        except (TimeoutError, OSError, discord.DiscordException, aiohttp.ClientError) as error:
            _logger.warning("a member's role waits", extra={"user_id": user_id, "reason": str(error)[:200]})
            return False
        self._has_complained = False
        return True

    async def _tell(self, user_id: str) -> None:
        guild = self._bot.get_guild(self._bot.home.id)
        text = _TOLD.format(server=discord.utils.escape_markdown(guild.name) if guild else "the server")
        try:
            async with asyncio.timeout(_REST_S):
                channel = await self._bot.create_dm(discord.Object(int(user_id)))
                await channel.send(text)
        except (TimeoutError, OSError, discord.DiscordException, aiohttp.ClientError) as error:
            # Many people take no messages from servers: they see the role.
            _logger.info("a member could not be told that they are verified", extra={"reason": str(error)[:200]})

    def _is_ours(self, user_id: str) -> bool:
        long_ago_s = clock.monotonic_s() - _OURS_S
        self._ours = {each: at_s for each, at_s in self._ours.items() if at_s > long_ago_s}
        return self._ours.pop(user_id, None) is not None

    def _complain(self, what_to_do: str) -> None:
        if not self._has_complained:
            self._has_complained = True
            _logger.error("members can't be verified", extra={"what_to_do": what_to_do})


@contextlib.contextmanager
def _outlived(what: str) -> Iterator[None]:
    """MongoDB may be away: say ``what`` is not done, and go on."""
    try:
        yield
    except StoreUnavailable as error:
        _logger.warning(what, extra={"reason": str(error)})


def _written(message: discord.Message) -> Written:
    form = form_of(
        len(message.content),
        [attachment.size for attachment in message.attachments],
        len(message.embeds),
        [sticker.id for sticker in message.stickers],
    )
    return Written(message.created_at.timestamp(), form)
