"""The collection ``keys``: one document a key ever issued, never its clear text.

Rules:
- a user has at most one key that is not revoked; the index ``one_active_key`` sees to it;
- a revoked key stays, so that its prefix in old log lines can still be explained.
"""

from datetime import datetime
from typing import Any, Final, TypedDict, cast

from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from freetheai.store.mongo import Store

_LIST_TIMEOUT_S: Final = 60.0
_NO_ID: Final = {"_id": 0}


class Key(TypedDict):
    """A key. ``key_hash``: SHA-256 in hex. ``key_prefix``: what may be shown. ``revoked_at``: None while it is good."""

    key_hash: str
    key_prefix: str
    user_id: str
    created_at: datetime
    revoked_at: datetime | None
    revoked_reason: str


class ActiveKeyExists(Exception):
    """The user has a key that is not revoked."""


class Keys:
    """Reads and writes keys. Every method raises ``StoreUnavailable`` when MongoDB is away."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._keys = store.collection("keys")

    async def add(self, key: Key) -> None:
        """Add a key.

        Raises:
            ActiveKeyExists: its user has one that is not revoked.
        """
        try:
            async with self._store.operation():
                await self._keys.insert_one(dict(key))
        except DuplicateKeyError as error:
            raise ActiveKeyExists(key["user_id"]) from error

    async def find(self, key_hash: str) -> Key | None:
        """The key of that hash, revoked or not."""
        async with self._store.operation():
            return cast("Key | None", await self._keys.find_one({"key_hash": key_hash}, _NO_ID))

    async def find_active(self, user_id: str) -> Key | None:
        """The one key of that user that is not revoked."""
        async with self._store.operation():
            return cast("Key | None", await self._keys.find_one({"user_id": user_id, "revoked_at": None}, _NO_ID))

    async def has_active(self) -> bool:
        """Whether there is any key that is not revoked."""
        async with self._store.operation():
            return await self._keys.find_one({"revoked_at": None}, _NO_ID) is not None

    async def list_active(self) -> list[Key]:
        """Every key that is not revoked."""
        return await self._list({"revoked_at": None})

    async def list_of(self, user_id: str) -> list[Key]:
        """Every key the user ever had, the newest first."""
        return await self._list({"user_id": user_id})

    async def list_with_prefix(self, key_prefix: str) -> list[Key]:
        """Every key shown as ``key_prefix``, the newest first."""
        return await self._list({"key_prefix": key_prefix})

    async def revoke(self, key_hash: str, reason: str, at: datetime) -> Key | None:
        """End a key and return it as it is now; None: there is none, or it has ended already."""
        async with self._store.operation():
            found = await self._keys.find_one_and_update(
                {"key_hash": key_hash, "revoked_at": None},
                {"$set": {"revoked_at": at, "revoked_reason": reason}},
                projection=_NO_ID,
                return_document=ReturnDocument.AFTER,
            )
        return cast("Key | None", found)

    async def _list(self, query: dict[str, Any]) -> list[Key]:
        async with self._store.operation(_LIST_TIMEOUT_S):
            found = await self._keys.find(query, _NO_ID).sort("created_at", -1).to_list(None)
        return cast("list[Key]", found)
