"""The collection ``usage``: one row a finished generation. Who, what, when and how much; never a word of it."""

from collections.abc import Sequence
from datetime import datetime
from typing import TypedDict

from freetheai.store.mongo import Store


class UsageDocument(TypedDict):
    """One finished request. Times in milliseconds, None where there was no such moment; tokens None where unknown.

    ``alias`` is the one asked for, ``provider`` the prefix that served it. ``estimated``: tokens are our estimate.
    """

    at: datetime
    user_id: str
    key_prefix: str
    client: str
    route: str
    alias: str
    provider: str
    status: int
    type: str
    error_id: str
    is_success: bool
    ttfb_ms: float | None
    duration_ms: float | None
    input_tokens: int | None
    output_tokens: int | None
    cached_tokens: int | None
    estimated: bool


class UsageStore:
    """Writes rows. Raises ``StoreUnavailable`` when MongoDB is away."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._usage = store.collection("usage")

    async def insert(self, rows: Sequence[UsageDocument]) -> None:
        """Add ``rows``, all in one go."""
        async with self._store.operation():
            await self._usage.insert_many([dict(row) for row in rows], ordered=False)
