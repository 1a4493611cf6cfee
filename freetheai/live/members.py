"""Which members use which client: noted in this process, told to the others, counted over ten minutes.

A client that is not recognised is counted as ``other``: its name is whatever somebody sent, and what is shown in public
should not be.
"""

from typing import Final

from freetheai.clients import OTHER, is_recognised

WINDOW_S: Final = 600
# Pairs of client and member remembered; past it the one seen longest ago is forgotten.
MAX_SEEN: Final = 100_000


class SeenMembers:
    """What this process has seen. Times in seconds since the epoch."""

    def __init__(self) -> None:
        # (client, member) -> when last seen; the latest last.
        self._seen: dict[tuple[str, str], int] = {}
        self._untold: dict[tuple[str, str], int] = {}

    def note(self, client: str, user_id: str, now_s: int) -> None:
        """A member's request came from this client."""
        pair = (client if is_recognised(client) else OTHER, user_id)
        if self._seen.get(pair) == now_s:
            return
        self._seen.pop(pair, None)
        if len(self._seen) >= MAX_SEEN:
            del self._seen[next(iter(self._seen))]
        self._seen[pair] = self._untold[pair] = now_s
        if len(self._untold) > MAX_SEEN:
            del self._untold[next(iter(self._untold))]

    def take_untold(self) -> dict[tuple[str, str], int]:
        """What the others have not been told yet; ``untake`` it where they could not be."""
        untold, self._untold = self._untold, {}
        return untold

    def untake(self, untold: dict[tuple[str, str], int]) -> None:
        """They could not be told: it stays to be told, unless something newer does."""
        self._untold = {**untold, **self._untold}

    def counts(self, now_s: int) -> dict[str, int]:
        """Members by client, as far as this process has seen."""
        counts: dict[str, int] = {}
        oldest_s = now_s - WINDOW_S
        for pair, seen_s in list(self._seen.items()):
            if seen_s < oldest_s:
                del self._seen[pair]
            else:
                counts[pair[0]] = counts.get(pair[0], 0) + 1
        return counts


def by_client(pairs: dict[tuple[str, str], int]) -> dict[str, dict[str, int]]:
    """Client -> member -> when seen."""
    grouped: dict[str, dict[str, int]] = {}
    for (client, user_id), seen_s in pairs.items():
        grouped.setdefault(client, {})[user_id] = seen_s
    return grouped
