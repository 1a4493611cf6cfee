"""Who is in the server: heard from events, looked up when asked for, gone through after every gap.

Strategy: whatever Discord says of a person becomes a sighting (``freetheai/sightings.py``), from where every process
reads it. While events are heard Redis is told so, and since when none was missed: then a record is right at any age.

Rules:
- after every READY, and a few times a day, the owners of keys are gone through: who left or lost a role while nobody
  listened sends no event, and a member who is not in discord.py's cache changes roles without an event;
- a changed role name concerns everyone who has it: the same;
- a look-up is done once for all who ask at the same time, and its answer told to every process, known or not;
- without the members intent no event comes: records are good for their ten minutes, and all else works.
"""

import asyncio
import contextlib
import logging
import secrets
from typing import TYPE_CHECKING, Any, Final

import discord

from freetheai import clock
from freetheai.bot.lookups import BATCH, Lookups, left_at
from freetheai.bot.person import Interaction
from freetheai.limits import RedisFailure
from freetheai.membership import CHANGED, UNKNOWN, is_discord_id
from freetheai.sightings import Sighting
from freetheai.store.mongo import StoreUnavailable

if TYPE_CHECKING:
    from freetheai.bot.client import Bot

_logger = logging.getLogger(__name__)

# Seconds: between signs of life; between goings-through, and after one that did not get through.
_TICK_S: Final = 1.0
SWEEP_EVERY_S: Final = 6 * 3600.0
_SWEEP_AGAIN_S: Final = 30.0
_AFTER_ROLES_S: Final = 2.0
# Discord takes 120 sends a minute from a connection: past so many questions in a row there is a pause (seconds).
_UNPAUSED: Final = 20
_PAUSE_S: Final = 1.0
# A record so young (seconds) is the answer.
_ANSWERED_S: Final = 5.0
# Single look-ups wait so long (seconds) for others, to be asked together.
_TOGETHER_S: Final = 0.005


def install(bot: "Bot") -> None:
    """Listen, and answer look-ups, as long as ``bot`` lives."""
    watch = Watch(bot)
    for name in (
        "on_ready", "on_resumed", "on_disconnect", "on_guild_available", "on_guild_unavailable", "on_guild_remove",
        "on_raw_member_remove", "on_member_join", "on_member_update", "on_interaction",
        "on_guild_role_update", "on_guild_role_delete",
    ):  # fmt: skip
        bot.add_listener(getattr(watch, name), name)
    bot.tasks.start(watch.run(), "watch members")
    bot.tasks.start(watch.run_accounts(), "show in accounts what discord says")


