"""Programs with gates that close: real MongoDB and Redis, a scripted provider, members written into MongoDB."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fakes.upstream import ScriptedUpstream, chat_body, chat_stream, run_in_thread
from support.house_fixtures import redis_server
from support.members import Members
from support.mongo_server import new_database, shared_server
from support.program import Program
from support.redis_server import RedisServer

__all__ = ["redis_server"]

MODELS = [{"id": "fake/one", "upstream_model": "model-1"}]


@pytest.fixture(scope="module")
def upstream() -> Iterator[ScriptedUpstream]:
    with run_in_thread() as server:
        server.script = lambda request: chat_stream(["a"]) if request.json().get("stream") else chat_body("a")
        yield server


MakeProgram = Callable[..., tuple[Program, Members]]


@pytest.fixture(scope="module")
def make_program(
    tmp_path_factory: pytest.TempPathFactory, upstream: ScriptedUpstream, redis_server: RedisServer
) -> Iterator[MakeProgram]:
    """Start a program and get its members; ``like=`` another one: a second process of the same house."""
    made: list[tuple[Program, Members]] = []

    def make(models: Any = MODELS, like: Program | None = None, **sections: dict[str, Any]) -> tuple[Program, Members]:
        database = new_database()
        shared = {
            "mongodb": {"url": shared_server().url, "database": database},
            "redis": {"url": redis_server.url, "prefix": database[-16:]},
        }
        if like is not None:
            shared = {name: dict(like.sections[name]) for name in shared}
        shared["providers.fake"] = {"base_url": f"{upstream.url}/v1", "cooldown_seconds": 0}
        folder: Path = tmp_path_factory.mktemp("program")
        program = Program(folder, {**shared, **sections}, models)
        made.append((program, Members(program)))
        program.start()
        return made[-1]

    yield make
    # Those whose databases are gone take seconds to say goodbye: all at the same time.
    for program, members in made:
        members.close()
        program.ask_to_stop()
    for program, _ in made:
        program.stop()
