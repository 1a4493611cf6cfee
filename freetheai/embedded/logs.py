"""The log file of a child: the line that says why it ended, and a bound on its size.

mongod writes JSON lines and says first what is wrong, then how it ends; the others write text and say it last.
"""

import contextlib
import os
from pathlib import Path
from typing import Any, Final

import orjson

LOG_BYTES: Final = 8 << 20
_TAIL_BYTES: Final = 64 << 10
_LONGEST: Final = 300
# mongod's severities, of https://www.mongodb.com/docs/manual/reference/log-messages/
_SEVERE: Final = ("E", "F")


def open_log(log_file: Path) -> int:
    """A file descriptor for a child's output, appending; to be closed by the caller."""
    return os.open(log_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)


def trim_log(log_file: Path) -> None:
    """Empty the file if it is over ``LOG_BYTES``: the child appends, so what comes next is at the new end."""
    with contextlib.suppress(OSError):
        if log_file.stat().st_size > LOG_BYTES:
            os.truncate(log_file, 0)


def find_complaint(log_file: Path) -> str:
    """What went wrong, in one line of at most 300 characters; empty if the file says nothing."""
    try:
        tail = log_file.read_bytes()[-_TAIL_BYTES:].decode(errors="replace")
    except OSError:
        return ""
    lines = [line.strip() for line in tail.splitlines() if line.strip()]
    if not lines:
        return ""
    entries = [entry for line in lines if (entry := _entry(line)).get("s") in _SEVERE]
    return (_sentence(entries[0]) if entries else lines[-1])[:_LONGEST]


def _entry(line: str) -> dict[str, Any]:
    try:
        entry = orjson.loads(line)
    except orjson.JSONDecodeError:
        return {}
    return entry if isinstance(entry, dict) else {}


def _sentence(entry: dict[str, Any]) -> str:
    message = " ".join(str(entry.get("msg", "")).split())
    reason = _find_reason(entry.get("attr"))
    return f"{message}: {reason}" if reason else message


def _find_reason(value: object) -> str:
    """The first text under a name that mongod gives to reasons."""
    if not isinstance(value, dict):
        return ""
    named = next((value[name] for name in ("errmsg", "error_str", "error") if isinstance(value.get(name), str)), "")
    return named or next((reason for inner in value.values() if (reason := _find_reason(inner))), "")
