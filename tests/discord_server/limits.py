"""Rate limits: a fixed window a bucket, as Discord keeps them, and one for everything.

A bucket is a route and its major parameter (channel, guild or webhook token). Every answer carries the headers; what
is over is a 429. The default is wide enough to be met only by a loop gone wild. Facts:
https://docs.discord.com/developers/topics/rate-limits
"""

import fnmatch
import hashlib
from dataclasses import dataclass
from typing import Any

from discord_server.clock import ServerClock

DEFAULT = (100, 1.0)
GLOBAL_PER_S = 50
# Not published by Discord, and they change; what bots report. Order matters: the first that fits.
LIKE_DISCORD = [
    ("POST /channels/*/messages", 5, 5.0),
    ("DELETE /channels/*/messages/*", 5, 1.0),
    ("POST /channels/*/messages/bulk-delete", 1, 3.0),
    ("GET /guilds/*/members/*", 5, 1.0),
    ("GET /guilds/*/members", 10, 10.0),
    ("* /guilds/*/members/*/roles/*", 10, 10.0),
    ("PUT /applications/*/guilds/*/commands", 2, 20.0),
    ("POST /users/@me/channels", 5, 5.0),
    ("* /webhooks/*", 5, 2.0),
]


@dataclass
class Window:
    begin_s: float
    used: int = 0


@dataclass(frozen=True, slots=True)
class Grant:
    """The state of a bucket after one request: allowed or not, and what the headers say."""

    is_allowed: bool
    is_global: bool
    limit: int
    remaining: int
    reset_after_s: float
    reset_at_s: float
    bucket: str

    def headers(self) -> dict[str, str]:
        """The ``X-RateLimit-*`` headers; of a 429 also how long to wait and whose limit it was."""
        headers = {
            "X-RateLimit-Limit": str(self.limit), "X-RateLimit-Remaining": str(self.remaining),
            "X-RateLimit-Reset": f"{self.reset_at_s:.3f}", "X-RateLimit-Reset-After": f"{self.reset_after_s:.3f}",
            "X-RateLimit-Bucket": self.bucket,
        }  # fmt: skip
        if self.is_global:
            headers = {"X-RateLimit-Global": "true", "X-RateLimit-Scope": "global"}
        elif not self.is_allowed:
            headers["X-RateLimit-Scope"] = "user"
        if not self.is_allowed:
            headers["Retry-After"] = str(int(self.reset_after_s) + 1)
        return headers

    def body(self) -> dict[str, Any]:
        """What a 429 says."""
        wait_s = round(self.reset_after_s + 0.001, 3)
        return {"message": "You are being rate limited.", "retry_after": wait_s, "global": self.is_global}


class Limits:
    """All buckets. Rules are asked in order; ``set_rule`` puts a new one first."""

    def __init__(self, clock: ServerClock) -> None:
        self._clock = clock
        self._rules: list[tuple[str, int, float]] = []
        self._windows: dict[str, Window] = {}
        self._global: tuple[int, Window] | None = None

    def set_rule(self, pattern: str, most: int, per_s: float) -> None:
        """Allow ``most`` requests in ``per_s`` seconds to what fits ``pattern``: ``"GET /guilds/*/members/*"``."""
        self._rules.insert(0, (pattern, most, per_s))
        self._windows.clear()

    def be_like_discord(self) -> None:
        """The limits bots report of Discord, and 50 requests a second for everything but interactions."""
        self._rules.extend(LIKE_DISCORD)
        self.set_global(GLOBAL_PER_S)

    def set_global(self, per_s: int) -> None:
        """Allow ``per_s`` requests a second altogether."""
        self._global = (per_s, Window(self._clock.now_s()))

    def clear(self) -> None:
        """Back to the default."""
        self._rules.clear()
        self._windows.clear()
        self._global = None

    def take(self, method: str, path: str, template: str, major: str) -> Grant:
        """Count one request against its bucket and against the global limit."""
        if self._global is not None and not path.startswith(("/interactions/", "/webhooks/")):
            most, window = self._global
            grant = self._count(window, most, 1.0, "global")
            if not grant.is_allowed:
                return Grant(False, True, most, 0, grant.reset_after_s, grant.reset_at_s, "global")
        line = f"{method} {path}"
        most, per_s = next((rule[1:] for rule in self._rules if fnmatch.fnmatchcase(line, rule[0])), DEFAULT)
        bucket = hashlib.md5(f"{method} {template}".encode(), usedforsecurity=False).hexdigest()
        window = self._windows.setdefault(f"{bucket}:{major}", Window(0.0))
        return self._count(window, most, per_s, bucket)

    def _count(self, window: Window, most: int, per_s: float, bucket: str) -> Grant:
        now_s = self._clock.now_s()
        if now_s >= window.begin_s + per_s:
            window.begin_s, window.used = now_s, 0
        is_allowed = window.used < most
        window.used += is_allowed
        reset_at_s = window.begin_s + per_s
        return Grant(is_allowed, False, most, most - window.used, reset_at_s - now_s, reset_at_s, bucket)
