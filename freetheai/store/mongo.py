"""The connection to MongoDB: one client, one bound on every operation, one exception when it is away.

Strategy: every operation of this folder runs inside ``async with store.operation():``. It bounds the time, turns the
driver's errors into ``StoreUnavailable``, and remembers that MongoDB is away: then one operation at a time goes and
looks, all others are refused at once. Without that, each waiting request would hold one of the driver's few threads
for the whole bound, and an outage would become a queue.

Rules:
- a duplicate key is an answer, not an outage: it passes as the driver's ``DuplicateKeyError``;
- nothing outside this folder sees a driver's exception, a cursor or an ``_id``;
- text that is not UTF-8 (someone edits the database by hand) is read with replacement characters, never fatal.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC
from typing import Any, Final

import pymongo
from bson.codec_options import CodecOptions
from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorCollection
from pymongo.errors import ConnectionFailure, DuplicateKeyError, PyMongoError

from freetheai import clock
from freetheai.store.indexes import INDEXES

_logger = logging.getLogger(__name__)

CODEC: Final[CodecOptions[dict[str, Any]]] = CodecOptions(
    document_class=dict, tz_aware=True, tzinfo=UTC, unicode_decode_error_handler="replace"
)
# While MongoDB is away one operation goes and looks, this long (seconds) after the last failure.
_LOOK_AGAIN_S: Final = 0.5
# The driver keeps the bound itself; this much later (seconds) we stop waiting for the driver.
_GRACE_S: Final = 0.5
# Making indexes on a collection with history takes longer than a question about one document.
_INDEXES_TIMEOUT_S: Final = 60.0


class StoreUnavailable(Exception):
    """MongoDB did not answer in time, refused, or is known to be away; the text says which, for the log."""


class Store:
    """A client of one database."""

    def __init__(self, url: str, database: str, *, timeout_s: float = 2.0) -> None:
        """``timeout_s`` bounds each operation, connecting and choosing a server included.

        Raises:
            StoreUnavailable: ``url`` or ``database`` can't be one.
        """
        self._timeout_s = timeout_s
        timeout_ms = int(timeout_s * 1000)
        try:
            self._client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(
                url,
                serverSelectionTimeoutMS=timeout_ms,
                connectTimeoutMS=timeout_ms,
                socketTimeoutMS=timeout_ms,
                # What was acknowledged survives a crash: a revoked key must not come back to life.
                journal=True,
                appname="freetheai",
            )
            self._database = self._client.get_database(database, codec_options=CODEC)
        except (PyMongoError, ValueError) as error:
            # Cut in the password, the URL's parts would be shown in the driver's words.
            is_cut = "@" in url.partition("://")[2].partition("/")[2]
            reason = "/ ? # @ : % in a password must be percent-encoded" if is_cut else str(error)
            raise StoreUnavailable(f"mongodb: {reason}") from None
        self._is_away = False
        self._look_again_s = 0.0
        self._answered_s = 0.0

    @property
    def is_away(self) -> bool:
        """Whether the last operation found MongoDB away."""
        return self._is_away

    async def start(self) -> None:
        """Make the indexes of ``indexes.INDEXES``; those that stand already stay as they are.

        Raises:
            StoreUnavailable: MongoDB is away, or its documents contradict an index.
        """
        await self.ping()
        for name, indexes in INDEXES.items():
            try:
                async with self.operation(_INDEXES_TIMEOUT_S):
                    await self.collection(name).create_indexes(list(indexes))
            except DuplicateKeyError as error:
                raise StoreUnavailable(f"mongodb: two documents of {name!r} contradict an index: {error}") from error

    async def ping(self) -> None:
        """Ask MongoDB whether it is there.

        Raises:
            StoreUnavailable: it is not.
        """
        async with self.operation():
            await self._database.command("ping")

    async def close(self) -> None:
        """Close every connection; bounded even when MongoDB hangs."""

        def close() -> None:
            # The driver says goodbye to the server, and waits for it.
            with pymongo.timeout(self._timeout_s):
                self._client.close()

        try:
            async with asyncio.timeout(self._timeout_s + _GRACE_S):
                await asyncio.to_thread(close)
        except TimeoutError:
            _logger.warning("mongodb did not let go of its connections in time")

    def collection(self, name: str) -> AsyncIOMotorCollection[dict[str, Any]]:
        """A collection, for the modules of this folder only."""
        return self._database.get_collection(name)

    @asynccontextmanager
    async def operation(self, timeout_s: float | None = None) -> AsyncIterator[None]:
        """Run what is inside against MongoDB, at most ``timeout_s`` seconds (default: the store's bound).

        Raises:
            StoreUnavailable: no answer, a refusal, or known to be away.
            DuplicateKeyError: a unique index refuses the document.
        """
        started_s = self._claim()
        limit_s = self._timeout_s if timeout_s is None else timeout_s
        try:
            with pymongo.timeout(limit_s):
                async with asyncio.timeout(limit_s + _GRACE_S):
                    yield
        except DuplicateKeyError:
            self._answered()
            raise
        except (ConnectionFailure, TimeoutError) as error:
            self._failed(error, started_s)
            raise StoreUnavailable(f"mongodb is away: {error or 'no answer'}") from error
        except PyMongoError as error:
            self._answered()
            raise StoreUnavailable(f"mongodb refused: {error}") from error
        except BaseException:
            # Cancelled, or a fault of ours: says nothing about MongoDB, and must not keep the next one from looking.
            self._look_again_s = 0.0
            raise
        self._answered()

    def _claim(self) -> float:
        now_s = clock.monotonic_s()
        if self._is_away:
            if now_s < self._look_again_s:
                raise StoreUnavailable("mongodb is away: it did not answer a moment ago")
            self._look_again_s = now_s + self._timeout_s + _GRACE_S
        return now_s

    def _answered(self) -> None:
        self._answered_s = clock.monotonic_s()
        if self._is_away:
            self._is_away = False
            _logger.info("mongodb answers again")

    def _failed(self, error: Exception, started_s: float) -> None:
        if started_s < self._answered_s:
            # Another operation has had an answer since this one began: it is back.
            return
        self._look_again_s = clock.monotonic_s() + _LOOK_AGAIN_S
        if not self._is_away:
            self._is_away = True
            _logger.warning("mongodb is away", extra={"reason": str(error)[:300]})
