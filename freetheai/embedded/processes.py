"""Know a process again, and end those that a killed run has left behind.

Strategy: a process id is used again by the system, so a process is remembered with the boot it ran in and the tick it
started at, which together belong to one process only, and with a word that its command line must still contain.

Rules:
- nothing is signalled that does not match in all of them;
- where ``/proc`` does not exist nothing can be known again, and nothing is ended.
"""

import asyncio
import contextlib
import os
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_POLL_S: Final = 0.1
_GRACE_S: Final = 15.0
_PROC: Final = Path("/proc")
# Places among the fields after the command's name in /proc/PID/stat (proc_pid_stat(5)).
_STATE_FIELD: Final = 0
_START_FIELD: Final = 19


@dataclass(frozen=True, slots=True)
class ProcessMark:
    """What makes a process recognisable: its id, start (ticks since boot), boot id, and a word of its command line."""

    pid: int
    start_ticks: int
    boot_id: str
    word: str


def mark_process(pid: int, word: str) -> ProcessMark | None:
    """The mark of the running process ``pid``; None if it has gone or cannot be known again."""
    fields = _stat_fields(pid)
    boot_id = _read(_PROC / "sys/kernel/random/boot_id").decode().strip()
    if not fields or not boot_id:
        return None
    return ProcessMark(pid, int(fields[_START_FIELD]), boot_id, word)


def is_running(mark: ProcessMark) -> bool:
    """The marked process itself still runs (a zombie does not, nor another process of the same id)."""
    fields = _stat_fields(mark.pid)
    return (
        bool(fields)
        and fields[_STATE_FIELD] != "Z"
        and mark_process(mark.pid, mark.word) == mark
        and mark.word.encode() in _read(_PROC / str(mark.pid) / "cmdline")
    )


async def end_process(mark: ProcessMark, grace_s: float = _GRACE_S) -> bool:
    """End the marked process: SIGTERM, after ``grace_s`` seconds SIGKILL. False if it runs all the same."""
    for kind, patience_s in ((signal.SIGTERM, grace_s), (signal.SIGKILL, _GRACE_S)):
        if not is_running(mark):
            return True
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(mark.pid, kind)
        if await _has_ended(mark, patience_s):
            return True
    return False


async def _has_ended(mark: ProcessMark, patience_s: float) -> bool:
    for _ in range(int(patience_s / _POLL_S)):
        if not is_running(mark):
            return True
        await asyncio.sleep(_POLL_S)
    return not is_running(mark)


def _stat_fields(pid: int) -> list[str]:
    # The command's name is in parentheses and may contain anything, so the fields start after the last one.
    return _read(_PROC / str(pid) / "stat").decode(errors="replace").rpartition(")")[2].split()


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
