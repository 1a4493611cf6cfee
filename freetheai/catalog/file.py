"""Catalog files: TOML with ``[[models]]`` rows, refused as a whole when one is unsound.

Every mistake is told with file, line and field. What may be right all the same (``doubts_of``) is only told.

The TOML reader of the standard library keeps no line numbers, so they are looked up in the text: the n-th
``[[models]]``, and in it the line that sets the field.
"""

import re
import tomllib
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from freetheai.catalog.model import BadRow, mistakes_of
from freetheai.config.suggest import nearest

_HEADER: Final = re.compile(r"^[ \t]*\[\[[ \t]*(?:models|\"models\"|'models')[ \t]*\]\]", re.MULTILINE)
_ANY_HEADER: Final = re.compile(r"^[ \t]*\[", re.MULTILINE)
# Comments and texts, in the order in which TOML would see them; what spans lines is blanked out.
_TEXTS: Final = re.compile(r'#[^\n]*|"""(?:\\.|[^\\])*?"""|\'\'\'.*?\'\'\'|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\'', re.DOTALL)
_SYNTAX_PLACE: Final = re.compile(r"^(?P<reason>.*) \(at line (?P<line>\d+), column \d+\)$")


class CatalogFileError(Exception):
    """A catalog file can't be loaded; the text is ``file:line: field: reason``, one line: the first of ``mistakes``."""

    def __init__(self, *mistakes: str) -> None:
        super().__init__(mistakes[0])
        self.mistakes = mistakes


def load_catalog_files(paths: Iterable[Path]) -> list[dict[str, Any]]:
    """The rows of several files, one after the other.

    Raises:
        CatalogFileError: as ``load_catalog_file``, or an alias stands in two files.
    """
    rows: list[dict[str, Any]] = []
    file_of: dict[str, Path] = {}
    for path in paths:
        for row in load_catalog_file(path):
            if row["id"] in file_of:
                raise CatalogFileError(f"{path}: id: {row['id']!r} stands in {file_of[row['id']]} too")
            file_of[row["id"]] = path
            rows.append(row)
    return rows


def load_catalog_file(path: Path) -> list[dict[str, Any]]:
    """The checked rows of a catalog file, each with what it says and nothing more.

    Raises:
        CatalogFileError: the file can't be read, is no TOML, or holds a row that can't be taken.
    """
    text = _read(path)
    document = _parse(path, text)
    for name in document:
        if name != "models":
            line = _line_of(text, 0, len(text), name)
            raise CatalogFileError(f"{path}:{line}: {name}: a catalog file holds [[models]] and nothing else")
    rows = document.get("models", [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        line = _line_of(text, 0, len(text), "models")
        raise CatalogFileError(f"{path}:{line}: models: must be written as [[models]]")
    _check_all(path, text, rows)
    return rows


def doubts_of(
    path: Path, rows: Iterable[dict[str, Any]], aliases: Collection[str], prefixes: Collection[str]
) -> list[str]:
    """What is odd about the rows of a file that was loaded, as ``file:line: field: what``: fallbacks that are none of
    ``aliases``, prefixes that are none of ``prefixes``, each once; both may still come.
    """
    text = _read(path)
    return [
        f"{path}:{_line_in_row(text, number, bad.field)}: {bad}" for number, bad in _doubts(rows, aliases, prefixes)
    ]


def _doubts(
    rows: Iterable[dict[str, Any]], aliases: Collection[str], prefixes: Collection[str]
) -> Iterator[tuple[int, BadRow]]:
    told: set[str] = set()
    for number, row in enumerate(rows):
        prefix = row["id"].partition("/")[0]
        if prefix not in prefixes and prefix not in told:
            yield number, BadRow("id", f"no provider is configured for the prefix {prefix}")
            told.add(prefix)
        for alias in row.get("fallbacks", ()):
            if alias not in aliases:
                reason = f"{alias!r} is no model, here or in the catalog, and is passed over{nearest(alias, aliases)}"
                yield number, BadRow("fallbacks", reason)


def _read(path: Path) -> str:
    try:
        # Line ends as they are: TOML knows two kinds, and both count as one line.
        return path.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise CatalogFileError(f"{path}: can't be read: {reason}") from error


def _parse(path: Path, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        place = _SYNTAX_PLACE.match(str(error))
        where, reason = (f"{path}:{place['line']}", place["reason"]) if place else (str(path), str(error))
        raise CatalogFileError(f"{where}: not TOML: {reason}") from error


def _check_all(path: Path, text: str, rows: list[dict[str, Any]]) -> None:
    mistakes: list[str] = []
    line_of: dict[str, int] = {}
    for number, row in enumerate(rows):
        alias = row.get("id")
        found = list(mistakes_of(row))
        if isinstance(alias, str):
            if alias in line_of:
                found.append(BadRow("id", f"{alias!r} stands in line {line_of[alias]} already"))
            fallbacks = row.get("fallbacks")
            if isinstance(fallbacks, list) and alias in fallbacks:
                found.append(BadRow("fallbacks", "names the model itself"))
            line_of.setdefault(alias, _line_in_row(text, number, "id"))
        mistakes += (f"{path}:{_line_in_row(text, number, bad.field)}: {bad}" for bad in found)
    if mistakes:
        raise CatalogFileError(*mistakes)


def _line_in_row(text: str, number: int, field: str) -> int:
    """The line that sets ``field`` in the ``number``-th row; the row's own where none does."""
    blanked = _without_long_texts(text)
    headers = list(_HEADER.finditer(blanked))
    if number >= len(headers):
        # Rows written as one list: `models = [{…}, …]`.
        return _line_of(text, 0, len(text), "models")
    header = headers[number]
    following = _ANY_HEADER.search(blanked, header.end())
    # A table inside the row (`[models.x]`) belongs to it.
    end = headers[number + 1].start() if number + 1 < len(headers) else len(blanked)
    found = _find(blanked, header.end(), following.start() if following else end, field)
    if found is None:
        table = re.compile(rf"^[ \t]*\[\[?[ \t]*models[ \t]*\.[ \t]*[\"']?{re.escape(field)}\b", re.MULTILINE)
        found = table.search(blanked, header.end(), end)
    return _line_at(text, found.start() if found else header.start())


def _line_of(text: str, start: int, end: int, field: str) -> int:
    blanked = _without_long_texts(text)
    table = re.compile(rf"^[ \t]*\[\[?[ \t]*[\"']?{re.escape(field)}\b", re.MULTILINE)
    found = _find(blanked, start, end, field) or table.search(blanked, start, end)
    return _line_at(text, found.start() if found else start)


def _find(text: str, start: int, end: int, field: str) -> re.Match[str] | None:
    return re.compile(rf"^[ \t]*[\"']?{re.escape(field)}[\"']?[ \t]*[.=]", re.MULTILINE).search(text, start, end)


def _line_at(text: str, position: int) -> int:
    # A match begins with the spaces of its own line, never with the line end before it.
    return text.count("\n", 0, position) + 1


def _without_long_texts(text: str) -> str:
    def blank(match: re.Match[str]) -> str:
        found = match.group()
        return found if not found.startswith(('"""', "'''")) else re.sub(r"[^\n]", " ", found)

    return _TEXTS.sub(blank, text)
