"""The ledger: one row a request of a member, written in batches; never a word of what was said.

Rules:
- adding a row costs the request nothing: rows wait in a bounded list and are written together, twice a second, so that
  a crash loses less than a second of them;
- a batch of which nobody knows whether it was written (no answer in time, cancelled by a stop) is written again: a row
  that is there already stays one row;
- while MongoDB is away rows wait, the oldest fall out when the list is full, and the log says how many;
- ``close`` writes what is left, and says how many rows it could not.
"""

import asyncio
import contextlib
import logging
from collections import deque
from datetime import datetime
from typing import Final

from freetheai import clock
from freetheai.log import RequestRecord
from freetheai.store.mongo import StoreUnavailable
from freetheai.store.usage import UsageDocument, UsageStore

_logger = logging.getLogger(__name__)

WRITE_EVERY_S: Final = 0.5
MAX_WAITING_ROWS: Final = 20_000
# How long the last rows are tried at the end, and the pause between (seconds).
_LAST_PATIENCE_S: Final = 4.0
_LAST_PAUSE_S: Final = 0.5
# What MongoDB can hold; a provider may count anything.
_MAX_COUNT: Final = 2**63 - 1


class Ledger:
    """Collects finished requests and writes them behind."""

    def __init__(self, store: UsageStore) -> None:
        self._store = store
        self._waiting: deque[UsageDocument] = deque()
        self._lost_rows = 0

    def add(self, record: RequestRecord) -> None:
        """Note a finished request; what a known account asked to generate makes a row, served or refused."""
        if not record.user_id or record.method != "POST":
            return
        if len(self._waiting) >= MAX_WAITING_ROWS:
            self._waiting.popleft()
            self._lost_rows += 1
        self._waiting.append(_row(record, clock.utc_now()))

    async def run(self) -> None:
        """Write what waits, twice a second, for ever."""
        while True:
            await asyncio.sleep(WRITE_EVERY_S)
            await self.flush()

    async def flush(self) -> None:
        """Write what waits now; when MongoDB is away it waits on."""
        if not self._waiting:
            return
        rows = list(self._waiting)
        self._waiting.clear()
        try:
            await self._store.insert(rows)
        except StoreUnavailable:
            self._put_back(rows)
        except Exception as error:  # a value that MongoDB has no place for: these never get in, those to come do
            _logger.error("usage rows can't be written", extra={"rows": len(rows), "kind": type(error).__name__})
        except BaseException:
            # A stop, in the middle of it: whether they were written nobody knows.
            self._put_back(rows)
            raise
        if self._lost_rows:
            _logger.error("usage rows lost while MongoDB was away", extra={"rows": self._lost_rows})
            self._lost_rows = 0

    async def close(self) -> None:
        """Write what is left, whatever has to be tried again; what can't be written is lost, and the log says so."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LAST_PATIENCE_S):
                await self.flush()
                while self._waiting:
                    await asyncio.sleep(_LAST_PAUSE_S)
                    await self.flush()
        if self._waiting:
            _logger.error("usage rows lost at the end", extra={"rows": len(self._waiting)})

    def _put_back(self, rows: list[UsageDocument]) -> None:
        room = MAX_WAITING_ROWS - len(self._waiting)
        self._waiting.extendleft(reversed(rows[-room:] if room else []))
        self._lost_rows += max(0, len(rows) - room)


def _row(record: RequestRecord, at: datetime) -> UsageDocument:
    return UsageDocument(
        at=at,
        user_id=record.user_id,
        key_prefix=record.key_prefix,
        address=record.address,
        client=record.client,
        route=record.route,
        alias=record.alias,
        status=record.status,
        type=record.type,
        error_id=record.error_id,
        is_success=record.is_success,
        ttfb_ms=record.ttfb_ms,
        duration_ms=record.duration_ms,
        input_tokens=min(record.input_tokens, _MAX_COUNT),
        output_tokens=min(record.output_tokens, _MAX_COUNT),
        cached_tokens=min(record.cached_tokens, _MAX_COUNT),
    )