class Watch:
    """What one bot hears and finds out of members."""

    def __init__(self, bot: "Bot") -> None:
        services = bot.services
        self._bot = bot
        self._membership = services.membership
        self._sightings = services.sightings
        self._records = services.member_records
        self._accounts = services.accounts
        self._lookups = Lookups(bot)
        # The unbroken stretch of events: its name, and since when (seconds, monotonic).
        self._stretch = ""
        self._since_s = 0.0
        self._is_flowing = False
        self._sweep_at_s = float("inf")
        self._is_thorough = False
        self._sweeping: asyncio.Task[None] | None = None
        self._looking: dict[str, asyncio.Future[Sighting | None]] = {}
        self._to_ask: list[str] = []

    async def run(self) -> None:
        """Keep telling that events are heard, and go through the owners when it is time."""
        self._membership.look_up = self.look_up
        try:
            while True:
                with contextlib.suppress(RedisFailure):
                    await self._tick()
                await asyncio.sleep(_TICK_S)
        finally:
            if self._membership.look_up == self.look_up:
                self._membership.look_up = None
            for user_id in list(self._looking):
                self._settle_as(user_id, None)
            await self._stop_flow()

    async def run_accounts(self) -> None:
        """Write what MongoDB did not take: apart, since it may take its time."""
        while True:
            await asyncio.sleep(_TICK_S)
            await self._sightings.retry_accounts()

    async def _tick(self) -> None:
        now_s = clock.monotonic_s()
        if now_s >= self._sweep_at_s and (self._sweeping is None or self._sweeping.done()):
            self._sweep_at_s = now_s + SWEEP_EVERY_S
            is_thorough, self._is_thorough = self._is_thorough, True
            self._sweeping = self._bot.tasks.start(self._sweep(is_thorough=is_thorough), "go through members")
        if self._is_flowing:
            await self._records.keep_flow(self._stretch, now_s - self._since_s)
        await self._sightings.retry()

    # ------------------------------------------------------------------ events

    async def on_ready(self) -> None:
        """Connected anew: what happened meanwhile was missed."""
        await self._begin_stretch()

    async def on_resumed(self) -> None:
        """Connected again; what was missed has been sent."""
        if self._stretch and self._lookups.guild() is not None:
            self._is_flowing = True
            with contextlib.suppress(RedisFailure):
                await self._records.keep_flow(self._stretch, clock.monotonic_s() - self._since_s)

    async def on_disconnect(self) -> None:
        """Events are not heard."""
        await self._stop_flow()

    async def on_guild_available(self, guild: discord.Guild) -> None:
        """The server is back after an outage of Discord's."""
        if guild.id == self._bot.home.id and self._bot.is_connected:
            await self._begin_stretch()

    async def on_guild_unavailable(self, guild: discord.Guild) -> None:
        """Discord has an outage of the server."""
        if guild.id == self._bot.home.id:
            self._stretch = ""
            await self._stop_flow()

    async def on_guild_remove(self, guild: discord.Guild) -> None:
        """The bot was thrown out."""
        await self.on_guild_unavailable(guild)

    async def on_raw_member_remove(self, payload: discord.RawMemberRemoveEvent) -> None:
        """Someone left, was kicked or banned."""
        if payload.guild_id == self._bot.home.id:
            await self._sightings.note(left_at(str(payload.user.id), clock.monotonic_s()))

    async def on_member_join(self, member: discord.Member) -> None:
        """Someone joined."""
        if member.guild.id == self._bot.home.id:
            self._lookups.forget_gone(str(member.id))
            await self._sightings.note(self._lookups.sighting(member, clock.monotonic_s()))

    async def on_member_update(self, before: discord.Member, after: discord.Member) -> None:
        """Someone's roles changed."""
        if after.guild.id == self._bot.home.id and before.roles != after.roles:
            await self._sightings.note(self._lookups.sighting(after, clock.monotonic_s()))

    async def on_interaction(self, interaction: Interaction) -> None:
        """Discord sends the member with their present roles along."""
        member = interaction.user
        if interaction.guild_id != self._bot.home.id or not isinstance(member, discord.Member):
            return
        guild = self._lookups.guild()
        if guild is None:
            return
        await self._sightings.note(self._lookups.sighting(member, clock.monotonic_s()))
        if self._bot.has_members_intent and guild.get_member(member.id) is None:
            # Only of cached members are later changes of roles heard.
            await self._lookups.ask([str(member.id)])

    async def on_guild_role_update(self, before: discord.Role, after: discord.Role) -> None:
        """A role may have another name."""
        if before.name != after.name:
            self._sweep_soon(after.guild)

    async def on_guild_role_delete(self, role: discord.Role) -> None:
        """A role is gone."""
        self._sweep_soon(role.guild)

    def _sweep_soon(self, guild: discord.Guild) -> None:
        if guild.id == self._bot.home.id:
            self._sweep_at_s = min(self._sweep_at_s, clock.monotonic_s() + _AFTER_ROLES_S)
            self._is_thorough = False

    async def _begin_stretch(self) -> None:
        self._lookups.forget_gone()
        self._stretch, self._since_s = secrets.token_hex(8), clock.monotonic_s()
        self._is_flowing = self._bot.has_members_intent and self._lookups.guild() is not None
        self._sweep_at_s, self._is_thorough = self._since_s, False
        with contextlib.suppress(RedisFailure):
            await self._tick()

    async def _stop_flow(self) -> None:
        was_flowing, self._is_flowing = self._is_flowing, False
        if was_flowing:
            with contextlib.suppress(RedisFailure):
                await self._records.stop_flow()

    # ------------------------------------------------------------------ looking up

    async def look_up(self, user_id: str, *, anew: bool = False) -> None:
        """Find out about one person, note it and tell every process that asked."""
        if user_id in self._looking:
            return  # What is told soon is told to this one too.
        self._looking[user_id] = asyncio.get_running_loop().create_future()
        try:
            is_known = not anew and await self._is_known(user_id)
            sighting = None if is_known else await self._find(user_id)
        finally:
            del self._looking[user_id]
        if is_known:
            await self._sightings.tell(CHANGED, user_id)
        elif sighting is None or not await self._sightings.note(sighting, is_answer=True):
            await self._sightings.tell(UNKNOWN, user_id)

    async def _is_known(self, user_id: str) -> bool:
        """Whether someone else's question was answered while this one was on its way."""
        try:
            record = await self._records.read(user_id)
        except RedisFailure:
            return False
        return record is not None and record.age_s < _ANSWERED_S

    async def _find(self, user_id: str) -> Sighting | None:
        cached = self._lookups.cached([user_id])
        if cached:
            return cached[user_id]
        self._to_ask.append(user_id)
        if len(self._to_ask) == 1:
            self._bot.tasks.start(self._ask_together(), "look members up")
        return await self._looking[user_id]

    async def _ask_together(self) -> None:
        await asyncio.sleep(_TOGETHER_S)
        waiting, self._to_ask = self._to_ask, []
        batches = [waiting[begin : begin + BATCH] for begin in range(0, len(waiting), BATCH)]
        try:
            await asyncio.gather(*(self._lookups.ask(batch, on_found=self._settle) for batch in batches))
        finally:
            for user_id in waiting:
                self._settle_as(user_id, None)

    def _settle(self, sighting: Sighting) -> None:
        self._settle_as(sighting.user_id, sighting)

    def _settle_as(self, user_id: str, sighting: Sighting | None) -> None:
        waiting = self._looking.get(user_id)
        if waiting is not None and not waiting.done():
            waiting.set_result(sighting)

    # ------------------------------------------------------------------ going through the owners

    async def _sweep(self, *, is_thorough: bool) -> None:
        """Look at every owner of a key; past the cache if ``is_thorough``."""
        try:
            owners = await self._owners()
        except StoreUnavailable:
            self._sweep_at_s = min(self._sweep_at_s, clock.monotonic_s() + _SWEEP_AGAIN_S)
            return
        cached = {} if is_thorough else self._lookups.cached(owners)
        unknown = 0
        rest = list(cached.values())
        for begin in range(0, len(rest), BATCH):
            await self._sightings.note_all(rest[begin : begin + BATCH])
        to_ask = [user_id for user_id in owners if user_id not in cached]
        for number, begin in enumerate(range(0, len(to_ask), BATCH)):
            batch = to_ask[begin : begin + BATCH]
            left = {user_id for user_id in batch if owners[user_id] is False}
            found = await self._lookups.ask(batch, left=left, patient=True)
            await self._sightings.note_all(found)
            unknown += len(batch) - len(found)
            if number >= _UNPAUSED:
                await asyncio.sleep(_PAUSE_S)
        if unknown:
            self._sweep_at_s = min(self._sweep_at_s, clock.monotonic_s() + _SWEEP_AGAIN_S)
        _logger.info("went through the owners of keys", extra={"owners": len(owners), "not_known": unknown})

    async def _owners(self) -> dict[str, bool | None]:
        """Owners of good keys, and whether their accounts say that they are members."""
        keys: Any = await self._accounts.list_active_keys()
        with_keys = {key["user_id"] for key in keys}
        users = await self._accounts.list_users()
        return {
            user["user_id"]: user["is_member"]
            for user in users
            if user["user_id"] in with_keys and is_discord_id(user["user_id"])
        }
