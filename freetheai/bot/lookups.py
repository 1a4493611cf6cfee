"""Ask Discord whether people are in the server: the cache, then the connection by ids, then REST one by one.

Rules:
- not being found is never "left": that is what REST says with its own code, or a removal event;
- a question over the connection is answered with nobody when the connection is lost meanwhile, so its answer counts
  only if the connection held;
- after READY the server is known by its id alone, without roles: until it is there REST is asked for it;
- while REST fails nobody queues for it.
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Final

import aiohttp
import discord

from freetheai import clock
from freetheai.sightings import Sighting

if TYPE_CHECKING:
    from freetheai.bot.client import Bot

_logger = logging.getLogger(__name__)

# Discord's limit of ids in one question.
BATCH: Final = 100
# How long (seconds) the connection, and REST for one person, may take; the latter also where nobody waits for it.
_QUERY_S: Final = 1.2
_REST_S: Final = 3.0
_PATIENT_REST_S: Final = 20.0
_AT_ONCE: Final = 8
# After a failure of REST nobody is asked there for so long (seconds).
_REST_PAUSE_S: Final = 1.0
_FETCHED_GUILD_S: Final = 60.0
# Discord's codes: unknown member, unknown user.
_NOT_A_MEMBER: Final = frozenset({10007, 10013})


class Lookups:
    """The questions of one bot."""

    def __init__(self, bot: "Bot") -> None:
        self._bot = bot
        self._room = asyncio.Semaphore(_AT_ONCE)
        self._rest_from_s = 0.0
        self._fetched: tuple[float, discord.Guild] | None = None
        # Gone for sure although the cache holds them: their removal was not heard.
        self._gone: set[str] = set()

    def guild(self) -> discord.Guild | None:
        """Our server, if it is known with its roles."""
        guild = self._bot.get_guild(self._bot.home.id)
        return guild if guild is not None and not guild.unavailable else None

    def forget_gone(self, user_id: str = "") -> None:
        """The cache is right again about someone, or about all."""
        if user_id:
            self._gone.discard(user_id)
        else:
            self._gone.clear()

    def cached(self, user_ids: Iterable[str]) -> dict[str, Sighting]:
        """What the cache says, where it is complete and kept up to date."""
        guild = self.guild()
        if guild is None or not (guild.chunked and self._bot.is_connected and self._bot.has_members_intent):
            return {}
        now_s = clock.monotonic_s()
        members = [guild.get_member(int(user_id)) for user_id in user_ids if user_id not in self._gone]
        return {str(member.id): self.sighting(member, now_s) for member in members if member is not None}

    def sighting(self, member: discord.Member, seen_s: float) -> Sighting:
        """``member`` with the names of the roles that count."""
        roles = frozenset(self._bot.roles.names(member))
        return Sighting(user_id=str(member.id), is_member=True, roles=roles, seen_s=seen_s)

    async def ask(
        self,
        user_ids: Sequence[str],
        *,
        left: Collection[str] = (),
        patient: bool = False,
        on_found: Callable[[Sighting], None] | None = None,
    ) -> list[Sighting]:
        """Look up at most ``BATCH`` people past the cache; who is missing in the result is not known.

        ``left``: known to have left, so that not being found is enough. ``patient``: nobody waits. ``on_found`` hears
        of each as soon as it is known.
        """
        began_s = clock.monotonic_s()
        members = await self._query(user_ids)
        found = [self.sighting(member, began_s) for member in members or ()]
        seen = {each.user_id for each in found}
        self._gone -= seen
        if members is not None:
            found += [left_at(user_id, began_s) for user_id in user_ids if user_id in left and user_id not in seen]
        if on_found is not None:
            for each in found:
                on_found(each)
        known = {each.user_id for each in found}
        fetched = await asyncio.gather(
            *(self._fetch(user_id, patient, on_found) for user_id in user_ids if user_id not in known)
        )
        return found + [each for each in fetched if each is not None]

    async def _query(self, user_ids: Sequence[str]) -> list[discord.Member] | None:
        """Who of them is a member; None: can't be told over the connection now."""
        guild = self.guild()
        if guild is None or not self._bot.is_connected:
            return None
        try:
            async with asyncio.timeout(_QUERY_S):
                found = await guild.query_members(user_ids=[int(each) for each in user_ids], limit=BATCH, cache=True)
        except (TimeoutError, OSError, discord.DiscordException, aiohttp.ClientError, RuntimeError) as error:
            _logger.info("members could not be asked for over the connection", extra={"reason": type(error).__name__})
            return None
        return found if self._bot.is_connected and self.guild() is guild else None

    async def _fetch(self, user_id: str, patient: bool, on_found: Callable[[Sighting], None] | None) -> Sighting | None:
        async with self._room:
            if clock.monotonic_s() < self._rest_from_s:
                return None
            found = await self._fetch_now(user_id, _PATIENT_REST_S if patient else _REST_S)
        if found is not None and on_found:
            on_found(found)
        return found

    async def _fetch_now(self, user_id: str, timeout_s: float) -> Sighting | None:
        began_s = clock.monotonic_s()
        try:
            async with asyncio.timeout(timeout_s):
                guild = self.guild() or await self._fetch_guild()
                return self.sighting(await guild.fetch_member(int(user_id)), began_s)
        except discord.NotFound as error:
            if error.code in _NOT_A_MEMBER:
                self._gone.add(user_id)
                return left_at(user_id, began_s)
            reason = f"code {error.code}"
        except (TimeoutError, OSError, discord.DiscordException, aiohttp.ClientError) as error:
            reason = f"{type(error).__name__}: {error}"[:200]
        self._rest_from_s = clock.monotonic_s() + _REST_PAUSE_S
        _logger.warning("a member could not be looked up", extra={"user_id": user_id, "reason": reason})
        return None

    async def _fetch_guild(self) -> discord.Guild:
        now_s = clock.monotonic_s()
        if self._fetched is None or now_s - self._fetched[0] > _FETCHED_GUILD_S:
            self._fetched = now_s, await self._bot.fetch_guild(self._bot.home.id, with_counts=False)
        return self._fetched[1]


def left_at(user_id: str, seen_s: float) -> Sighting:
    """Someone who is not in the server."""
    return Sighting(user_id=user_id, is_member=False, roles=frozenset(), seen_s=seen_s)
