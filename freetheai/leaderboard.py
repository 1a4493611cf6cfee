"""Which models are used most: counted from the ledger now and then, served from memory.

Rules:
- a window is counted when it is asked for and what is known of it has grown old; meanwhile the old is served;
- one computation runs at a time, whatever the windows, and an expensive one is repeated less often;
- models that are hidden or switched off are in no row, no share and no rank, from the moment they are;
- while MongoDB is away the last known goes on to be served; where nothing is known that is a 503.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from freetheai import clock, errors
from freetheai.catalog import Model
from freetheai.errors import ApiError
from freetheai.store.mongo import StoreUnavailable
from freetheai.store.usage_figures import BoardRow, UsageFigures
from freetheai.tasks import TaskGroup

_logger = logging.getLogger(__name__)

WINDOWS: Final[Mapping[str, timedelta]] = {
    "24h": timedelta(hours=24),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
}
# Seconds for which a count is believed; and at least so many times as long as it took.
FRESH_S: Final = 45.0
_FRESH_TIMES: Final = 20.0
# After a failure (seconds): MongoDB is not asked again at once.
_RETRY_S: Final = 5.0


@dataclass(slots=True)
class _Count:
    rows: list[BoardRow]
    at: datetime
    fresh_until_s: float


class Leaderboard:
    """The boards of all windows. ``find``: the catalog's own, by exact alias."""

    def __init__(self, figures: UsageFigures, find: Callable[[str], Model | None]) -> None:
        self._figures = figures
        self._find = find
        self._counts: dict[str, _Count] = {}
        self._counting: dict[str, asyncio.Task[None]] = {}
        self._turn = asyncio.Lock()
        self._tasks = TaskGroup()

    async def get(self, window: str, limit: int) -> dict[str, Any]:
        """The document of one of ``WINDOWS``, its first ``limit`` rows.

        Raises:
            ApiError: DEPENDENCY_UNAVAILABLE: it was never counted, and can't be now.
        """
        count = self._counts.get(window)
        if count is None or count.fresh_until_s < clock.monotonic_s():
            counting = self._begin(window)
            if count is None:
                # Not awaited itself: a page that is closed must not cancel what others wait for.
                await asyncio.wait((counting,))
                count = self._counts.get(window)
        if count is None:
            raise ApiError(errors.DEPENDENCY_UNAVAILABLE)
        return self._document(window, count, limit)

    async def close(self) -> None:
        """End what is being counted."""
        await self._tasks.close()

    def _begin(self, window: str) -> asyncio.Task[None]:
        counting = self._counting.get(window)
        if counting is None:
            counting = self._counting[window] = self._tasks.start(self._count(window), "count the leaderboard")
        return counting

    async def _count(self, window: str) -> None:
        try:
            async with self._turn:
                began_s, now = clock.monotonic_s(), clock.utc_now()
                rows = await self._figures.board(now - WINDOWS[window])
        except StoreUnavailable as error:
            _logger.warning("the leaderboard could not be counted", extra={"reason": str(error)[:300]})
            if window in self._counts:
                self._counts[window].fresh_until_s = clock.monotonic_s() + _RETRY_S
        else:
            done_s = clock.monotonic_s()
            fresh_s = max(FRESH_S, _FRESH_TIMES * (done_s - began_s))
            self._counts[window] = _Count(rows, now, done_s + fresh_s)
        finally:
            del self._counting[window]

    def _document(self, window: str, count: _Count, limit: int) -> dict[str, Any]:
        listed = [(row, model) for row in count.rows if (model := self._listed(row.alias)) is not None]
        successes = sum(row.successes for row, _ in listed)
        return {
            "object": "model_leaderboard",
            "window": window,
            "generated_at": clock.iso(count.at),
            "data": [
                {
                    "rank": rank,
                    "id": row.alias,
                    "prefix": model.prefix,
                    "successes": row.successes,
                    "share": round(row.successes / successes, 4),
                    "unique_users": row.unique_users,
                    "p50_latency_ms": row.p50_ms,
                }
                for rank, (row, model) in enumerate(listed[:limit], 1)
            ],
        }

    def _listed(self, alias: str) -> Model | None:
        model = self._find(alias)
        return model if model is not None and model.is_listed and model.id == alias else None
