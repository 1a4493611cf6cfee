"""Members as MongoDB holds them, for tests that need many, or one in a state that no command leads to."""

from typing import Any

import orjson
import pymongo
import redis

from freetheai import clock, ids
from support.program import Program
from support.stores import AT, a_key, a_user


class Members:
    """The accounts of one program's database. What is changed is told to running gateways as commands tell it."""

    def __init__(self, program: Program) -> None:
        sections = program.sections
        # Closing it asks the server, and the server may be gone by then: not for the half minute that is usual.
        self._mongo = pymongo.MongoClient[dict[str, Any]](
            str(sections["mongodb"]["url"]), serverSelectionTimeoutMS=5000
        )
        self._database = self._mongo[str(sections["mongodb"]["database"])]
        self._redis_url = str(sections["redis"]["url"])
        self._prefix = str(sections["redis"]["prefix"])

    def add(self, *user_ids: str, **fields: Any) -> list[str]:
        """One account each, in the server and checked in today unless ``fields`` say otherwise; their keys."""
        day = clock.utc_day()
        keys = [ids.new_key() for _ in user_ids]
        self._database["users"].insert_many(
            [dict(a_user(user_id, **{"last_checkin_day": day, **fields})) for user_id in user_ids]
        )
        self._database["keys"].insert_many([dict(a_key(*each)) for each in zip(user_ids, keys, strict=True)])
        return keys

    def change(self, user_id: str, **fields: Any) -> None:
        """Set fields of an account, as someone at a MongoDB shell would."""
        self._database["users"].update_one({"user_id": user_id}, {"$set": fields})
        self._tell("users", user_id)

    def revoke(self, user_id: str) -> None:
        """End the account's key."""
        found = self._database["keys"].find_one_and_update({"user_id": user_id}, {"$set": {"revoked_at": AT}})
        assert found is not None
        self._tell("keys", found["key_hash"])

    def document(self, collection: str, user_id: str) -> dict[str, Any] | None:
        """What a collection holds of a user."""
        return self._database[collection].find_one({"user_id": user_id})

    def everything(self) -> list[dict[str, Any]]:
        """Every document there is."""
        names = self._database.list_collection_names()
        return [document for name in names for document in self._database[name].find()]

    def tell(self, kind: str, key: str) -> None:
        """Send a notice to running gateways."""
        self._tell(kind, key)

    def close(self) -> None:
        """Leave MongoDB alone."""
        self._mongo.close()

    def counters(self, user_id: str) -> tuple[int, int, int]:
        """What Redis holds for the account: admitted in the last minute, running, successes of all days."""
        with redis.Redis.from_url(self._redis_url) as client:
            begin = f"{self._prefix}:{{{user_id}}}:"
            days = client.hvals(begin + "days")
            return int(client.zcard(begin + "minute")), int(client.zcard(begin + "leases")), sum(map(int, days))  # type: ignore[arg-type]

    def fill_minute(self, user_id: str, count: int, *, ago_s: float = 0.0) -> None:
        """As if ``count`` requests had been admitted ``ago_s`` seconds ago."""
        with redis.Redis.from_url(self._redis_url) as client:
            second, microsecond = client.time()  # type: ignore[misc]
            at_us = int(second) * 1_000_000 + int(microsecond) - round(ago_s * 1_000_000)
            client.zadd(f"{self._prefix}:{{{user_id}}}:minute", {f"before-{number}": at_us for number in range(count)})

    def fill_day(self, user_id: str, count: int) -> None:
        """As if ``count`` requests had succeeded today."""
        with redis.Redis.from_url(self._redis_url) as client:
            second, _ = client.time()  # type: ignore[misc]
            client.hset(f"{self._prefix}:{{{user_id}}}:days", str(int(second) // 86400), str(count))

    def _tell(self, kind: str, key: str) -> None:
        with redis.Redis.from_url(self._redis_url) as client:
            client.publish(f"{self._prefix}:changes", orjson.dumps({"kind": kind, "key": key}))
