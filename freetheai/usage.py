"""The ledger: one row a finished generation, written in batches; never a word of what was said.

Rules:
- adding a row costs the request nothing: rows wait in a bounded list and are written together, once a second;
- while MongoDB is away rows wait, the oldest fall out when the list is full, and the log says how many;
- ``recent_clients`` counts members by recognised client over ten minutes, in this process.
"""

import asyncio
import logging
from collections import deque
from datetime import datetime
from typing import Final, TypedDict

from freetheai import clock
from freetheai.log import RequestRecord
from freetheai.store.mongo import StoreUnavailable
from freetheai.store.usage import UsageDocument, UsageStore

_logger = logging.getLogger(__name__)

WRITE_EVERY_S: Final = 1.0
MAX_WAITING_ROWS: Final = 20_000
CLIENTS_WINDOW_S: Final = 600
# Names come from request headers: past this many, further ones are counted together.
MAX_CLIENTS: Final = 200
MAX_SEEN: Final = 100_000


class ClientCount(TypedDict):
    """How many members used one client lately."""

    client_name: str
    unique_users: int


class Ledger:
    """Collects finished requests and writes them behind."""

    def __init__(self, store: UsageStore) -> None:
        self._store = store
        self._waiting: deque[UsageDocument] = deque()
        self._lost_rows = 0
        # (client, user) -> last seen, monotonic seconds; oldest first.
        self._seen: dict[tuple[str, str], float] = {}

    def add(self, record: RequestRecord) -> None:
        """Note a finished request; only generations (those with an alias and an owner) make a row."""
        if not record.user_id:
            return
        self._note_client(record.client, record.user_id)
        if not record.alias or record.method != "POST":
            return
        if len(self._waiting) >= MAX_WAITING_ROWS:
            self._waiting.popleft()
            self._lost_rows += 1
        self._waiting.append(_row(record, clock.utc_now()))

    async def run(self) -> None:
        """Write what waits, once a second, for ever."""
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
            room = MAX_WAITING_ROWS - len(self._waiting)
            self._waiting.extendleft(reversed(rows[-room:]))
            self._lost_rows += max(0, len(rows) - room)
        if self._lost_rows:
            _logger.error("usage rows lost while MongoDB was away", extra={"rows": self._lost_rows})
            self._lost_rows = 0

    def recent_clients(self) -> list[ClientCount]:
        """Members by client over the last ten minutes, the most used first."""
        oldest_s = clock.monotonic_s() - CLIENTS_WINDOW_S
        counts: dict[str, int] = {}
        for (client, user_id), seen_s in list(self._seen.items()):
            if seen_s < oldest_s:
                del self._seen[client, user_id]
                continue
            counts[client] = counts.get(client, 0) + 1
        ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        return [ClientCount(client_name=name, unique_users=users) for name, users in ranked[:MAX_CLIENTS]]

    def _note_client(self, client: str, user_id: str) -> None:
        self._seen.pop((client, user_id), None)
        if len(self._seen) >= MAX_SEEN:
            del self._seen[next(iter(self._seen))]
        self._seen[client, user_id] = clock.monotonic_s()


def _row(record: RequestRecord, at: datetime) -> UsageDocument:
    return UsageDocument(
        at=at,
        user_id=record.user_id,
        key_prefix=record.key_prefix,
        client=record.client,
        route=record.route,
        alias=record.alias,
        provider=record.provider,
        status=record.status,
        type=record.type,
        error_id=record.error_id,
        is_success=record.is_success,
        ttfb_ms=record.ttfb_ms,
        duration_ms=record.duration_ms,
        input_tokens=record.input_tokens,
        output_tokens=record.output_tokens,
        cached_tokens=record.cached_tokens,
        estimated=record.estimated,
    )
