"""The documents of `GET /v1/models/leaderboard`, kept as bytes."""

import orjson

from freetheai import clock
from freetheai.leaderboard import Leaderboard


class BoardCache:
    """The documents as bytes, made at most once a second for each window and limit."""

    def __init__(self, leaderboard: Leaderboard) -> None:
        self._leaderboard = leaderboard
        self._second = -1
        self._documents: dict[tuple[str, int], bytes] = {}

    async def get(self, window: str, limit: int) -> bytes:
        """The document as JSON bytes. Raises as ``Leaderboard.get``."""
        second = int(clock.now_s())
        if second != self._second:
            self._second = second
            self._documents.clear()
        document = self._documents.get((window, limit))
        if document is None:
            document = orjson.dumps(await self._leaderboard.get(window, limit))
            self._documents[window, limit] = document
        return document
