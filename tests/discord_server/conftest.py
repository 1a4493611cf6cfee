"""A server a module, and discord.py clients against it that end with the test or the module."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from discord_server.bot_client import RecordingClient, RunningBot, point_at
from discord_server.control import DiscordServer


@pytest.fixture(scope="module")
def server() -> Iterator[DiscordServer]:
    with DiscordServer.start() as running:
        point_at(running)
        yield running


@pytest.fixture
def start_bot(server: DiscordServer) -> Iterator[Callable[..., RunningBot]]:
    """Start a client of its own; it is stopped after the test."""
    running: list[RunningBot] = []

    def start(
        client_class: type[RecordingClient] = RecordingClient, *, ready: bool = True, **options: Any
    ) -> RunningBot:
        bot = RunningBot(server, client_class, **options)
        running.append(bot)
        if ready:
            bot.wait_for_event("ready")
        return bot

    yield start
    for each in running:
        each.stop()
    # The next test begins with none of this one's sessions.
    server.gateway.forget_sessions()
    server.rest.clear()
