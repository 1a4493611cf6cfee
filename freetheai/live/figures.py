"""Counts by minute, and what they come to over half an hour and an hour: plain values, no time and no Redis.

A minute's counts are three tables: providers (by alias prefix), aliases, and refusals (by error type). A row of the
first two is ``[successes, errors, last success, last error]``, times in whole seconds since the epoch and 0 for never;
a refusal is its number. So they are written, as JSON, and so they are read.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

HOUR_MINUTES: Final = 60
HALF_HOUR_MINUTES: Final = 30
_TABLES: Final = ("providers", "aliases")


@dataclass(slots=True)
class Counts:
    """What was counted in one minute, by one process or by several."""

    providers: dict[str, list[int]] = field(default_factory=dict)
    aliases: dict[str, list[int]] = field(default_factory=dict)
    refusals: dict[str, int] = field(default_factory=dict)

    def count(self, provider: str, alias: str, now_s: int, *, is_success: bool) -> None:
        """One request that ended, for its provider and its alias."""
        for table, name in ((self.providers, provider), (self.aliases, alias)):
            row = table.setdefault(name, [0, 0, 0, 0])
            at = 0 if is_success else 1
            row[at] += 1
            row[at + 2] = now_s

    def refuse(self, error_type: str) -> None:
        """One request that ended as this error type."""
        self.refusals[error_type] = self.refusals.get(error_type, 0) + 1

    def add(self, other: "Counts") -> None:
        """Take over what another process counted in the same minute."""
        for name in _TABLES:
            mine: dict[str, list[int]] = getattr(self, name)
            for key, row in getattr(other, name).items():
                known = mine.get(key)
                mine[key] = list(row) if known is None else _added(known, row)
        for error_type, number in other.refusals.items():
            self.refusals[error_type] = self.refusals.get(error_type, 0) + number

    def written(self) -> bytes:
        """As JSON."""
        return orjson.dumps({"providers": self.providers, "aliases": self.aliases, "refusals": self.refusals})


def read_counts(written: bytes) -> Counts:
    """What ``Counts.written`` wrote; what is not that (another version, a stranger's hand) counts nothing."""
    try:
        found: Any = orjson.loads(written)
        providers, aliases = ({str(name): _row(row) for name, row in found[table].items()} for table in _TABLES)
        refusals = {str(name): int(number) for name, number in found["refusals"].items()}
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError):
        return Counts()
    return Counts(providers, aliases, refusals)


def _row(row: Any) -> list[int]:
    successes, errors, last_success_s, last_error_s = map(int, row)
    return [successes, errors, last_success_s, last_error_s]


def _added(one: list[int], other: list[int]) -> list[int]:
    return [one[0] + other[0], one[1] + other[1], max(one[2], other[2]), max(one[3], other[3])]


@dataclass(slots=True)
class Figures:
    """What became of one provider's, or one alias', requests: successes and errors of the last 30 and 60 minutes, and
    when the last of each was (seconds since the epoch; 0: never, or longer ago than is known).
    """

    successes_30m: int = 0
    errors_30m: int = 0
    successes_60m: int = 0
    errors_60m: int = 0
    last_success_s: int = 0
    last_error_s: int = 0

    @property
    def requests_30m(self) -> int:
        """Successes and errors of the last 30 minutes."""
        return self.successes_30m + self.errors_30m

    def copy(self) -> "Figures":
        """Its own figures; an order of magnitude quicker than ``dataclasses.replace``."""
        return Figures(
            self.successes_30m,
            self.errors_30m,
            self.successes_60m,
            self.errors_60m,
            self.last_success_s,
            self.last_error_s,
        )

    def shown(self) -> dict[str, int | float]:
        """The fields of a provider's row in the health document, without its times."""
        fields: dict[str, int | float] = {}
        for minutes, successes, errors in (
            (HALF_HOUR_MINUTES, self.successes_30m, self.errors_30m),
            (HOUR_MINUTES, self.successes_60m, self.errors_60m),
        ):
            requests = successes + errors
            fields[f"requests_{minutes}m"] = requests
            fields[f"successes_{minutes}m"] = successes
            fields[f"errors_{minutes}m"] = errors
            fields[f"error_rate_{minutes}m"] = round(errors / requests, 4) if requests else 0.0
        return fields


@dataclass(slots=True)
class Totals:
    """All minutes of an hour together. Refusals by error type: ``[30 minutes, 60 minutes]``."""

    providers: dict[str, Figures] = field(default_factory=dict)
    aliases: dict[str, Figures] = field(default_factory=dict)
    refusals: dict[str, list[int]] = field(default_factory=dict)

    def count(self, counts: Counts, *, is_half_hour: bool) -> None:
        """Add one minute; ``is_half_hour``: it is one of the last 30."""
        for name in _TABLES:
            table: dict[str, Figures] = getattr(self, name)
            for key, row in getattr(counts, name).items():
                _count_row(table.setdefault(key, Figures()), row, is_half_hour=is_half_hour)
        for error_type, number in counts.refusals.items():
            both = self.refusals.setdefault(error_type, [0, 0])
            both[0] += number if is_half_hour else 0
            both[1] += number

    def copy(self) -> "Totals":
        """Its own figures, to be counted on."""
        return Totals(
            {name: figures.copy() for name, figures in self.providers.items()},
            {name: figures.copy() for name, figures in self.aliases.items()},
            {name: list(both) for name, both in self.refusals.items()},
        )

    def note_last(self, last: Mapping[str, int]) -> None:
        """Take over when things last happened, where that was before the hour."""
        for name, at_s in last.items():
            kind, _, rest = name.partition(" ")
            outcome, _, key = rest.partition(" ")
            table = {"provider": self.providers, "alias": self.aliases}.get(kind)
            if table is None:
                continue
            figures = table.setdefault(key, Figures())
            if outcome == "success":
                figures.last_success_s = max(figures.last_success_s, at_s)
            else:
                figures.last_error_s = max(figures.last_error_s, at_s)


def last_times(counts: Counts) -> dict[str, int]:
    """When each thing of these counts last happened, by the names ``Totals.note_last`` reads."""
    names: dict[str, int] = {}
    for kind, table in (("provider", counts.providers), ("alias", counts.aliases)):
        for key, (_, _, last_success_s, last_error_s) in table.items():
            for outcome, at_s in (("success", last_success_s), ("error", last_error_s)):
                if at_s:
                    names[f"{kind} {outcome} {key}"] = at_s
    return names


def add_minutes(totals: Totals, minutes: Iterable[tuple[int, Counts]], now_minute: int) -> None:
    """Count minutes (by their number in the epoch) of the hour that ends with ``now_minute``; others count nothing."""
    for number, counts in minutes:
        age = now_minute - number
        # A clock that is a little ahead counts into a minute that has not begun here.
        if -1 <= age < HOUR_MINUTES:
            totals.count(counts, is_half_hour=age < HALF_HOUR_MINUTES)


def _count_row(figures: Figures, row: list[int], *, is_half_hour: bool) -> None:
    successes, errors, last_success_s, last_error_s = row
    figures.successes_60m += successes
    figures.errors_60m += errors
    if is_half_hour:
        figures.successes_30m += successes
        figures.errors_30m += errors
    figures.last_success_s = max(figures.last_success_s, last_success_s)
    figures.last_error_s = max(figures.last_error_s, last_error_s)
