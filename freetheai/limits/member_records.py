"""What Discord said of the people of one server, in Redis: written by the process that has the bot, read by all.

Keys share the server's hash tag, so that one script may read two of them: ``PREFIX:member:{GUILD}:USER`` is a record,
``PREFIX:member:{GUILD}:flow`` says that events are heard, and since when none was missed.

Rules:
- a record is as old as what it says: a look-up's age counts from before Discord was asked, an event's from when it
  came; an older one does not replace a newer one. Ages are exact to the way to Redis only, so whoever writes keeps
  the order of its own, and the second of ``SLACK_US`` goes to the later writer;
- "not a member" is kept shortly (``LEFT_KEPT_MS``): who rejoins unseen is let in soon;
- all times are on Redis' clock.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final, Protocol

import orjson

from freetheai.limits.scripts import Part, ScriptRunner, load_member_scripts

# Milliseconds: how long a record is kept, by what it says.
MEMBER_KEPT_MS: Final = 24 * 3600 * 1000
LEFT_KEPT_MS: Final = 60 * 1000
# What is kept must be so much newer (microseconds) to stay.
SLACK_US: Final = 1_000_000
# How long (milliseconds) it is believed that events are heard, without being told anew.
FLOW_KEPT_MS: Final = 5000


class MemberRedis(ScriptRunner, Protocol):
    """What the records need of Redis; ``RedisConnection`` has it."""

    async def execute(self, *parts: Part) -> Any:
        """Send one command and return its reply. Raises ``RedisFailure``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberRecord:
    """``age_s``: seconds since it was so. ``has_followed``: every event since then was heard, so it is still so."""

    is_member: bool
    roles: frozenset[str]
    age_s: float
    has_followed: bool


class MemberRecords:
    """The records of one server. Every method raises ``RedisFailure``."""

    def __init__(self, redis: MemberRedis, prefix: str, guild: str, *, clock_lua: str = "") -> None:
        self._redis = redis
        self._begin = f"{prefix}:member:{{{guild}}}:"
        self._flow = f"{self._begin}flow".encode()
        self._scripts = load_member_scripts(clock=clock_lua)

    async def read(self, user_id: str) -> MemberRecord | None:
        """What is known of ``user_id``."""
        reply = await self._redis.run(self._scripts.read, (self._key(user_id), self._flow), ())
        if not reply:
            return None
        age_us, is_member, roles, has_followed = reply
        return MemberRecord(
            is_member=bool(is_member),
            roles=frozenset(orjson.loads(roles)),
            age_s=int(age_us) / 1_000_000,
            has_followed=bool(has_followed),
        )

    async def write(self, user_id: str, *, is_member: bool, roles: Collection[str], age_s: float) -> bool | None:
        """Keep that this was so ``age_s`` seconds ago.

        Returns whether it differs from what was kept; None: something newer is kept, and stays.
        """
        kept_ms = MEMBER_KEPT_MS if is_member else LEFT_KEPT_MS
        args = (round(age_s * 1_000_000), int(is_member), orjson.dumps(sorted(roles)), kept_ms, SLACK_US)
        outcome = int(await self._redis.run(self._scripts.write, (self._key(user_id),), args))
        return None if outcome < 0 else outcome == 1

    async def keep_flow(self, stretch: str, lasted_s: float) -> None:
        """Events are heard, and none was missed for ``lasted_s`` seconds; ``stretch`` names this unbroken time."""
        args = (stretch, round(lasted_s * 1_000_000), FLOW_KEPT_MS)
        await self._redis.run(self._scripts.flow, (self._flow,), args)

    async def stop_flow(self) -> None:
        """Events are not heard."""
        await self._redis.execute("DEL", self._flow)

    def _key(self, user_id: str) -> bytes:
        return (self._begin + user_id).encode()
