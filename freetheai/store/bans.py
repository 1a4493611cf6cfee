"""The collection ``bans``: banned source addresses, networks and client names."""

from datetime import datetime
from typing import Any, Literal, TypedDict, cast

from freetheai.store.mongo import Store

_NO_ID = {"_id": 0}
# Reading ten thousand takes longer (seconds) than asking for one.
_LIST_TIMEOUT_S = 30.0
# So few are decoded at a time: what decodes, however many, lets nothing else run.
_BATCH = 500

BanKind = Literal["ip", "client"]


class Ban(TypedDict):
    """One ban. ``value``: an address or CIDR in its shortest form (``ip``), or a client name, ``*`` at its end for any
    rest (``client``). ``reason`` may be empty.
    """

    kind: BanKind
    value: str
    reason: str
    created_at: datetime


class Bans:
    """Reads and writes bans. Every method raises ``StoreUnavailable`` when MongoDB is away."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._bans = store.collection("bans")

    async def add(self, ban: Ban) -> bool:
        """Add ``ban``; False when it stood already (its reason is then replaced)."""
        key = {"kind": ban["kind"], "value": ban["value"]}
        changes: dict[str, Any] = {"$set": {"reason": ban["reason"]}, "$setOnInsert": {"created_at": ban["created_at"]}}
        async with self._store.operation():
            result = await self._bans.update_one(key, changes, upsert=True)
        return result.upserted_id is not None

    async def remove(self, kind: BanKind, value: str) -> bool:
        """Take a ban away; False when there was none."""
        async with self._store.operation():
            result = await self._bans.delete_one({"kind": kind, "value": value})
        return bool(result.deleted_count)

    async def all(self) -> list[Ban]:
        """Every ban, the oldest first."""
        async with self._store.operation(_LIST_TIMEOUT_S):
            found = await self._bans.find({}, _NO_ID).sort("created_at", 1).batch_size(_BATCH).to_list(None)
        return cast("list[Ban]", found)
