"""One owner for a data folder: a lock that the kernel takes back when its owner dies.

Strategy: ``flock`` on ``DATA_DIR/lock``. The file says who has it, for people and for other commands; the lock is the
kernel's, so a file left by a killed owner blocks nobody.

Rules:
- the file is removed on release, so whoever gets the lock checks that the file locked is still the one in the folder;
- an owner is *lasting* (a server: others use its services) or *brief* (a command that needs the services for a moment:
  others wait until it is done);
- looking whether there is an owner takes a shared lock for an instant, so taking the lock tries more than once.
"""

import asyncio
import contextlib
import fcntl
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from freetheai.embedded.values import EmbeddedError

_PAUSE_S: Final = 0.1
_TRIES_LASTING: Final = 8  # outlasts those who only look, and an owner that has not written its name yet
_TRIES_BRIEF: Final = 600


@dataclass(frozen=True, slots=True)
class Owner:
    """The process (by its id) that holds a data folder; ``pid`` 0 if it has not written it yet."""

    pid: int
    is_brief: bool


class DataLock:
    """The lock of one data folder; taken once, released once."""

    def __init__(self, data_dir: Path) -> None:
        self._path = data_dir / "lock"
        self._fd = -1

    @property
    def is_taken(self) -> bool:
        """We are the owner."""
        return self._fd >= 0

    async def take(self, *, is_brief: bool = False) -> None:
        """Become the owner; waits up to a minute for a brief owner and not for a lasting one.

        Raises:
            EmbeddedError: another process has the folder, or the folder cannot be locked.
        """
        for attempt in range(_TRIES_BRIEF):
            if self._try_take(is_brief):
                return
            owner = _read(self._path)
            if attempt >= _TRIES_LASTING and owner.pid and not owner.is_brief:
                break
            await asyncio.sleep(_PAUSE_S)
        raise EmbeddedError(
            f"the data folder {self._path.parent} is in use by process {_read(self._path).pid}:"
            " stop that process, or set server.data_dir to another folder"
        )

    def release(self) -> None:
        """Give the folder back and remove the file; does nothing where nothing was taken."""
        if self._fd < 0:
            return
        # Removed while it is still locked: nobody else can have taken it in between.
        with contextlib.suppress(OSError):
            self._path.unlink()
        os.close(self._fd)
        self._fd = -1

    def _try_take(self, is_brief: bool) -> bool:
        try:
            fd = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise EmbeddedError(f"cannot write in the data folder: {error}; set server.data_dir to another") from error
        if not (_lock(fd, fcntl.LOCK_EX) and _is_same_file(fd, self._path)):
            os.close(fd)
            return False
        os.ftruncate(fd, 0)
        os.pwrite(fd, f"{os.getpid()} {'brief' if is_brief else 'lasting'}\n".encode(), 0)
        self._fd = fd
        return True


def find_owner(data_dir: Path) -> Owner | None:
    """Who holds ``data_dir`` now; None if nobody does."""
    path = data_dir / "lock"
    try:
        fd = os.open(path, os.O_RDONLY)
    except OSError:
        return None
    try:
        return None if _lock(fd, fcntl.LOCK_SH) else _read(path)
    finally:
        os.close(fd)


def _lock(fd: int, kind: int) -> bool:
    try:
        fcntl.flock(fd, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise EmbeddedError(f"the data folder cannot be locked: {error}; set server.data_dir to a local one") from error
    return True


def _is_same_file(fd: int, path: Path) -> bool:
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    here = os.fstat(fd)
    return (here.st_dev, here.st_ino) == (there.st_dev, there.st_ino)


def _read(path: Path) -> Owner:
    try:
        words = path.read_text().split()
    except OSError:
        words = []
    pid = int(words[0]) if words and words[0].isdecimal() else 0
    return Owner(pid, words[1:] == ["brief"])
