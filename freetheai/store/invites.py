"""The collection ``invites``: who invited whom; one document a person who joined the server or left it.

Rules:
- a person counts once, for whoever invited them first, and only while they never left: a document is never replaced,
  and ``left_at`` never taken away;
- who left without having been seen to join has a document too, so that coming back by an invite counts for nobody.
"""

from datetime import datetime
from typing import Any, TypedDict, cast

from pymongo.errors import DuplicateKeyError

from freetheai.store.mongo import Store

_NO_ID = {"_id": 0}


class Invited(TypedDict):
    """One person. ``inviter_id`` "": not known. ``is_counted`` False: see ``reason``. ``left_at`` None: never left."""

    user_id: str
    inviter_id: str
    code: str
    joined_at: datetime | None
    left_at: datetime | None
    is_counted: bool
    reason: str


class Invites:
    """Reads and writes them. Every method raises ``StoreUnavailable`` when MongoDB is away."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._invites = store.collection("invites")

    async def find(self, user_id: str) -> Invited | None:
        """What is known of how ``user_id`` came."""
        async with self._store.operation():
            return cast("Invited | None", await self._invites.find_one({"user_id": user_id}, _NO_ID))

    async def add(self, invited: Invited) -> bool:
        """Note a first join; False: there is a document already, and it stays."""
        try:
            async with self._store.operation():
                await self._invites.insert_one(dict(invited))
        except DuplicateKeyError:
            return False
        return True

    async def leave(self, user_id: str, at: datetime) -> Invited | None:
        """Note that someone left: from now on they never count. Returns the document as it was before, if any."""
        first = {"inviter_id": "", "code": "", "joined_at": None, "reason": "left before it was known who invited them"}
        query = {"user_id": user_id}
        async with self._store.operation():
            before = await self._invites.find_one_and_update(
                query, {"$set": {"left_at": at, "is_counted": False}, "$setOnInsert": first}, _NO_ID, upsert=True
            )
        return cast("Invited | None", before)

    async def count(self, inviter_id: str) -> int:
        """How many people ``inviter_id`` brought who count."""
        async with self._store.operation():
            return int(await self._invites.count_documents({"inviter_id": inviter_id, "is_counted": True}))

    async def counted(self) -> list[str]:
        """Everyone who counts for someone."""
        async with self._store.operation(60.0):
            found = await self._invites.find({"is_counted": True}, {"user_id": 1}).to_list(None)
        return [str(each["user_id"]) for each in found]

    async def inviters(self) -> dict[str, int]:
        """Everyone who ever invited someone, with how many of those count."""
        count = {"$sum": {"$cond": ["$is_counted", 1, 0]}}
        pipeline: list[dict[str, Any]] = [
            {"$match": {"inviter_id": {"$gt": ""}}},
            {"$group": {"_id": "$inviter_id", "count": count}},
        ]
        async with self._store.operation(60.0):
            found = await self._invites.aggregate(pipeline).to_list(None)
        return {str(each["_id"]): int(each["count"]) for each in found}
