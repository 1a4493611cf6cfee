"""The operator's file of patterns: one regular expression a line.

Rules:
- empty lines and lines that begin with `#` are passed over; space around a line does not count;
- upper and lower case are the same, `^` and `$` match at the ends of lines;
- a line that is no expression, or that matches the empty text (and so everything), is a mistake, not a pattern.
"""

import re
import warnings
from dataclasses import dataclass
from pathlib import Path

from freetheai.moderation.worker import FLAGS

# Modification time (ns), size and number of a file; None: there is none.
FileStamp = tuple[int, int, int] | None


class PatternsError(Exception):
    """The file can't be used: its name, the line and the reason."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """An expression and the number of its line."""

    line: int
    text: str


def load_patterns(path: Path) -> tuple[Pattern, ...]:
    """The patterns of a file; none for a file without any.

    Raises:
        PatternsError: it can't be read, or a line is no pattern.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise PatternsError(f"moderation.patterns_file {path}: is not UTF-8") from None
    except OSError as error:
        raise PatternsError(f"moderation.patterns_file {path}: {error.strerror or error}") from None
    patterns = []
    for number, line in enumerate(map(str.strip, lines), start=1):
        if line and not line.startswith("#"):
            if reason := _mistake(line):
                raise PatternsError(f"moderation.patterns_file {path} line {number}: {reason}")
            patterns.append(Pattern(number, line))
    return tuple(patterns)


def stamp_of(path: Path) -> FileStamp:
    """What tells whether the file has changed."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _mistake(text: str) -> str:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            expression = re.compile(text, FLAGS)
    except (re.error, OverflowError, RecursionError) as error:
        return f"is no regular expression ({error})"
    return "matches the empty text, so it would block everything" if expression.search("") else ""
