"""What the rows of ``usage`` come to: the leaderboard, figures by alias, client and so on, who used which client.

Strategy: MongoDB counts, nothing but sums leaves it. The leaderboard reads one index and no document (``board`` of
``indexes.py``). A median is found without keeping values: rows are counted by their latency to three digits, these
counts are summed up in order, and the first that reaches half of all is it (``$percentile`` needs MongoDB 7).

Rules:
- a time is the start of a window, in UTC; a row of that moment is in it;
- bounds are seconds: an aggregation over a month takes longer than a question about one document.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from freetheai.store.mongo import Store

_TIMEOUT_S: Final = 60.0
_Stage = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class BoardRow:
    """One alias: how many successes, of how many members, and the median latency (milliseconds; None: none known)."""

    alias: str
    successes: int
    unique_users: int
    p50_ms: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """What the rows of one alias (client, hour …) come to; tokens are counts. ``name`` "": the field was empty."""

    name: str
    requests: int
    successes: int
    unique_users: int
    input_tokens: int
    output_tokens: int
    cached_tokens: int


class UsageFigures:
    """Reads of the ledger. Every method raises ``StoreUnavailable`` when MongoDB is away."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._usage = store.collection("usage")

    async def board(self, since: datetime) -> list[BoardRow]:
        """The successes of each alias, the most first; equals by alias."""
        match = {"$match": {"is_success": True, "at": {"$gte": since}}}
        counted = await self._aggregate([match, *_successes_by_alias()])
        latencies = await self._aggregate([match, *_median_by_alias()])
        median_of = {row["_id"]: int(row["p50"]) for row in latencies}
        rows = [BoardRow(row["_id"], row["successes"], row["users"], median_of.get(row["_id"])) for row in counted]
        return sorted(rows, key=lambda row: (-row.successes, row.alias))

    async def sums_by(self, field: str, since: datetime) -> list[Sums]:
        """What the rows of each value of ``field`` come to, the most requests first; equals by name."""
        return await self._sums(f"${field}", since)

    async def sums_by_hour(self, since: datetime) -> list[Sums]:
        """The same by hour of the UTC day's date (``2026-11-22T13:00Z``), in order."""
        hour = {"$dateToString": {"date": "$at", "format": "%Y-%m-%dT%H:00Z"}}
        return sorted(await self._sums(hour, since), key=lambda sums: sums.name)

    async def sums(self, since: datetime) -> Sums:
        """All rows together."""
        found = await self._sums({"$literal": "all"}, since)
        nothing = dict.fromkeys(Sums.__slots__, 0) | {"name": "all"}
        return found[0] if found else Sums(**nothing)  # type: ignore[arg-type]

    async def clients_of(self, user_id: str, since: datetime) -> list[str]:
        """The names of the clients a member was seen with, the most used first."""
        rows = await self._aggregate(
            [
                {"$match": {"user_id": user_id, "at": {"$gte": since}}},
                {"$group": {"_id": "$client", "requests": {"$sum": 1}}},
                {"$sort": {"requests": -1, "_id": 1}},
            ]
        )
        return [str(row["_id"]) for row in rows if row["_id"]]

    async def _sums(self, name: Any, since: datetime) -> list[Sums]:
        tokens = ("input_tokens", "output_tokens", "cached_tokens")
        summed = {field: {"$sum": f"${field}"} for field in ("requests", "successes", *tokens)}
        rows = await self._aggregate(
            [
                {"$match": {"at": {"$gte": since}}},
                # First by member, so that members are counted without a list of them.
                {
                    "$group": {
                        "_id": {"name": name, "user": "$user_id"},
                        "requests": {"$sum": 1},
                        "successes": {"$sum": {"$cond": ["$is_success", 1, 0]}},
                        **{field: {"$sum": f"${field}"} for field in tokens},
                    }
                },
                {"$group": {"_id": "$_id.name", "unique_users": {"$sum": 1}, **summed}},
            ]
        )
        found = [
            Sums(name=str(row.pop("_id") or ""), **{key: int(value) for key, value in row.items()}) for row in rows
        ]
        return sorted(found, key=lambda sums: (-sums.requests, sums.name))

    async def _aggregate(self, stages: Sequence[_Stage]) -> list[dict[str, Any]]:
        async with self._store.operation(_TIMEOUT_S):
            return await self._usage.aggregate(list(stages), allowDiskUse=True).to_list(None)


def _successes_by_alias() -> list[_Stage]:
    return [
        {"$group": {"_id": {"alias": "$alias", "user": "$user_id"}, "successes": {"$sum": 1}}},
        {"$group": {"_id": "$_id.alias", "successes": {"$sum": "$successes"}, "users": {"$sum": 1}}},
    ]


def _median_by_alias() -> list[_Stage]:
    """The lower median of the latency: until the first output where there was such a moment, else until the end."""
    latency = {"$ifNull": ["$ttfb_ms", "$duration_ms"]}
    in_order = {"partitionBy": "$_id.alias", "sortBy": {"_id.ms": 1}}
    up_to_here, all_of_it = ["unbounded", "current"], ["unbounded", "unbounded"]
    return [
        {"$group": {"_id": {"alias": "$alias", "ms": _to_three_digits(latency)}, "rows": {"$sum": 1}}},
        {"$match": {"_id.ms": {"$ne": None}}},
        {
            "$setWindowFields": {
                **in_order,
                "output": {
                    "so_far": {"$sum": "$rows", "window": {"documents": up_to_here}},
                    "all": {"$sum": "$rows", "window": {"documents": all_of_it}},
                },
            }
        },
        {"$match": {"$expr": {"$gte": [{"$multiply": ["$so_far", 2]}, "$all"]}}},
        {"$group": {"_id": "$_id.alias", "p50": {"$min": "$_id.ms"}}},
    ]


def _to_three_digits(value: Any) -> _Stage:
    steps = [(1000, 1), (10_000, 10), (100_000, 100)]
    branches = [{"case": {"$lt": ["$$ms", below]}, "then": _rounded(step)} for below, step in steps]
    return {"$let": {"vars": {"ms": value}, "in": {"$switch": {"branches": branches, "default": _rounded(1000)}}}}


def _rounded(step: int) -> _Stage:
    # null stays null.
    return {"$multiply": [{"$round": [{"$divide": ["$$ms", step]}, 0]}, step]}
