"""The catalog as MongoDB has it now: an immutable snapshot in memory, replaced within a second of any change.

Strategy: twice a second the collection's raw bytes are read and hashed; only when the hash differs are they decoded
into models. That sees changes whoever made them, commands and hands at a MongoDB shell alike, needs no replica set (a
change stream would), and costs a millisecond or two of a catalog of hundreds. A notice makes it look at once.

Rules:
- readers see one whole snapshot or the next, never a mixture;
- a document that is no model is left out and logged; the others are not affected;
- while MongoDB is away the last snapshot stays;
- an alias is found as clients really write it: spaces around it, a trailing ``[1m]``, percent-encoding, a provider's
  word in front. What is in the catalog exactly so comes first.
"""

import asyncio
import logging
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import unquote

import orjson

from freetheai import clock
from freetheai.catalog.model import MAX_ALIAS_CHARS, BadRow, Model, full_row, list_row, model_of
from freetheai.store.models import Models, Reading
from freetheai.store.mongo import Store, StoreUnavailable
from freetheai.tasks import TaskGroup

_logger = logging.getLogger(__name__)

# Half of the second within which a change must be seen.
LOOK_EVERY_S: Final = 0.5
# Claude Code's switch for a long context; no part of any alias.
_LONG_CONTEXT: Final = re.compile(r"\[1m\]\s*$", re.IGNORECASE)
# What clients put in front of an alias of ours: names of kinds and makers in their own lists.
_WORDS_IN_FRONT: Final = ("models/", "openai/", "anthropic/", "custom/")
# An alias with each character percent-encoded, and a word in front.
_MAX_ASKED_CHARS: Final = 3 * MAX_ALIAS_CHARS + 64


@dataclass(frozen=True, slots=True)
class _Snapshot:
    models: Mapping[str, Model]
    rows: Mapping[str, bytes]
    listing: bytes
    full: tuple[tuple[Model, Mapping[str, Any]], ...]
    count_by_prefix: Mapping[str, int]


class Catalog:
    """What aliases there are."""

    def __init__(self, store: Store, *, verified_role: str = "seems_legit") -> None:
        """``verified_role``: the role that ``requires_seems_legit`` asks for."""
        self._models = Models(store)
        self._verified_role = verified_role
        self._snapshot = _snapshot(())
        self._fingerprint = b""
        self._updated_at = datetime.fromtimestamp(0, UTC)
        self._looking = asyncio.Lock()
        self._tasks = TaskGroup()

    async def start(self) -> None:
        """Read the catalog, and keep looking from then on.

        Raises:
            StoreUnavailable: MongoDB is away.
        """
        await self._look()
        self._tasks.start(self._watch(), "watch the catalog")

    async def close(self) -> None:
        """Look no more."""
        await self._tasks.close()

    async def refresh(self) -> None:
        """Look now; while MongoDB is away nothing changes."""
        try:
            await self._look()
        except StoreUnavailable as error:
            _logger.warning("the catalog stays as it is", extra={"reason": str(error)[:300]})

    @property
    def updated_at(self) -> datetime:
        """When the catalog last changed: as its documents say, or when we saw an edit."""
        return self._updated_at

    @property
    def model_count(self) -> int:
        """How many models are listed."""
        return len(self._snapshot.full)

    def count_with_prefix(self, prefix: str) -> int:
        """How many models of one provider are listed."""
        return self._snapshot.count_by_prefix.get(prefix, 0)

    def models(self) -> Iterable[Model]:
        """Every model that is switched on, hidden ones too, by alias."""
        return self._snapshot.models.values()

    def find(self, alias: str) -> Model | None:
        """The model a client means by ``alias``; None: there is none, or it is switched off."""
        models = self._snapshot.models
        exact = models.get(alias)
        if exact is not None or len(alias) > _MAX_ASKED_CHARS:
            return exact
        for spelling in _spellings(alias):
            model = models.get(spelling)
            if model is not None:
                return model
        return None

    def listing(self) -> bytes:
        """The body of `GET /v1/models`."""
        return self._snapshot.listing

    def row(self, model: Model) -> bytes:
        """The body of `GET /v1/models/{alias}`."""
        return self._snapshot.rows.get(model.id) or orjson.dumps(list_row(model))

    def full_rows(self) -> Iterable[tuple[Model, Mapping[str, Any]]]:
        """Each listed model with its row of `GET /v1/models/full`, to which the asker's ``access`` and ``status`` are
        added (``access_of``).
        """
        return self._snapshot.full

    def verified_prefixes(self) -> list[str]:
        """Prefixes of which every listed model asks for the verified role."""
        is_open = {model.prefix for model, _ in self._snapshot.full if not model.requires_seems_legit}
        return sorted(set(self._snapshot.count_by_prefix) - is_open)

    async def _watch(self) -> None:
        is_away = False
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            try:
                await self._look()
            except StoreUnavailable as error:
                if not is_away:
                    _logger.warning("the catalog stays as it is", extra={"reason": str(error)[:300]})
                is_away = True
            else:
                is_away = False

    async def _look(self) -> None:
        # One at a time, so that an older reading can't replace a newer one.
        async with self._looking:
            reading = await self._models.read(self._fingerprint)
            if reading is not None:
                self._take(reading)

    def _take(self, reading: Reading) -> None:
        models = []
        for document in reading.documents:
            try:
                models.append(model_of(document, self._verified_role))
            except BadRow as bad:
                _logger.error("a model is left out", extra={"alias": str(document.get("id"))[:200], "reason": str(bad)})
        is_first = not self._fingerprint
        self._snapshot = _snapshot(models)
        self._fingerprint = reading.fingerprint
        self._updated_at = _last_change(reading) if is_first else clock.utc_now()
        _logger.info("catalog read", extra={"models": len(models)})


def _spellings(alias: str) -> Iterable[str]:
    """What ``alias`` may be a spelling of, the nearest first."""
    decoded = unquote(alias) if "%" in alias else alias
    for text in dict.fromkeys((alias.strip(), decoded.strip())):
        yield text
        plain = _LONG_CONTEXT.sub("", text).rstrip()
        yield plain
        for word in _WORDS_IN_FRONT:
            if plain.startswith(word):
                yield plain[len(word) :]


def _snapshot(models: Iterable[Model]) -> _Snapshot:
    by_alias = {model.id: model for model in sorted(models, key=lambda model: model.id) if model.enabled}
    listed = [model for model in by_alias.values() if model.is_listed]
    rows = [list_row(model) for model in listed]
    listing = {
        "object": "list",
        "data": rows,
        "has_more": False,
        "first_id": rows[0]["id"] if rows else None,
        "last_id": rows[-1]["id"] if rows else None,
    }
    return _Snapshot(
        models=by_alias,
        rows={row["id"]: orjson.dumps(row) for row in rows},
        listing=orjson.dumps(listing),
        full=tuple((model, full_row(model)) for model in listed),
        count_by_prefix=Counter(model.prefix for model in listed),
    )


def _last_change(reading: Reading) -> datetime:
    times = [document.get("updated_at") for document in reading.documents]
    return max((time for time in times if isinstance(time, datetime)), default=clock.utc_now())
