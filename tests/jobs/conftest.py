"""A real mongod and a real redis-server for the tests of this folder."""

from collections.abc import Iterator

import pytest

from support.mongo_fixtures import database, mongo, own_mongo
from support.redis_server import RedisServer

__all__ = ["database", "mongo", "own_mongo"]


@pytest.fixture(scope="module")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.stop()
