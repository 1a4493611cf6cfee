"""The server's time: the real one plus what a test has added, so that fifteen minutes need not be waited for."""

from datetime import UTC, datetime

from freetheai import clock

DISCORD_EPOCH_MS = 1420070400000


class ServerClock:
    """Seconds since the epoch, moved forward by ``advance``."""

    def __init__(self) -> None:
        self._ahead_s = 0.0

    def now_s(self) -> float:
        """Server time in seconds since the epoch."""
        return clock.now_s() + self._ahead_s

    def advance(self, seconds: float) -> None:
        """Let ``seconds`` pass at once: interaction tokens age, the process under test notices nothing."""
        self._ahead_s += seconds


def iso(at_s: float) -> str:
    """The way Discord writes an instant: ``2026-11-22T23:00:00.000000+00:00``."""
    return datetime.fromtimestamp(at_s, UTC).isoformat(timespec="microseconds")


def snowflake(at_s: float, number: int) -> str:
    """An id that says when it was made; ``number`` (0 to 4194303) keeps those of one millisecond apart."""
    return str(((int(at_s * 1000) - DISCORD_EPOCH_MS) << 22) | (number & 0x3FFFFF))


def snowflake_time_s(snowflake_id: str) -> float:
    """When an id was made."""
    return ((int(snowflake_id) >> 22) + DISCORD_EPOCH_MS) / 1000
