"""An unmodified discord.py client on a loop and a thread of its own, which writes down the events it is told."""

import asyncio
import concurrent.futures
import contextlib
import threading
import warnings
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import yarl

from discord_server.control import DiscordServer

with warnings.catch_warnings():
    # discord.py imports audioop, which says that it is going away.
    warnings.simplefilter("ignore", DeprecationWarning)
    import discord

Result = TypeVar("Result")
EVENTS = ("connect", "disconnect", "ready", "resumed", "member_join", "member_update", "raw_member_remove", "message",
          "interaction", "raw_message_delete", "raw_bulk_message_delete", "invite_create", "invite_delete")  # fmt: skip


def point_at(server: DiscordServer) -> None:
    """The two public attributes by which discord.py is sent to another server."""
    discord.http.Route.BASE = server.api_base_url
    discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(server.gateway_url)


class RecordingClient(discord.Client):
    """``seen`` is a list of (event, arguments)."""

    def __init__(self, server: DiscordServer, **options: Any) -> None:
        super().__init__(**options)
        self.server = server
        self.tree = discord.app_commands.CommandTree(self)
        self.seen: list[tuple[str, tuple[Any, ...]]] = []

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        """Not the usual five seconds before a second IDENTIFY."""

    def dispatch(self, event: str, /, *args: Any, **kwargs: Any) -> None:
        if event in EVENTS:
            self.seen.append((event, args))
            self.server.records.changed()
        super().dispatch(event, *args, **kwargs)


class RunningBot:
    """A client from its start until ``stop``; ``failure`` is what ended it by itself."""

    def __init__(
        self, server: DiscordServer, client_class: type[RecordingClient] = RecordingClient, *,
        token: str | None = None, intents: discord.Intents | None = None, **options: Any,
    ) -> None:  # fmt: skip
        self.server = server
        self.failure: BaseException | None = None
        self._started: concurrent.futures.Future[None] = concurrent.futures.Future()
        intents = intents or discord.Intents(guilds=True, members=True, messages=True, invites=True)
        options = {"intents": intents, "guild_ready_timeout": 0.1} | options
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._run(client_class, token or server.token, options)), daemon=True
        )
        self._thread.start()
        self._started.result(10)

    async def _run(self, client_class: type[RecordingClient], token: str, options: dict[str, Any]) -> None:
        self.loop = asyncio.get_running_loop()
        self.client = client_class(self.server, **options)
        self._started.set_result(None)
        try:
            await self.client.start(token)
        except Exception as error:
            self.failure = error
        finally:
            if not self.client.is_closed():
                await self.client.close()
            self.server.records.changed()
            # What discord.py closes in the background it closes now.
            await asyncio.sleep(0.05)

    @property
    def guild(self) -> discord.Guild:
        guild = self.client.get_guild(self.server.guild_id)
        assert guild is not None
        return guild

    @property
    def names(self) -> list[str]:
        """The names of the events seen."""
        return [name for name, _ in self.client.seen]

    def run(self, work: Coroutine[Any, Any, Result], timeout_s: float = 20.0) -> Result:
        """Run a coroutine on the client's loop."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(timeout_s)

    def wait_for_event(
        self, event: str, *, count: int = 1, last: Callable[..., Any] | None = None, timeout_s: float = 10.0
    ) -> tuple[Any, ...]:
        """Wait until ``event`` was seen ``count`` times, only those that fit ``last``; what the last came with."""

        def fitting() -> list[tuple[Any, ...]]:
            found = [args for name, args in list(self.client.seen) if name == event]
            found = [args for args in found if last is None or last(*args)]
            return found if len(found) >= count else []

        return list(self.server.wait_for(fitting, timeout_s, f"{count} of on_{event}"))[-1]

    def wait_for_end(self, timeout_s: float = 10.0) -> BaseException | None:
        """Wait until the client has ended by itself; the exception."""
        self._thread.join(timeout_s)
        assert not self._thread.is_alive(), "the client still runs"
        return self.failure

    def stop(self) -> None:
        if self._thread.is_alive():
            with contextlib.suppress(RuntimeError):
                asyncio.run_coroutine_threadsafe(self.client.close(), self.loop)
            self._thread.join(10)
