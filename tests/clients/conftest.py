"""The gateway with a scripted model behind it in each upstream format, and the clients that are installed.

``FREETHEAI_CLIENTS`` names a folder with members' clients (``docs/clients.md`` says how it is filled); without it the
tests of real clients are skipped. Each client gets an empty home and no variable of ours but what its guide sets.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from fakes.model import ScriptedModel, Turn
from fakes.upstream import ScriptedUpstream
from support.four_formats import ALIASES, four_providers
from support.house_fixtures import upstream
from support.installed import Clients
from support.mongo_server import new_database, shared_server
from support.program import Program
from support.redis_server import RedisServer

__all__ = ["upstream"]


@pytest.fixture
def clients(tmp_path: Path) -> Clients:
    named = os.environ.get("FREETHEAI_CLIENTS", "")
    if not named:
        pytest.skip("FREETHEAI_CLIENTS names no folder with clients: see docs/clients.md")
    (tmp_path / "note.txt").write_text("marmalade\n")
    return Clients(Path(named), tmp_path)


@pytest.fixture
def model(upstream: ScriptedUpstream) -> ScriptedModel:
    """The model behind all aliases; a test gives it its words."""
    model = ScriptedModel(lambda heard: Turn(text=["Hel", "lo."]))
    upstream.script = model.answer
    return model


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory, upstream: ScriptedUpstream) -> Iterator[Program]:
    folder = tmp_path_factory.mktemp("clients")
    redis = RedisServer(folder)
    redis.start()
    database = new_database()
    tier = {"level": 1, "minimum_invites": 0, "rate_limit_per_minute": 10000, "concurrency_limit": 100}
    sections = {
        "mongodb": {"url": shared_server().url, "database": database},
        "redis": {"url": redis.url, "prefix": database[-16:]},
        "limits": {"daily_success_limit": 100000, "tiers": [tier]},
        **four_providers(upstream.url),
    }
    models = [
        {"id": alias, "upstream_model": "model-1", "context_window": 200000, "supports_tools": True}
        for alias in ALIASES
    ]
    program = Program(folder, sections, models)
    program.start()
    yield program
    program.stop()
    redis.stop()


@pytest.fixture(scope="module")
def key(program: Program) -> str:
    return program.issue_key("player")
