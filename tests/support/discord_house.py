"""Whole programs whose bot is in a Discord of the tests."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from discord_server.control import DiscordServer
from support.mongo_server import new_database, shared_server
from support.program import Program

MODELS = [
    {"id": "fake/one", "upstream_model": "model-1"},
    {"id": "fake/gated", "upstream_model": "model-1", "roles": ["artist"], "visibility": "role_gated"},
]


@dataclass(frozen=True)
class House:
    """A Discord, the process that has the bot, and one that has not."""

    discord_server: DiscordServer
    program: Program
    second: Program


class MakeProgram:
    """Start a program with its bot at ``server``; ``like=`` another one: a second process of the same house."""

    def __init__(self, folders: pytest.TempPathFactory, upstream_url: str, redis_url: str) -> None:
        self._folders = folders
        self._upstream_url = upstream_url
        self._redis_url = redis_url
        self._made: list[Program] = []

    def __call__(
        self, server: DiscordServer, *, like: Program | None = None, start: bool = True, **discord: Any
    ) -> Program:
        name = new_database()
        shared: dict[str, Any] = {
            "mongodb": {"url": shared_server().url, "database": name},
            "redis": {"url": self._redis_url, "prefix": name[-16:]},
        }
        if like is not None:
            shared = {section: dict(like.sections[section]) for section in shared}
        shared["discord"] = {
            "enabled": True,
            "token": server.token,
            "guild_id": server.guild_id,
            "api_base_url": server.api_base_url,
            **discord,
        }
        shared["providers.fake"] = {"base_url": f"{self._upstream_url}/v1", "cooldown_seconds": 0}
        program = Program(self._folders.mktemp("program"), shared, MODELS)
        self._made.append(program)
        if start:
            program.start()
        return program

    def stop_all(self) -> None:
        """End what runs, all at the same time; done at the module's end, and to be done before what they need ends."""
        for program in self._made:
            program.ask_to_stop()
        for program in self._made:
            program.stop()


@contextmanager
def making_programs(folders: pytest.TempPathFactory, upstream_url: str, redis_url: str) -> Iterator[MakeProgram]:
    """Programs may be made within; they are stopped at its end."""
    make = MakeProgram(folders, upstream_url, redis_url)
    try:
        yield make
    finally:
        make.stop_all()
