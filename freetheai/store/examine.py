"""What `doctor` asks a MongoDB: which indexes are missing, and what time it has there."""

from datetime import UTC, datetime

from freetheai.store.indexes import INDEXES
from freetheai.store.mongo import Store


async def missing_indexes(store: Store) -> list[str]:
    """The indexes of ``indexes.INDEXES`` that do not stand, as ``collection.name``; all of them in a new database.

    Raises:
        StoreUnavailable: MongoDB is away.
    """
    missing = []
    for collection, indexes in INDEXES.items():
        async with store.operation():
            standing = set(await store.collection(collection).index_information())
        missing += [f"{collection}.{name}" for index in indexes if (name := index.document["name"]) not in standing]
    return missing


def count_indexes() -> int:
    """How many there should be."""
    return sum(len(indexes) for indexes in INDEXES.values())


async def server_time_s(store: Store) -> float:
    """MongoDB's clock, seconds since the epoch. Raises ``StoreUnavailable``."""
    async with store.operation():
        answer = await store.collection("users").database.command("hello")
    at: datetime = answer["localTime"]
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
