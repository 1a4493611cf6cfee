"""Real Redis and MongoDB for the tests of this folder, and whole programs whose bot is in a Discord of the tests."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from discord_server.control import DiscordServer
from fakes.upstream import ScriptedUpstream, chat_body, chat_stream, run_in_thread
from support.mongo_fixtures import database, mongo
from support.mongo_server import new_database, shared_server
from support.program import Program
from support.redis_server import RedisServer

__all__ = ["database", "mongo"]


@pytest.fixture(scope="session")
def shared_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """One server for programs; each has a prefix of its own."""
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def _small_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def redis_server(_small_redis: RedisServer) -> RedisServer:
    """A running, empty Redis; a test may restart it."""
    _small_redis.command("FLUSHALL")
    return _small_redis


MODELS = [
    {"id": "fake/one", "upstream_model": "model-1"},
    {"id": "fake/gated", "upstream_model": "model-1", "roles": ["artist"], "visibility": "role_gated"},
]


@pytest.fixture(scope="module")
def upstream() -> Iterator[ScriptedUpstream]:
    with run_in_thread() as server:
        server.script = lambda request: chat_stream(["Hel", "lo"]) if request.json().get("stream") else chat_body("a")
        yield server


@pytest.fixture(scope="module")
def discord_server() -> Iterator[DiscordServer]:
    with DiscordServer.start() as server:
        yield server


MakeProgram = Callable[..., Program]


@pytest.fixture(scope="module")
def make_program(
    tmp_path_factory: pytest.TempPathFactory, upstream: ScriptedUpstream, shared_redis: RedisServer
) -> Iterator[MakeProgram]:
    """Start a program with its bot at ``server``; ``like=`` another one: a second process of the same house."""
    made: list[Program] = []

    def make(server: DiscordServer, *, like: Program | None = None, start: bool = True, **discord: Any) -> Program:
        name = new_database()
        shared: dict[str, Any] = {
            "mongodb": {"url": shared_server().url, "database": name},
            "redis": {"url": shared_redis.url, "prefix": name[-16:]},
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
        shared["providers.fake"] = {"base_url": f"{upstream.url}/v1", "cooldown_seconds": 0}
        program = Program(tmp_path_factory.mktemp("program"), shared, MODELS)
        made.append(program)
        if start:
            program.start()
        return program

    yield make
    for program in made:
        program.ask_to_stop()
    for program in made:
        program.stop()
