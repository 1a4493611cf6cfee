"""A real redis-server for the live truth's tests."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.redis_server import RedisServer


@pytest.fixture(scope="module")
def _module_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def redis_server(_module_server: RedisServer) -> RedisServer:
    """A running, empty Redis; a test may pause it."""
    _module_server.resume()
    _module_server.command("FLUSHALL")
    return _module_server


@pytest.fixture
def redis_servers(tmp_path: Path) -> Iterator[Callable[..., list[RedisServer]]]:
    """Start several of the test's own: ``redis_servers(3, "--cluster-enabled", "yes")``."""
    servers: list[RedisServer] = []

    def start(count: int, *options: str) -> list[RedisServer]:
        for number in range(count):
            directory = tmp_path / f"node{number}"
            directory.mkdir()
            servers.append(RedisServer(directory, *options))
            servers[-1].start()
        return servers

    yield start
    for server in servers:
        server.stop()
