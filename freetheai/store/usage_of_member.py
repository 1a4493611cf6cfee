"""What the rows of ``usage`` say of one member, of one error id, of one client: for `/why` and for staff.

Rules:
- every question goes by an index (``user``, ``error_id`` or ``at`` of ``indexes.py``);
- a time is the start of a window, in UTC; a row of that moment is in it.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, cast

from freetheai.store.mongo import Store
from freetheai.store.usage import UsageDocument

_NO_ID: Final = {"_id": 0}
# A member whose program never stops asking may have many rows of one day (seconds).
_TIMEOUT_S: Final = 10.0
# What ends a request without being a refusal: nothing, and the client's own leaving.
_NO_REFUSALS: Final = ("", "client_canceled")


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusals:
    """A member's requests that ended with one error: how many, and of the latest when, which alias and error id."""

    status: int
    type: str
    count: int
    last_at: datetime
    alias: str
    error_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberSums:
    """What a member's rows come to; tokens are counts."""

    requests: int = 0
    successes: int = 0
    input_tokens: int = 0
    output_tokens: int = 0


class UsageOfMember:
    """Reads of the ledger. Every method raises ``StoreUnavailable`` when MongoDB is away."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._usage = store.collection("usage")

    async def find_error(self, error_id: str) -> UsageDocument | None:
        """The request that ended with this error id."""
        async with self._store.operation():
            found = await self._usage.find_one({"error_id": error_id}, _NO_ID)
        return cast("UsageDocument | None", found)

    async def refusals_of(self, user_id: str, since: datetime, *, limit: int) -> list[Refusals]:
        """What the member's requests were refused with, by status and type; the latest first."""
        newest = {"count": {"$sum": 1}, **{name: {"$first": f"${name}"} for name in ("alias", "error_id")}}
        rows = await self._aggregate(
            {"$match": {"user_id": user_id, "at": {"$gte": since}, "type": {"$nin": list(_NO_REFUSALS)}}},
            {"$sort": {"at": -1}},
            {"$group": {"_id": {"status": "$status", "type": "$type"}, "last_at": {"$first": "$at"}, **newest}},
            {"$sort": {"last_at": -1, "_id": 1}},
            {"$limit": limit},
        )
        return [Refusals(**row.pop("_id"), **row) for row in rows]

    async def sums_of(self, user_id: str, since: datetime) -> MemberSums:
        """What the member's rows come to."""
        rows = await self._aggregate(
            {"$match": {"user_id": user_id, "at": {"$gte": since}}},
            {
                "$group": {
                    "_id": None,
                    "requests": {"$sum": 1},
                    "successes": {"$sum": {"$cond": ["$is_success", 1, 0]}},
                    "input_tokens": {"$sum": "$input_tokens"},
                    "output_tokens": {"$sum": "$output_tokens"},
                }
            },
            {"$project": {"_id": 0}},
        )
        return MemberSums(**rows[0]) if rows else MemberSums()

    async def members_with(self, signature: str, since: datetime) -> dict[str, int]:
        """How many members were seen with each client that ``signature`` names (``*`` at its end: any rest)."""
        stem = signature.removesuffix("*")
        client: Any = {"$regex": f"^{re.escape(stem)}"} if stem != signature else signature
        rows = await self._aggregate(
            {"$match": {"at": {"$gte": since}, "client": client}},
            {"$group": {"_id": {"client": "$client", "user": "$user_id"}}},
            {"$group": {"_id": "$_id.client", "members": {"$sum": 1}}},
        )
        return {str(row["_id"]): int(row["members"]) for row in rows}

    async def _aggregate(self, *stages: dict[str, Any]) -> list[dict[str, Any]]:
        async with self._store.operation(_TIMEOUT_S):
            return await self._usage.aggregate(list(stages), allowDiskUse=True).to_list(None)
