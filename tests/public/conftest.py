"""Whole programs that answer the public data routes: real MongoDB and Redis, scripted providers behind them."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fakes.upstream import ScriptedUpstream, run_in_thread
from support.members import Members
from support.mongo_fixtures import database, mongo
from support.mongo_server import new_database, shared_server
from support.program import Program
from support.redis_server import RedisServer
from support.waiting import WaitUntil, patient

__all__ = ["database", "mongo"]

LIMITS = {
    "daily_success_limit": 1000,
    "max_addresses": 50,
    "tiers": [
        {"level": 1, "minimum_invites": 0, "rate_limit_per_minute": 10000, "concurrency_limit": 50},
        {"level": 2, "minimum_invites": 3, "rate_limit_per_minute": 20000, "concurrency_limit": 60},
    ],
}


@pytest.fixture(scope="module")
def upstream() -> Iterator[ScriptedUpstream]:
    with run_in_thread() as server:
        yield server


@pytest.fixture(scope="module")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """This module's own: its commands are counted, and it may be paused."""
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def make_program(
    tmp_path_factory: pytest.TempPathFactory, upstream: ScriptedUpstream, redis_server: RedisServer
) -> Iterator[Callable[..., tuple[Program, Members]]]:
    """Start a program and get its members; ``like=`` another one: a second process of the same house."""
    made: list[tuple[Program, Members]] = []

    def make(models: Any, like: Program | None = None, **sections: dict[str, Any]) -> tuple[Program, Members]:
        database = new_database()
        shared = {
            "mongodb": {"url": shared_server().url, "database": database},
            "redis": {"url": redis_server.url, "prefix": database[-16:]},
        }
        if like is not None:
            shared = {name: dict(like.sections[name]) for name in shared}
        prefixes = {model["id"].partition("/")[0] for model in models} - {"nobody"}
        # A request that fails rests its provider for the length of the tests.
        provider = {"base_url": f"{upstream.url}/v1", "cooldown_seconds": 300, "error_threshold": 2}
        providers = {f"providers.{prefix}": provider for prefix in sorted(prefixes)}
        folder: Path = tmp_path_factory.mktemp("program")
        program = Program(folder, {**shared, "limits": LIMITS, **providers, **sections}, models)
        made.append((program, Members(program)))
        program.start()
        return made[-1]

    yield make
    for program, members in made:
        members.close()
        program.ask_to_stop()
    for program, _ in made:
        program.stop()


@pytest.fixture
def wait_until() -> WaitUntil:
    """Wait until something holds and return it; in vain is a failure."""
    return patient(15.0)
