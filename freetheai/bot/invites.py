"""Counts invites: the counters of the server's invites before and after each join.

Rules:
- joins that come while counters are being read are looked at together: nobody is guessed;
- without Manage Server counters can't be read: said once, and nothing is counted;
- who joined while nobody listened is not counted; who left meanwhile is looked for after every READY.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final

import aiohttp
import discord

from freetheai import clock
from freetheai.bot.lookups import BATCH, Lookups
from freetheai.invites import Counter, Newcomer, find_used
from freetheai.store.mongo import StoreUnavailable

if TYPE_CHECKING:
    from freetheai.bot.client import Bot

_logger = logging.getLogger(__name__)

# Seconds: for the list of invites; how late a counter may rise; how long a used-up invite is remembered; pauses before
# something is written again.
_READ_S: Final = 10.0
_LATE_S: Final = 1.0
_REMEMBERED_S: Final = 5.0
_AGAIN_S: Final = (1.0, 2.0, 5.0, 10.0, *(30.0 for _ in range(120)))
_DAY_S: Final = 86400.0


def install(bot: "Bot") -> None:
    """Listen."""
    ledger = InviteLedger(bot)
    for name in (
        "on_ready", "on_guild_available", "on_invite_create", "on_invite_delete",
        "on_member_join", "on_raw_member_remove",
    ):  # fmt: skip
        bot.add_listener(getattr(ledger, name), name)


class InviteLedger:
    """The counters of one bot."""

    def __init__(self, bot: "Bot") -> None:
        self._bot = bot
        self._book = bot.services.invites
        # None: not read yet, or reading failed.
        self._counters: dict[str, Counter] | None = None
        self._gone: dict[str, tuple[float, Counter]] = {}
        self._joined: list[discord.Member] = []
        self._came = asyncio.Event()
        self._reader: asyncio.Task[None] | None = None
        self._is_forbidden = False
        self._lookups = Lookups(bot)

    async def on_ready(self) -> None:
        """What was counted before is not comparable."""
        self._is_forbidden = False
        self._counters = None
        self._counters = await self._read()
        self._bot.tasks.start(self._store(self._look_for_leavers), "look for leavers")

    async def on_guild_available(self, guild: discord.Guild) -> None:
        """As after READY."""
        if guild.id == self._bot.home.id and self._bot.is_connected:
            await self.on_ready()

    async def on_invite_create(self, invite: discord.Invite) -> None:
        """A new invite."""
        if self._is_ours(invite.guild) and self._counters is not None:
            self._counters.setdefault(invite.code, _counter(invite))

    async def on_invite_delete(self, invite: discord.Invite) -> None:
        """An invite was taken back or used up; the join it was used up by may still be to come."""
        if self._is_ours(invite.guild) and self._counters is not None:
            counter = self._counters.pop(invite.code, None)
            if counter is not None:
                self._gone[invite.code] = clock.monotonic_s(), counter

    async def on_member_join(self, member: discord.Member) -> None:
        """Find out by which invite."""
        if member.guild.id != self._bot.home.id:
            return
        self._joined.append(member)
        self._came.set()
        if self._reader is None or self._reader.done():
            self._reader = self._bot.tasks.start(self._attribute(), "find out who invited")

    async def on_raw_member_remove(self, payload: discord.RawMemberRemoveEvent) -> None:
        """Who leaves counts no more."""
        if payload.guild_id == self._bot.home.id and not payload.user.bot:
            await self._store(lambda: self._book.leave(str(payload.user.id)))

    async def _attribute(self) -> None:
        is_explained = True
        while True:
            while self._joined:
                is_explained = await self._explain()
            if is_explained:
                return
            # Discord's counters may come later than the join. What rises by itself now is nobody's: the next to join
            # must not be taken for it.
            self._came.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._came.wait(), _LATE_S)
                continue
            counters = await self._read()
            if not self._joined:
                self._counters, is_explained = counters, True

    async def _explain(self) -> bool:
        """Find out by which invite those who wait have come; False: it can't be told."""
        before = self._known()
        after = self._counters = await self._read()
        # With those who came while the counters were read: they may be in them already.
        joined, self._joined = self._joined, []
        code = find_used(before, after, len(joined)) if before is not None and after is not None else None
        counter = {**(before or {}), **(after or {})}[code] if code else None
        self._gone.pop(code or "", None)
        for member in joined:
            self._note(member, counter.inviter_id if counter else "", code or "")
        return code is not None

    def _known(self) -> dict[str, Counter] | None:
        """The counters as they were, without what has been gone for long."""
        long_ago_s = clock.monotonic_s() - _REMEMBERED_S
        self._gone = {code: each for code, each in self._gone.items() if each[0] > long_ago_s}
        if self._counters is None:
            return None
        return {**{code: counter for code, (_, counter) in self._gone.items()}, **self._counters}

    def _note(self, member: discord.Member, inviter_id: str, code: str) -> None:
        newcomer = Newcomer(
            user_id=str(member.id),
            created_at=member.created_at,
            is_bot=member.bot,
            has_been_here=bool(member.flags.did_rejoin),
        )
        min_age_s = self._bot.services.settings.invite_account_days * _DAY_S
        work = self._store(lambda: self._book.join(newcomer, inviter_id, code, min_age_s))
        self._bot.tasks.start(work, "note an invite")

    async def _read(self) -> dict[str, Counter] | None:
        guild = self._bot.get_guild(self._bot.home.id)
        if guild is None or self._is_forbidden:
            return None
        try:
            async with asyncio.timeout(_READ_S):
                return {invite.code: _counter(invite) for invite in await guild.invites()}
        except discord.Forbidden:
            self._is_forbidden = True
            _logger.error("invites are not counted", extra={"what_to_do": "give the bot Manage Server"})
        except (TimeoutError, OSError, discord.DiscordException, aiohttp.ClientError) as error:
            _logger.warning("the invites could not be read", extra={"reason": f"{type(error).__name__}: {error}"[:200]})
        return None

    async def _look_for_leavers(self) -> None:
        counted = await self._book.counted()
        here = self._lookups.cached(counted)
        missing = [user_id for user_id in counted if user_id not in here]
        for begin in range(0, len(missing), BATCH):
            for found in await self._lookups.ask(missing[begin : begin + BATCH], patient=True):
                if not found.is_member:
                    await self._book.leave(found.user_id)
            await asyncio.sleep(0)
        await self._book.recount_all()

    async def _store(self, work: Callable[[], Awaitable[Any]]) -> None:
        """Do ``work``, again for an hour if MongoDB is away."""
        for attempt, pause_s in enumerate((*_AGAIN_S, 0.0)):
            try:
                await work()
                return
            except StoreUnavailable as error:
                if attempt in (0, len(_AGAIN_S)):
                    event = "an invite is not noted" if attempt else "an invite is not noted yet"
                    _logger.warning(event, extra={"reason": str(error)})
            await asyncio.sleep(pause_s)

    def _is_ours(self, guild: Any) -> bool:
        return getattr(guild, "id", None) == self._bot.home.id


def _counter(invite: discord.Invite) -> Counter:
    inviter = invite.inviter
    inviter_id = "" if inviter is None or inviter.bot else str(inviter.id)
    return Counter(inviter_id=inviter_id, uses=invite.uses or 0, max_uses=invite.max_uses or 0)
