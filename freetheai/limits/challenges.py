"""Challenges that wait for their answer, and how often a member may try: in Redis, so that a restart forgets neither.

The life of one: ``claim`` (may the member have one now?) -> ``keep`` -> ``read``, any number of times -> ``take``, once
-> ``solved`` if the answer was right.

Rules:
- a challenge is kept under its server, member, command and id: whoever is not that member, or sends it with another
  command, finds nothing;
- ``take`` reads and removes in one step and counts the try as wrong until ``solved`` says otherwise;
- waits grow with each wrong try (``WAITS_S``) and are on Redis' clock; a right answer forgets the wrong ones;
- all keys of a member carry one hash tag, so a Redis Cluster keeps them on one node.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from freetheai.limits.scripts import Script, ScriptRunner, load_challenge_scripts

# Seconds to wait after the first, second ... wrong try in a row; the last holds for all further. At most three tries in
# an hour and six in a day.
WAITS_S: Final = (0.0, 60.0, 3600.0, 7200.0, 21600.0, 86400.0)
# Wrong tries are forgotten so long (seconds) after the last of them, and not before its wait is over.
REMEMBERED_S: Final = 86400.0
# How long the latest answers took is kept so long (seconds), for so many of them.
HABITS_S: Final = 30 * 86400.0
HABITS: Final = 10

_US: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Allowance:
    """How many challenges of one kind a member may ask for in any ``window_s`` seconds."""

    name: str
    count: int
    window_s: float


# Whoever draws again and again looks for an easy one. Of pictures put into words there are fewer.
ASKED: Final = Allowance("asked", 12, 3600.0)
WORDED: Final = Allowance("worded", 3, 86400.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Whom a challenge is for, and for what: Discord's ids as text, and the command's name."""

    guild: str
    user: str
    command: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """``wait_s`` 0: the member may have a challenge now. ``wrong``: tries since the last right one.
    ``answered_in_s``: how long (seconds) the member's latest answers took, the newest first.
    """

    wait_s: float
    wrong: int
    answered_in_s: Sequence[float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What was kept, None when there is nothing to answer (any more). ``wait_s``: before the next try if this one
    is wrong; with None, from now.
    """

    kept: dict[str, Any] | None
    wait_s: float


class Challenges:
    """All of them on one Redis. Every method raises ``RedisFailure`` when Redis does not do its part."""

    def __init__(self, runner: ScriptRunner, prefix: str, *, clock_lua: str = "") -> None:
        self._runner = runner
        self._prefix = prefix
        self._scripts = load_challenge_scripts(clock=clock_lua)

    async def claim(self, place: Place, allowance: Allowance = ASKED) -> Claim:
        """Ask whether the member may have a challenge now, and note it if so."""
        keys = [self._key(place, name) for name in ("tries", allowance.name, "answered_in")]
        args = (allowance.count, round(allowance.window_s * _US), secrets.token_hex(8))
        wait_us, wrong, *took_us = await self._run(self._scripts.claim, keys, args)
        return Claim(wait_s=wait_us / _US, wrong=wrong, answered_in_s=[took / _US for took in took_us])

    async def keep(self, place: Place, challenge_id: str, kept: dict[str, Any], *, life_s: float) -> None:
        """Keep what an answer will be judged by, for ``life_s`` seconds."""
        args = (orjson.dumps(kept), round(life_s * 1000))
        await self._run(self._scripts.keep, [self._challenge_key(place, challenge_id)], args)

    async def read(self, place: Place, challenge_id: str) -> dict[str, Any] | None:
        """What is kept, without taking it; None: expired, answered, or another's."""
        found = await self._run(self._scripts.keep, [self._challenge_key(place, challenge_id)], ("", 0))
        return _read(found)

    async def take(self, place: Place, challenge_id: str) -> Taken:
        """Take what is kept, once; from here on it counts as a wrong try."""
        keys = [
            self._challenge_key(place, challenge_id),
            self._key(place, "tries"),
            self._key(place, "answered_in"),
        ]
        waits_us = [round(wait_s * _US) for wait_s in WAITS_S]
        args = (round(REMEMBERED_S * 1000), round(HABITS_S * 1000), HABITS, *waits_us)
        kept, wait_us = await self._run(self._scripts.take, keys, args)
        return Taken(kept=_read(kept), wait_s=wait_us / _US)

    async def solved(self, place: Place) -> None:
        """The answer was right."""
        await self._run(self._scripts.solved, [self._key(place, "tries")], ())

    async def _run(self, script: Script, keys: Sequence[bytes], args: Sequence[Any]) -> Any:
        return await self._runner.run(script, keys, args)

    def _key(self, place: Place, name: str) -> bytes:
        return f"{self._prefix}:challenge:{{{place.guild}:{place.user}}}:{name}".encode()

    def _challenge_key(self, place: Place, challenge_id: str) -> bytes:
        return self._key(place, f"{place.command}:{challenge_id}")


def new_challenge_id() -> str:
    """Where a challenge is kept: says nothing of what it is."""
    return secrets.token_urlsafe(12)


def _read(found: bytes) -> dict[str, Any] | None:
    if not found:
        return None
    kept: dict[str, Any] = orjson.loads(found)
    return kept
