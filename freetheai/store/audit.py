"""The collection ``audit``: who changed what, and when. Rows are added, never changed."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypedDict, cast

from freetheai.store.mongo import Store

_NO_ID = {"_id": 0}


class AuditRow(TypedDict):
    """One change. ``actor``: who did it (``cli:root``, ``discord:1234``). ``action``: what, as ``key.issue``.
    ``target``: the user id or alias it was done to. ``details``: what was given, never a key's clear text.
    """

    at: datetime
    actor: str
    action: str
    target: str
    details: dict[str, Any]


class Audit:
    """Adds and reads rows. Every method raises ``StoreUnavailable`` when MongoDB is away."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._audit = store.collection("audit")

    async def add(self, row: AuditRow) -> None:
        """Add one row."""
        async with self._store.operation():
            await self._audit.insert_one(dict(row))

    async def recent(self, *, target: str | None = None, limit: int = 100) -> list[AuditRow]:
        """The newest ``limit`` rows, the newest first; of ``target`` alone where one is named."""
        query: Mapping[str, Any] = {} if target is None else {"target": target}
        async with self._store.operation():
            found = await self._audit.find(query, _NO_ID).sort("at", -1).to_list(limit)
        return cast("list[AuditRow]", found)
