"""One key of a provider's pool: what it may not do until when, and its plan's quota window.

A window usually ends at its reset. It may end early (the plan was raised), which only a request can find out: see
``PROBE_WINDOW_EVERY_S``. Times are seconds of the monotonic clock, given by the caller.
"""

import hashlib
from dataclasses import dataclass, field
from typing import Final

from freetheai.errors import ErrorSpec

# How long a window is left alone, since it was last found used up, before one request sees whether it still is; and
# how much later (seconds) a reset must be said to be to count as news.
PROBE_WINDOW_EVERY_S: Final = 900.0
_NEWS_S: Final = 5.0


@dataclass(slots=True, eq=False)
class Credential:
    """One key of a provider's pool ("" where it needs none) and what it may not do until when.

    ``window``: the row of the quota window it has used up, until ``window_until_s``; looked at again from
    ``probe_window_at_s``. Until ``staff_until_s`` it rests for what only staff can mend: it is not expected back by
    itself.
    """

    secret: str
    busy: int = 0
    cooling_until_s: float = 0.0
    models_cooling_until_s: dict[str, float] = field(default_factory=dict)
    window: ErrorSpec | None = None
    window_until_s: float = 0.0
    probe_window_at_s: float = 0.0
    staff_until_s: float = 0.0

    @property
    def fingerprint(self) -> str:
        """What names the secret without telling it."""
        return hashlib.sha256(self.secret.encode()).hexdigest()[:16]

    @property
    def rests_until_s(self) -> float:
        """When this credential may serve again, whatever the model."""
        return max(self.cooling_until_s, self.window_until_s)

    def free_at_s(self, model: str) -> float:
        """When this credential may serve ``model`` again."""
        return max(self.rests_until_s, self.models_cooling_until_s.get(model, 0.0))

    def may_probe_window(self, model: str, now_s: float) -> bool:
        """Whether nothing but a used-up window is in the way, and it has been left alone for long enough."""
        is_rested = max(self.cooling_until_s, self.models_cooling_until_s.get(model, 0.0)) <= now_s
        return is_rested and self.is_in_window(now_s) and self.probe_window_at_s <= now_s

    def close_window(self, row: ErrorSpec, until_s: float, now_s: float) -> None:
        """Its plan's window is used up until then; of two reports the later reset counts."""
        if until_s > self.window_until_s + _NEWS_S:
            self.probe_window_at_s = now_s + PROBE_WINDOW_EVERY_S
        self.window = row
        self.window_until_s = max(self.window_until_s, until_s)

    def open_window(self) -> None:
        """Its plan serves again."""
        self.window = None
        self.window_until_s = 0.0

    def is_in_window(self, now_s: float) -> bool:
        """Whether a used-up window keeps it from serving."""
        return self.window is not None and self.window_until_s > now_s


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """A running request's place at a provider. ``probes_window``: it began while a window was held to be used up."""

    credential: Credential
    probes_window: bool = False
