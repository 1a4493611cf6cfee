"""A real redis-server for the tests of this folder."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.redis_server import RedisServer


@pytest.fixture(scope="session")
def _shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def redis_server(_shared_server: RedisServer) -> RedisServer:
    """A running, empty Redis; a test may stop, pause and restart it."""
    if _shared_server._process is None:
        _shared_server.start()
    _shared_server.resume()
    _shared_server.command("FLUSHALL")
    _shared_server.command("SCRIPT", "FLUSH")
    return _shared_server


@pytest.fixture
def new_redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis of the test's own, not started yet."""
    server = RedisServer(tmp_path)
    yield server
    server.stop()


@pytest.fixture
def redis_servers(tmp_path: Path) -> Iterator[Callable[..., list[RedisServer]]]:
    """Start several of the test's own: ``redis_servers(3, "--cluster-enabled", "yes")``."""
    servers: list[RedisServer] = []

    def start(count: int, *options: str, configuration: Path | None = None) -> list[RedisServer]:
        for number in range(count):
            directory = tmp_path / f"node{number}"
            directory.mkdir()
            servers.append(RedisServer(directory, *options, configuration=configuration))
            servers[-1].start()
        return servers

    yield start
    for server in servers:
        server.stop()
