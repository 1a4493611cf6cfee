"""One bot, kept alive: of several processes one has it, and whatever ends its connection it gets a new one.

Strategy: every process asks for the lease once a second. Who holds it runs the bot and tells its state in the lease, so
that the others' health shows it too; who is told that another holds it stops its own. A bot that ends is followed by a
new one, after a pause that grows: discord.py's clients can't be used twice, and some failures end them.

Rules:
- nothing here keeps the HTTP API from serving;
- a refused token ends the bot until the next start: asking again would get the address banned;
- a privileged intent that Discord does not grant is done without, and said so;
- while Redis does not answer nobody can take the lease, so whoever has the bot keeps it.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Final

from freetheai import clock
from freetheai.bot.client import Bot
from freetheai.bot.connection import BotRefused, IntentsRefused, connect, point_at, silence_library
from freetheai.bot.services import BotServices
from freetheai.limits import RedisFailure
from freetheai.limits.shared import LeaseView, SharedLease
from freetheai.tasks import TaskGroup

_logger = logging.getLogger(__name__)

# Seconds: how long the lease lasts without being kept, how often it is kept or asked for.
LEASE_S: Final = 4.0
HOLD_EVERY_S: Final = 1.0
# Seconds before the next attempt; doubled each time, begun anew after a bot that lived longer than the longest.
FIRST_PAUSE_S: Final = 1.0
LONGEST_PAUSE_S: Final = 60.0
# How long (seconds) a bot may take to close.
_CLOSE_S: Final = 8.0
_UP: Final = "up"
_DOWN: Final = "down"


class Supervisor:
    """Runs the bot of this process while it is this process's turn: ``start``, then ``close``."""

    def __init__(self, services: BotServices, make_bot: Callable[..., Bot] = Bot) -> None:
        self._services = services
        self._make_bot = make_bot
        self._lease = SharedLease(services.redis, services.redis_prefix, "discord_bot", life_s=LEASE_S)
        self._tasks = TaskGroup()
        self._bot: Bot | None = None
        self._running: asyncio.Task[None] | None = None
        self._has_members_intent = services.settings.members_intent
        self._has_content_intent = services.settings.message_content_intent
        self._refusal = ""
        self._seen = LeaseView(is_mine=False, state="")

    @property
    def bot(self) -> Bot | None:
        """The bot of this process while it has one; it may not be connected."""
        return self._bot

    async def ping(self) -> None:
        """Return when the bot is connected, here or in another process; else raise ``ConnectionError``."""
        if self._bot is not None:
            if not self._bot.is_connected:
                raise ConnectionError("discord is not connected")
        elif self._refusal:
            raise ConnectionError(self._refusal)
        elif self._seen.state != _UP:
            raise ConnectionError("no process has the bot connected")

    def start(self) -> None:
        """Begin, in the background."""
        silence_library()
        point_at(self._services.settings)
        self._tasks.start(self._take_turns(), "discord bot's lease")

    async def close(self) -> None:
        """Close the bot and let another process have it at once."""
        was_mine = self._seen.is_mine
        await self._tasks.close()
        await self._stop_bot()
        if was_mine:
            with contextlib.suppress(RedisFailure):
                await self._lease.give_back()

    async def _take_turns(self) -> None:
        while not self._refusal:
            await self._hold()
            if self._seen.is_mine and self._running is None:
                self._running = self._tasks.start(self._run(), "discord bot")
            elif not self._seen.is_mine and self._running is not None:
                _logger.warning("another process has the discord bot now")
                await self._stop_bot()
            await asyncio.sleep(HOLD_EVERY_S)
        # Another process may have a token that is good.
        with contextlib.suppress(RedisFailure):
            await self._lease.give_back()

    async def _hold(self) -> None:
        is_up = self._bot is not None and self._bot.is_connected
        with contextlib.suppress(RedisFailure):
            self._seen = await self._lease.hold(_UP if is_up else _DOWN)

    async def _run(self) -> None:
        """One bot after another, until this process's turn ends or Discord refuses us."""
        pause_s = FIRST_PAUSE_S
        while True:
            began_s = clock.monotonic_s()
            try:
                reason = await self._run_one()
            except IntentsRefused as refused:
                # What was refused is not asked for again, so this comes once or twice.
                self._go_on_without(refused.names)
                continue
            except BotRefused as refused:
                self._refusal = str(refused)
                _logger.error("the discord bot is off until the next start", extra={"reason": self._refusal})
                return
            if clock.monotonic_s() - began_s > LONGEST_PAUSE_S:
                pause_s = FIRST_PAUSE_S
            _logger.error("discord can't be reached", extra={"reason": reason, "next_attempt_in_s": pause_s})
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    async def _run_one(self) -> str:
        """One bot from its first connection to its end; why it ended. Raises ``BotRefused``, ``IntentsRefused``."""
        try:
            self._bot = self._make_bot(
                self._services,
                has_members_intent=self._has_members_intent,
                has_content_intent=self._has_content_intent,
            )
            await connect(self._bot, self._services.settings)
        except ConnectionError as error:
            return str(error)
        except (BotRefused, IntentsRefused):
            raise
        except Exception as error:
            _logger.exception("the discord bot failed")
            return type(error).__name__
        finally:
            await self._close_bot()
        return "the connection ended"

    def _go_on_without(self, names: frozenset[str]) -> None:
        grant = "grant it in Discord's developer portal, or set discord."
        if "members" in names:
            self._has_members_intent = False
            _logger.error(
                "discord does not grant the members intent: going on without it, slower",
                extra={"what_to_do": f"{grant}members_intent = false"},
            )
        if "message_content" in names:
            self._has_content_intent = False
            _logger.error(
                "discord does not grant the message content intent: going on without it, posted keys may be missed",
                extra={"what_to_do": f"{grant}message_content_intent = false"},
            )

    async def _stop_bot(self) -> None:
        running, self._running = self._running, None
        if running is not None:
            running.cancel()
            await asyncio.wait((running,))
        await self._close_bot()

    async def _close_bot(self) -> None:
        bot, self._bot = self._bot, None
        if bot is None:
            return
        try:
            async with asyncio.timeout(_CLOSE_S):
                await bot.close()
        except Exception:  # a connection that is broken already may fail to close
            _logger.warning("the discord bot did not close well", exc_info=True)
