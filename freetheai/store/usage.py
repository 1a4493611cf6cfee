"""The collection ``usage``: one row a request of a member. Who, what, when and how much; never a word of it.

MongoDB removes a row 90 days after its request (`indexes.py`).
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, TypedDict, cast

from bson import ObjectId
from pymongo.errors import BulkWriteError

from freetheai.store.mongo import Store

_DUPLICATE_KEY: Final = 11000


class UsageDocument(TypedDict):
    """One finished request. Times in milliseconds, None where there was no such moment; tokens None where unknown.

    ``address`` is the caller's, ``alias`` the catalog's that was asked for ("": refused before it was known). What came
    of it are ``status``, ``type`` (the error's, "": none), and ``is_success`` (counted for the day).
    """

    at: datetime
    user_id: str
    key_prefix: str
    address: str
    client: str
    route: str
    alias: str
    status: int
    type: str
    error_id: str
    is_success: bool
    ttfb_ms: float | None
    duration_ms: float | None
    input_tokens: int | None
    output_tokens: int | None
    cached_tokens: int | None


class UsageStore:
    """Writes rows. Raises ``StoreUnavailable`` when MongoDB is away."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._usage = store.collection("usage")

    async def insert(self, rows: Sequence[UsageDocument]) -> None:
        """Add ``rows``, all in one go; adding the same rows again does no harm."""
        documents = cast("list[dict[str, Any]]", list(rows))
        for document in documents:
            # Stays with the row: a batch whose answer was lost is known by it when it comes again.
            document.setdefault("_id", ObjectId())
        async with self._store.operation():
            try:
                await self._usage.insert_many(documents, ordered=False)
            except BulkWriteError as error:
                refused, unsure = error.details["writeErrors"], error.details["writeConcernErrors"]
                if unsure or any(each["code"] != _DUPLICATE_KEY for each in refused):
                    raise
