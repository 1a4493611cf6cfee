"""Houses of several processes: real MongoDB and Redis, a scripted provider, the program or its one-file build."""

import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from fakes.upstream import Request, ScriptedUpstream, chat_body, chat_stream, json_reply, run_in_thread
from support.house import LONG, LONG_PIECES, MODELS, ROOT, WIDE
from support.house_fixtures import redis_server
from support.members import Members
from support.mongo_server import new_database, shared_server
from support.program import Program, free_port
from support.redis_server import RedisServer

__all__ = ["redis_server"]


@pytest.fixture(scope="session")
def command() -> list[str]:
    """How the program is started: the one-file build where there is one of this source, else the source."""
    if "FREETHEAI_COMMAND" in os.environ:
        return [os.environ["FREETHEAI_COMMAND"]]
    built = ROOT / "dist" / "freetheai"
    sources = [path for name in ("freetheai", "handlers", "adapters") for path in (ROOT / name).rglob("*.py")]
    if built.exists() and built.stat().st_mtime > max(path.stat().st_mtime for path in sources):
        return [str(built)]
    return [sys.executable, "-m", "freetheai"]


@pytest.fixture(scope="module")
def upstream() -> Iterator[ScriptedUpstream]:
    def play(request: Request) -> Any:
        if request.method == "GET":
            return json_reply({"object": "list", "data": []})
        body = request.json()
        if not body.get("stream"):
            return chat_body("Aye.")
        if body["messages"][0]["content"] == LONG:
            return chat_stream(LONG_PIECES, delay_s=0.1)
        return chat_stream(["Aye", "."], delay_s=0.01)

    with run_in_thread() as server:
        server.script = play
        yield server


@pytest.fixture(scope="module")
def sections(upstream: ScriptedUpstream, redis_server: RedisServer) -> dict[str, dict[str, Any]]:
    """The configuration that all processes of a house share."""
    database = new_database()
    return {
        "mongodb": {"url": shared_server().url, "database": database},
        "redis": {"url": redis_server.url, "prefix": database[-16:]},
        "limits": WIDE,
        "providers.fake": {"base_url": f"{upstream.url}/v1", "cooldown_seconds": 0, "error_threshold": 0},
    }


class House:
    """Several processes of one configuration. ``is_shared``: all on one port; else each on its own."""

    def __init__(self, folder: Path, sections: dict[str, dict[str, Any]]) -> None:
        self._folder = folder
        self._sections = sections
        self.programs: list[Program] = []

    def start(self, count: int, *, is_shared: bool, **changes: dict[str, Any]) -> list[Program]:
        """Start ``count`` processes, side by side."""
        prepared = self.prepare(count, is_shared=is_shared, **changes)
        with ThreadPoolExecutor() as pool:
            list(pool.map(Program.start, prepared))
        return prepared

    def prepare(self, count: int, *, is_shared: bool, **changes: dict[str, Any]) -> list[Program]:
        """``count`` processes that are to be started."""
        port = free_port()
        prepared = []
        for number in range(count):
            server = {"reuse_port": True, "port": port} if is_shared else {}
            folder = self._folder / f"{len(self.programs) + number}"
            folder.mkdir()
            program = Program(folder, {**self._sections, **changes, "server": server}, MODELS)
            program.port = port if is_shared else program.port
            prepared.append(program)
        self.programs += prepared
        return prepared

    def stop(self) -> None:
        for program in self.programs:
            program.ask_to_stop()
        for program in self.programs:
            program.stop()


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, sections: dict[str, dict[str, Any]]) -> Iterator[House]:
    house = House(tmp_path_factory.mktemp("house"), sections)
    yield house
    house.stop()


@pytest.fixture(scope="module")
def members(tmp_path_factory: pytest.TempPathFactory, sections: dict[str, dict[str, Any]]) -> Iterator[Members]:
    members = Members(Program(tmp_path_factory.mktemp("members"), sections, MODELS))
    yield members
    members.close()
