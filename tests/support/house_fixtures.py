"""Fixtures that most houses of tests have; a conftest.py that wants them imports them by name, and has its own then."""

from collections.abc import Iterator

import pytest

from fakes.upstream import ScriptedUpstream, run_in_thread
from support.redis_server import RedisServer


@pytest.fixture(scope="module")
def upstream() -> Iterator[ScriptedUpstream]:
    """A scripted provider."""
    with run_in_thread() as server:
        yield server


@pytest.fixture(scope="module")
def spare() -> Iterator[ScriptedUpstream]:
    """Another one, for fallbacks."""
    with run_in_thread() as server:
        yield server


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A Redis that several modules share: not to be stopped, paused or counted."""
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.stop()
