"""Figures, and how they are shown: as a table for people, as JSON for programs."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

import orjson


@dataclass(frozen=True, slots=True, kw_only=True)
class Aim:
    """What a figure should be: a bound on gateway / bare, or on the gateway's own value."""

    min_ratio: float | None = None
    max_ratio: float | None = None
    max_value: float | None = None

    def is_met(self, gateway: float, ratio: float) -> bool:
        """Whether the figure keeps within it."""
        if self.min_ratio is not None:
            return ratio >= self.min_ratio
        if self.max_ratio is not None:
            return ratio <= self.max_ratio
        return self.max_value is None or gateway <= self.max_value

    def text(self) -> str:
        """As the table shows it."""
        if self.min_ratio is not None:
            return f"ratio ≥ {self.min_ratio:g}"
        if self.max_ratio is not None:
            return f"ratio ≤ {self.max_ratio:g}"
        return f"≤ {self.max_value:g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One line: the gateway, the bare pass-through, their ratio; ``rounds`` are the pairs behind it."""

    name: str
    label: str
    unit: str
    gateway: float
    bare: float
    ratio: float
    rounds: list[tuple[float, float]]
    aim: str = ""
    is_met: bool | None = None
    note: str = ""


def figure(
    name: str, label: str, unit: str, pairs: Sequence[tuple[float, float]], aim: Aim | None = None, *, note: str = ""
) -> Figure:
    """A figure from its rounds (gateway, bare): medians, and the median of the rounds' ratios."""
    gateway = median(pair[0] for pair in pairs)
    ratio = median(pair[0] / pair[1] for pair in pairs)
    return Figure(
        name=name,
        label=label,
        unit=unit,
        gateway=gateway,
        bare=median(pair[1] for pair in pairs),
        ratio=ratio,
        rounds=list(pairs),
        aim=aim.text() if aim else "",
        is_met=aim.is_met(gateway, ratio) if aim else None,
        note=note,
    )


def table(figures: Sequence[Figure], notes: Sequence[str]) -> str:
    """The figures in columns, then the notes."""
    rows = [("", "gateway", "bare", "ratio", "unit", "aim")]
    for one in figures:
        verdict = "" if one.is_met is None else ("  met" if one.is_met else "  MISSED")
        ratio = "" if math.isinf(one.bare) else f"{one.ratio:.2f}"
        rows.append((one.label, _number(one.gateway), _number(one.bare), ratio, one.unit, one.aim + verdict))
    widths = [max(len(row[column]) for row in rows) for column in range(6)]
    lines = []
    for row in rows:
        cells = [row[0].ljust(widths[0]), *(row[column].rjust(widths[column]) for column in (1, 2, 3))]
        lines.append("  ".join([*cells, row[4].ljust(widths[4]), row[5]]).rstrip())
    notes = [*notes, *(f"{one.name}: {one.note}" for one in figures if one.note)]
    return "\n".join([*lines, "", *(f"- {note}" for note in notes)])


def as_json(figures: Sequence[Figure], notes: Sequence[str], facts: dict[str, Any]) -> bytes:
    """The same as one JSON document. What never happened (an infinite time) is null."""
    document = {**facts, "notes": list(notes), "figures": [asdict(one) for one in figures]}
    return orjson.dumps(document, option=orjson.OPT_INDENT_2) + b"\n"


def _number(value: float) -> str:
    if math.isinf(value):
        return "never"
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"
