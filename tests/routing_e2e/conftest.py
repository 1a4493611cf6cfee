"""Whole programs on a real MongoDB and Redis, with limits wide enough for many requests at once."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from support.house_fixtures import redis_server
from support.members import Members
from support.mongo_server import new_database, shared_server
from support.program import Program
from support.redis_server import RedisServer

__all__ = ["redis_server"]

LIMITS = {
    "daily_success_limit": 100000,
    "max_addresses": 50,
    "tiers": [{"level": 1, "minimum_invites": 0, "rate_limit_per_minute": 10000, "concurrency_limit": 500}],
}
MakeProgram = Callable[..., tuple[Program, Members]]


@pytest.fixture(scope="module")
def make_program(tmp_path_factory: pytest.TempPathFactory, redis_server: RedisServer) -> Iterator[MakeProgram]:
    """Start a program and get its members; ``like=`` another one: a second process of the same house."""
    made: list[tuple[Program, Members]] = []

    def make(models: Any, like: Program | None = None, **sections: dict[str, Any]) -> tuple[Program, Members]:
        database = new_database()
        shared: dict[str, Any] = {
            "mongodb": {"url": shared_server().url, "database": database},
            "redis": {"url": redis_server.url, "prefix": database[-16:]},
            "limits": LIMITS,
        }
        if like is not None:
            shared = {name: dict(like.sections[name]) for name in shared}
        program = Program(tmp_path_factory.mktemp("program"), {**shared, **sections}, models)
        made.append((program, Members(program)))
        program.start()
        return made[-1]

    yield make
    for program, members in made:
        members.close()
        program.ask_to_stop()
    for program, _ in made:
        program.stop()
