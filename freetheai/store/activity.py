"""The collection ``activity``: on which days a member wrote and how often, and whether they are Verified by us.

Rules:
- counts, never content; who is neither Verified nor barred is forgotten some time after the last message that counted;
- ``granted_at`` is set once, by whoever comes first: only they tell the member;
- ``is_barred``: staff took the role, so activity does not give it again;
- ``pending`` is what is still to be done in Discord: "give", "take" or "".
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, TypedDict, cast

from pymongo import ReturnDocument

from freetheai.store.mongo import Store

_NO_ID = {"_id": 0}

Pending = Literal["", "give", "take"]


class Activity(TypedDict, total=False):
    """One member. ``days``: UTC days with a message that counted. ``by``: who gave or took the role last."""

    user_id: str
    days: list[str]
    messages: int
    last_at: datetime
    granted_at: datetime | None
    is_barred: bool
    by: str
    pending: Pending
    expires_at: datetime


class Activities:
    """Reads and writes them. Every method raises ``StoreUnavailable`` when MongoDB is away."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._activity = store.collection("activity")

    async def find(self, user_id: str) -> Activity | None:
        """What is known of ``user_id``."""
        async with self._store.operation():
            return cast("Activity | None", await self._activity.find_one({"user_id": user_id}, _NO_ID))

    async def count(self, user_id: str, day: str, at: datetime, expires_at: datetime) -> Activity:
        """Count a message on ``day``; returns what there is now."""
        change = {
            "$inc": {"messages": 1},
            "$addToSet": {"days": day},
            "$set": {"last_at": at, "expires_at": expires_at},
        }
        return cast("Activity", await self._change({"user_id": user_id}, change, upsert=True))

    async def want(self, user_id: str, pending: Pending, *, by: str, is_barred: bool) -> None:
        """Note what is to be done in Discord, and that it is so decided."""
        fields: dict[str, Any] = {"pending": pending, "by": by, "is_barred": is_barred}
        if is_barred:
            fields["granted_at"] = None
        await self._change({"user_id": user_id}, {"$set": fields, "$unset": {"expires_at": ""}}, upsert=True)

    async def want_give(self, user_id: str, *, by: str, was_granted: bool) -> bool:
        """Note that the role is to be given, unless staff took it; only to who had it (``was_granted``), or had not."""
        granted = {"$type": "date"} if was_granted else None
        query = {"user_id": user_id, "is_barred": {"$ne": True}, "granted_at": granted}
        return await self._change(query, {"$set": {"pending": "give", "by": by}}) is not None

    async def given(self, user_id: str, at: datetime) -> bool:
        """The role that was wanted is held, unless it is wanted no more; tells whether that is new."""
        fields = {"granted_at": {"$ifNull": ["$granted_at", at]}, "pending": "", "is_barred": False}
        async with self._store.operation():
            before = await self._activity.find_one_and_update(
                {"user_id": user_id, "pending": "give"}, [{"$set": fields}, {"$unset": "expires_at"}]
            )
        return before is not None and before.get("granted_at") is None

    async def given_by_staff(self, user_id: str, at: datetime, *, by: str) -> bool:
        """Staff gave the role in Discord; tells whether that is new."""
        fields = {"granted_at": {"$ifNull": ["$granted_at", at]}, "pending": "", "is_barred": False, "by": by}
        async with self._store.operation():
            before = await self._activity.find_one_and_update(
                {"user_id": user_id}, [{"$set": fields}, {"$unset": "expires_at"}], upsert=True
            )
        return before is None or before.get("granted_at") is None

    async def done(self, user_id: str) -> None:
        """Nothing is to be done any more."""
        await self._change({"user_id": user_id}, {"$set": {"pending": ""}})

    async def list_pending(self) -> list[str]:
        """Who something is to be done for."""
        async with self._store.operation():
            found = await self._activity.find({"pending": {"$gt": ""}}, {"user_id": 1}).to_list(1000)
        return [str(each["user_id"]) for each in found]

    async def _change(
        self, query: Mapping[str, Any], change: Mapping[str, Any], *, upsert: bool = False
    ) -> dict[str, Any] | None:
        async with self._store.operation():
            found: dict[str, Any] | None = await self._activity.find_one_and_update(
                query, change, _NO_ID, upsert=upsert, return_document=ReturnDocument.AFTER
            )
        return found
