"""How much of all uploads together is held in memory: one bound for the process.

Rules:
- an upload takes its whole length before its first byte is read, so none ever waits for room in its middle (uploads
  that are half there could block each other for ever); the client of one that waits is simply not read meanwhile;
- first come, first served; one account holds at most a quarter of the room, or one upload;
- who has waited ``WAIT_S`` is refused as busy.
"""

import asyncio
from collections import Counter
from dataclasses import dataclass
from typing import Final

from freetheai import errors
from freetheai.errors import ApiError

# The room is so many times the largest upload.
LARGEST_UPLOADS: Final = 8
SHARES: Final = 4
WAIT_S: Final = 30.0


@dataclass(slots=True, eq=False)
class _Waiting:
    account: str
    size_bytes: int
    room_bytes: int
    turn: asyncio.Future[None]


class UploadRoom:
    """Counts the bytes; one for the process."""

    def __init__(self) -> None:
        self._taken: Counter[str] = Counter()
        self._waiting: list[_Waiting] = []

    @property
    def taken_bytes(self) -> int:
        """What uploads hold now."""
        return self._taken.total()

    async def enter(self, account: str, size_bytes: int, max_upload_bytes: int, wait_s: float = WAIT_S) -> None:
        """Take room for an upload of ``account``; give it back with ``leave``.

        Raises:
            ApiError: DEPENDENCY_UNAVAILABLE: there was none for ``wait_s`` seconds.
        """
        room_bytes = LARGEST_UPLOADS * max_upload_bytes
        waiting = _Waiting(account, size_bytes, room_bytes, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        self._let_in()
        if waiting.turn.done():
            return
        try:
            await asyncio.wait_for(asyncio.shield(waiting.turn), wait_s)
        except TimeoutError:
            self._give_up(waiting)
            raise ApiError(
                errors.DEPENDENCY_UNAVAILABLE,
                f"{errors.DEPENDENCY_UNAVAILABLE.text} Too many uploads are under way just now.",
            ) from None
        except asyncio.CancelledError:
            self._give_up(waiting)
            raise

    def leave(self, account: str, size_bytes: int) -> None:
        """Give room back."""
        self._taken[account] -= size_bytes
        if self._taken[account] <= 0:
            del self._taken[account]
        self._let_in()

    def _give_up(self, waiting: _Waiting) -> None:
        if waiting.turn.done():
            self.leave(waiting.account, waiting.size_bytes)
        else:
            self._waiting.remove(waiting)
            self._let_in()

    def _let_in(self) -> None:
        """Give room to those who wait, in their order; past one whose account has its share already."""
        for waiting in list(self._waiting):
            free_bytes = waiting.room_bytes - self.taken_bytes
            own_bytes = self._taken.get(waiting.account, 0)
            if own_bytes and own_bytes + waiting.size_bytes > waiting.room_bytes // SHARES:
                continue
            if waiting.size_bytes > free_bytes and self._taken:
                return
            self._taken[waiting.account] += waiting.size_bytes
            self._waiting.remove(waiting)
            waiting.turn.set_result(None)
