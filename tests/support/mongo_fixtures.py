"""Fixtures over ``mongo_server``; a conftest.py that wants them imports them by name."""

from collections.abc import Iterator
from typing import Any

import pymongo
import pytest
from pymongo.database import Database

from support.mongo_server import MongoServer, new_database, shared_server


@pytest.fixture
def mongo() -> MongoServer:
    """The shared server: not to be frozen or killed."""
    return shared_server()


@pytest.fixture
def own_mongo() -> Iterator[MongoServer]:
    """A server of this test alone, to be frozen and killed."""
    server = MongoServer()
    yield server
    server.stop()


@pytest.fixture
def database(mongo: MongoServer) -> Iterator[Database[dict[str, Any]]]:
    """A fresh database, seen past the code under test: what someone at a MongoDB shell would see."""
    with pymongo.MongoClient[dict[str, Any]](mongo.url, tz_aware=True) as client:
        fresh = client[new_database()]
        yield fresh
        client.drop_database(fresh.name)
