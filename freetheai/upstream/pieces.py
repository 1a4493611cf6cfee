"""A body in pieces as libcurl asks for it: so many bytes at a time, and from its start where it must send anew."""

import os
from collections.abc import Sequence
from typing import Final

# What libcurl takes for "done" and "can't" (CURL_SEEKFUNC_OK, CURL_SEEKFUNC_CANTSEEK).
_DONE: Final = 0
_REFUSED: Final = 2


class PieceSource:
    """One body on its way out. Its callbacks run within libcurl: they copy bytes and do nothing else."""

    __slots__ = ("_index", "_offset", "_pieces", "size_bytes")

    def __init__(self, pieces: Sequence[bytes]) -> None:
        self._pieces = pieces
        self.size_bytes = sum(map(len, pieces))
        self._index = 0
        self._offset = 0

    def read(self, room: int) -> bytes:
        """The next at most ``room`` bytes; b"" at the end."""
        while self._index < len(self._pieces):
            piece = self._pieces[self._index]
            data = piece[self._offset : self._offset + room]
            self._offset += len(data)
            if self._offset >= len(piece):
                self._index += 1
                self._offset = 0
            if data:
                return data
        return b""

    def seek(self, offset: int, origin: int) -> int:
        """Begin anew: libcurl repeats a request whose connection had died before it was sent."""
        if offset or origin != os.SEEK_SET:
            return _REFUSED
        self._index = self._offset = 0
        return _DONE
