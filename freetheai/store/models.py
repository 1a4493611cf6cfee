"""The collection ``models``: the catalog, one document an alias.

Rules:
- a document holds what was said of the alias; None stands for "not said", and the reader derives it;
- ``enabled`` belongs to staff once it stands: a file that has not changed is not loaded again at a start, so what was
  switched off or edited in the database stays so;
- anyone may edit documents here: readers check them as they check a file.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypedDict, cast

import bson
import orjson
from pymongo import ReturnDocument, UpdateOne

from freetheai.store.mongo import CODEC, Store

_NO_ID: Final = {"_id": 0}
# Reading or writing a catalog of thousands takes longer (seconds) than asking for one document.
_MANY_TIMEOUT_S: Final = 30.0


class ModelDocument(TypedDict):
    """An alias. Tokens are counts; ``created`` is in whole seconds since the epoch; None: not said.

    ``source_hash``: hash of the row as it was loaded, so that a start can tell an unchanged file.
    """

    id: str
    upstream_model: str | None
    display_name: str | None
    description: str | None
    visibility: str | None
    context_window: int | None
    max_input_tokens: int | None
    max_output_tokens: int | None
    supports_chat: bool | None
    supports_images: bool | None
    supports_image_input: bool | None
    supports_audio: bool | None
    supports_video: bool | None
    supports_tools: bool | None
    supports_reasoning: bool | None
    supports_structured_outputs: bool | None
    routes: list[str] | None
    requires_seems_legit: bool | None
    roles: list[str]
    fallbacks: list[str]
    enabled: bool
    created: int
    created_at: datetime
    updated_at: datetime
    source_hash: str


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a load did, by alias: ``added``, ``changed``, and ``kept`` as they were."""

    added: Sequence[str]
    changed: Sequence[str]
    kept: Sequence[str]


@dataclass(frozen=True, slots=True)
class Reading:
    """The whole collection: ``fingerprint`` of its bytes and the documents, as they are and unchecked."""

    fingerprint: bytes
    documents: Sequence[Mapping[str, Any]]


# Everything a row may say; `id` and the times are handled apart.
_SAID: Final = tuple(
    name
    for name in ModelDocument.__annotations__
    if name not in ("id", "created", "created_at", "updated_at", "source_hash")
)
_UNSAID: Final[Mapping[str, Any]] = {"roles": [], "fallbacks": [], "enabled": True}


class Models:
    """Reads and writes the catalog. Every method raises ``StoreUnavailable`` when MongoDB is away."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._models = store.collection("models")

    async def read(self, known_fingerprint: bytes = b"") -> Reading | None:
        """Everything, or None when it is byte for byte what ``known_fingerprint`` was taken of."""
        digest = hashlib.sha256()
        batches = []
        async with self._store.operation():
            async for batch in self._models.find_raw_batches(sort=[("_id", 1)]):
                digest.update(batch)
                batches.append(batch)
        fingerprint = digest.digest()
        if fingerprint == known_fingerprint:
            return None
        documents = [document for batch in batches for document in bson.decode_all(batch, CODEC)]
        return Reading(fingerprint, documents)

    async def all(self) -> list[ModelDocument]:
        """Every document, by alias."""
        async with self._store.operation(_MANY_TIMEOUT_S):
            found = await self._models.find({}, _NO_ID).sort("id", 1).to_list(None)
        return cast("list[ModelDocument]", found)

    async def find(self, alias: str) -> ModelDocument | None:
        """The document of exactly that alias."""
        async with self._store.operation():
            return cast("ModelDocument | None", await self._models.find_one({"id": alias}, _NO_ID))

    async def set_enabled(self, alias: str, *, is_enabled: bool, at: datetime) -> ModelDocument | None:
        """Switch an alias on or off and return it as it is now; None: there is no such alias."""
        async with self._store.operation():
            found = await self._models.find_one_and_update(
                {"id": alias},
                {"$set": {"enabled": is_enabled, "updated_at": at}},
                projection=_NO_ID,
                return_document=ReturnDocument.AFTER,
            )
        return cast("ModelDocument | None", found)

    async def upsert(self, rows: Sequence[Mapping[str, Any]], at: datetime, *, only_new: bool = False) -> Loaded:
        """Make the documents say what ``rows`` say (checked rows, `id` in each); documents of other aliases stay.

        ``created`` is the time of the first load unless the row says another. With ``only_new``, as at a start, a row
        that has been loaded before and has not changed since is passed over, whatever its document says now, and one
        that has changed but does not say whether it is enabled leaves that to staff.
        """
        standing = {document["id"]: document for document in await self.all() if "id" in document}
        added: list[str] = []
        changed: list[str] = []
        kept: list[str] = []
        writes = []
        for row in rows:
            alias, document = row["id"], standing.get(row["id"])
            said = _said(row)
            if only_new and document is not None and "enabled" in document and "enabled" not in row:
                said["enabled"] = document["enabled"]
            if document is not None and _is_kept(document, said, only_new=only_new):
                kept.append(alias)
                continue
            (added if document is None else changed).append(alias)
            writes.append(_write(row, said, at))
        if writes:
            async with self._store.operation(_MANY_TIMEOUT_S):
                await self._models.bulk_write(writes, ordered=False)
        return Loaded(added, changed, kept)


def _said(row: Mapping[str, Any]) -> dict[str, Any]:
    said = {name: row.get(name, _UNSAID.get(name)) for name in _SAID}
    if "created" in row:
        said["created"] = row["created"]
    said["source_hash"] = hashlib.sha256(orjson.dumps(dict(row), option=orjson.OPT_SORT_KEYS)).hexdigest()
    return said


def _is_kept(document: Mapping[str, Any], said: Mapping[str, Any], *, only_new: bool) -> bool:
    if only_new and document.get("source_hash") == said["source_hash"]:
        return True
    return all(name in document and document[name] == value for name, value in said.items())


def _write(row: Mapping[str, Any], said: Mapping[str, Any], at: datetime) -> UpdateOne:
    first: dict[str, Any] = {"created_at": at}
    if "created" not in said:
        first["created"] = int(at.timestamp())
    return UpdateOne({"id": row["id"]}, {"$set": {**said, "updated_at": at}, "$setOnInsert": first}, upsert=True)
