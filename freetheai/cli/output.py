"""What a command prints: one JSON document, or a table for people.

Rules:
- both come from the same rows, so that ``--json`` never knows less;
- a table is for a terminal: what users may choose (names, reasons) can't send it control characters;
- times in UTC, RFC 3339.
"""

import argparse
import sys
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson

_JSON_OPTIONS = orjson.OPT_NAIVE_UTC | orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE | orjson.OPT_NON_STR_KEYS
_GAP = "  "


def add_json_option(parser: argparse.ArgumentParser) -> None:
    """Let a command take ``--json`` (``args.json``)."""
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of a table")


def write(text: str) -> None:
    """Text as it is, to stdout."""
    sys.stdout.write(text)


def write_json(value: Any) -> None:
    """One JSON document and a line end; times become RFC 3339 in UTC."""
    write(orjson.dumps(value, option=_JSON_OPTIONS).decode())


def write_rows(args: argparse.Namespace, rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """Rows as a JSON list (every field) or as a table of ``columns`` with a heading."""
    if args.json:
        write_json(rows)
    else:
        write(table(rows, columns))


def write_record(args: argparse.Namespace, record: Mapping[str, Any]) -> None:
    """One thing as a JSON object, or as a line for each of its fields."""
    if args.json:
        write_json(record)
    else:
        write(_align([name, cell(value)] for name, value in record.items()))


def table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> str:
    """``columns`` of ``rows`` under their names, aligned; a missing field is ``-``."""
    return _align([list(columns), *([cell(row.get(name)) for name in columns] for row in rows)])


def cell(value: Any) -> str:
    """One value as a person reads it, in one line and without control characters."""
    if value is None or value == "" or value == [] or value == ():
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        aware = value if value.tzinfo else value.replace(tzinfo=UTC)
        return aware.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(value, Mapping):
        return ", ".join(f"{_printable(str(key))}={cell(item)}" for key, item in value.items())
    if isinstance(value, list | tuple | set | frozenset):
        return ", ".join(cell(item) for item in value)
    return _printable(str(value))


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)


def _align(lines: Iterable[Sequence[str]]) -> str:
    table_lines = list(lines)
    if not table_lines:
        return ""
    widths = [max(_width(text) for text in column) for column in zip(*table_lines, strict=True)]
    padded = (
        _GAP.join(text + " " * (width - _width(text)) for text, width in zip(line, widths, strict=True)).rstrip()
        for line in table_lines
    )
    return "\n".join(padded) + "\n"


def _width(text: str) -> int:
    """Columns a terminal needs: East Asian wide characters take two, combining ones none."""
    wide = sum(1 for character in text if unicodedata.east_asian_width(character) in "WF")
    return len(text) + wide - sum(1 for character in text if unicodedata.combining(character))
