"""All accounts, keys, invites and activities, out of the database and into it, some at a time: for backups and for
moving house.

Rules:
- what is read is in order of its id, each piece from where the last ended, so no cursor has to stay open;
- what stands already is not overwritten unless that is asked for; doing it twice changes nothing;
- a key that has been revoked here stays so, whatever a backup says of it: it may be in wrong hands;
- a user has one key that is good: another one's coming is passed over, or, replacing, ends the one that stands;
- likewise who has left never counts again for who invited them, and whom staff barred from Verified stays barred.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from pymongo.errors import DuplicateKeyError

from freetheai.store.mongo import Store

BATCH: Final = 500
_TIMEOUT_S: Final = 30.0
_NO_ID: Final = {"_id": 0}

Document = dict[str, Any]


@dataclass(slots=True)
class Moved:
    """What became of documents, by id: new here, overwritten, as they were already, and left as they stand."""

    added: list[str] = field(default_factory=list)
    replaced: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    # Hashes of keys that had to end for another one of the same user.
    ended: list[str] = field(default_factory=list)


class Transfer:
    """Reads and writes accounts and keys in bulk. Every method raises ``StoreUnavailable`` when MongoDB is away."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def users(self) -> AsyncIterator[Sequence[Document]]:
        """Every account, some at a time."""
        async for some in self._all("users", "user_id"):
            yield some

    async def keys(self) -> AsyncIterator[Sequence[Document]]:
        """Every key ever issued, some at a time."""
        async for some in self._all("keys", "key_hash"):
            yield some

    async def invites(self) -> AsyncIterator[Sequence[Document]]:
        """Who came by whose invite, some at a time."""
        async for some in self._all("invites", "user_id"):
            yield some

    async def activities(self) -> AsyncIterator[Sequence[Document]]:
        """What is counted of members, and who is Verified or barred, some at a time."""
        async for some in self._all("activity", "user_id"):
            yield some

    async def missing_users(self, user_ids: Sequence[str]) -> set[str]:
        """Those of ``user_ids`` that are no account."""
        return set(user_ids) - set(await self._standing("users", "user_id", list(user_ids)))

    async def put_users(self, users: Sequence[Document], *, replace: bool) -> Moved:
        """Take accounts in."""
        return await self._put("users", users, lambda known, new: replace)

    async def put_invites(self, invites: Sequence[Document], *, replace: bool) -> Moved:
        """Take in who was invited by whom."""
        return await self._put(
            "invites", invites, lambda known, new: replace and (known["left_at"] is None or new["left_at"] is not None)
        )

    async def put_activities(self, activities: Sequence[Document], *, replace: bool) -> Moved:
        """Take in what is counted of members, and who is Verified or barred."""
        return await self._put(
            "activity",
            activities,
            lambda known, new: replace and (not known.get("is_barred") or bool(new.get("is_barred"))),
        )

    async def _put(
        self, collection: str, documents: Sequence[Document], may_replace: Callable[[Document, Document], bool]
    ) -> Moved:
        """Take in documents that have one for each user; ``may_replace``: that one, by this one."""
        moved = Moved()
        standing = await self._standing(collection, "user_id", [document["user_id"] for document in documents])
        for document in documents:
            name = document["user_id"]
            known = standing.get(name)
            if known is None and await self._insert(collection, document):
                moved.added.append(name)
            elif known == document:
                moved.unchanged.append(name)
            elif known is not None and may_replace(known, document):
                await self._replace(collection, {"user_id": name}, document)
                moved.replaced.append(name)
            else:
                moved.kept.append(name)
                continue
            standing[name] = document
        return moved

    async def put_keys(self, keys: Sequence[Document], now: datetime, *, replace: bool) -> Moved:
        """Take keys in."""
        moved = Moved()
        standing = await self._standing("keys", "key_hash", [key["key_hash"] for key in keys])
        for key in keys:
            await self._put_key(key, standing.get(key["key_hash"]), now, moved, replace=replace)
            standing[key["key_hash"]] = key
        return moved

    async def _put_key(
        self, key: Document, known: Document | None, now: datetime, moved: Moved, *, replace: bool
    ) -> None:
        key_hash = key["key_hash"]
        if known == key:
            moved.unchanged.append(key_hash)
            return
        if known is not None and (not replace or known["revoked_at"] is not None):
            moved.kept.append(key_hash)
            return
        if key["revoked_at"] is None and replace:
            moved.ended += await self._end_others(key, now)
        try:
            is_new = known is None and await self._insert("keys", key)
            if not is_new and known is not None:
                await self._replace("keys", {"key_hash": key_hash}, key)
        except DuplicateKeyError:
            is_new, known = False, None
        (moved.added if is_new else moved.replaced if known is not None else moved.kept).append(key_hash)

    async def _end_others(self, key: Document, now: datetime) -> list[str]:
        """End the good keys of ``key``'s owner, except that one; their hashes."""
        query = {"user_id": key["user_id"], "revoked_at": None, "key_hash": {"$ne": key["key_hash"]}}
        keys = self._store.collection("keys")
        async with self._store.operation():
            found = await keys.find(query, _NO_ID).to_list(None)
            await keys.update_many(query, {"$set": {"revoked_at": now, "revoked_reason": "replaced by an import"}})
        return [str(one["key_hash"]) for one in found]

    async def _all(self, name: str, order: str) -> AsyncIterator[Sequence[Document]]:
        last: Mapping[str, Any] = {}
        while True:
            async with self._store.operation(_TIMEOUT_S):
                found = await self._store.collection(name).find(last, _NO_ID).sort(order, 1).limit(BATCH).to_list(None)
            if found:
                yield found
            if len(found) < BATCH:
                return
            last = {order: {"$gt": found[-1][order]}}

    async def _standing(self, name: str, order: str, values: list[str]) -> dict[str, Document]:
        async with self._store.operation(_TIMEOUT_S):
            found = await self._store.collection(name).find({order: {"$in": values}}, _NO_ID).to_list(None)
        return {str(document[order]): document for document in found}

    async def _insert(self, name: str, document: Document) -> bool:
        """Add it; False: another one of its id, or another good key of its user, came first."""
        try:
            async with self._store.operation():
                await self._store.collection(name).insert_one(dict(document))
        except DuplicateKeyError:
            return False
        return True

    async def _replace(self, name: str, query: Mapping[str, Any], document: Document) -> None:
        async with self._store.operation():
            await self._store.collection(name).replace_one(query, document, upsert=True)
