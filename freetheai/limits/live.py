"""What the processes of a house know of the last hour, in Redis: written by each, read by all.

Keys (each command names one, so a cluster may put them anywhere):
- ``PREFIX:live:minute:N``: hash, process -> its counts of the minute N of the epoch, whole; for an hour;
- ``PREFIX:live:states``: hash, process -> what is out of service in it, on Redis' clock; a silent process is forgotten;
- ``PREFIX:live:last``: hash, name -> when it last happened (seconds since the epoch); for a month;
- ``PREFIX:live:clients``: sorted set of client names by when they were last seen, ``PREFIX:live:client:NAME``: sorted
  set of its members by the same; for the time they are counted over.

Rules:
- a process writes what it knows as a whole, never a difference: to write twice does no harm, and a write that was lost
  is made good by the next;
- what counts say is opaque here; commands that are sent at the same moment share a write of the connection, a few at
  a time.
"""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from freetheai.limits.scripts import Part, ScriptRunner, load_live_script

# Milliseconds: the hour that is shown, and a while for readers whose clock is behind.
MINUTE_KEPT_MS: Final = 65 * 60 * 1000
LAST_KEPT_MS: Final = 31 * 24 * 3600 * 1000
# Seconds of silence after which a process counts as gone; each speaks at least three times as often.
GONE_AFTER_S: Final = 15.0
MAX_AT_ONCE: Final = 8


class LiveRedis(ScriptRunner, Protocol):
    """What the board needs of Redis; ``RedisConnection`` has it."""

    async def execute(self, *parts: Part) -> Any:
        """Send one command and return its reply. Raises ``RedisFailure``."""


@dataclass(frozen=True, slots=True)
class Said:
    """What one process said of what is out of service in it, and how long ago (seconds)."""

    process: str
    age_s: float
    text: bytes


class LiveBoard:
    """The board of one house. Every method raises ``RedisFailure``."""

    def __init__(self, redis: LiveRedis, prefix: str, *, clock_lua: str = "") -> None:
        self._redis = redis
        self._begin = f"{prefix}:live:"
        self._script = load_live_script(clock=clock_lua)
        # Where commands are not pipelined each takes a connection of its own while it runs.
        self._room = asyncio.Semaphore(MAX_AT_ONCE)

    async def say(self, process: str, text: bytes) -> tuple[float, list[Said]]:
        """Say what is out of service in ``process`` ("": only listen; no text: it leaves).

        Returns Redis' time (seconds since the epoch) and what all processes that live have said.
        """
        gone_us = round(GONE_AFTER_S * 1_000_000)
        reply = await self._redis.run(self._script, (self._key("states"),), (process, text, gone_us))
        said = [
            Said(reply[at].decode(), int(reply[at + 1]) / 1_000_000, reply[at + 2]) for at in range(1, len(reply), 3)
        ]
        return int(reply[0]) / 1_000_000, said

    async def write_minute(self, number: int, process: str, counts: bytes) -> None:
        """Keep all that ``process`` counted in minute ``number`` of the epoch."""
        key = self._key(f"minute:{number}")
        await asyncio.gather(self._execute("HSET", key, process, counts), self._execute("PEXPIRE", key, MINUTE_KEPT_MS))

    async def read_minutes(self, numbers: Iterable[int]) -> dict[int, dict[str, bytes]]:
        """What each process counted in these minutes."""
        wanted = list(numbers)
        replies = await asyncio.gather(*(self._hash(f"minute:{number}") for number in wanted))
        return dict(zip(wanted, replies, strict=True))

    async def note_last(self, happened: Mapping[str, int]) -> None:
        """Keep when each of these names last happened (seconds since the epoch)."""
        fields = [part for name, at_s in happened.items() for part in (name, at_s)]
        if fields:
            key = self._key("last")
            await asyncio.gather(self._execute("HSET", key, *fields), self._execute("PEXPIRE", key, LAST_KEPT_MS))

    async def read_last(self) -> dict[str, int]:
        """When each name last happened."""
        return {name: int(at_s) for name, at_s in (await self._hash("last")).items() if at_s.isdigit()}

    async def note_members(self, seen: Mapping[str, Mapping[str, int]], *, kept_s: int, now_s: int) -> None:
        """Keep which members were seen with which clients, and when; older than ``kept_s`` is forgotten."""
        if not seen:
            return
        index = self._key("clients")
        oldest, kept_ms = f"({now_s - kept_s}", kept_s * 1000
        latest = [part for client, members in seen.items() for part in (max(members.values()), client)]
        commands: list[tuple[Part, ...]] = [("ZADD", index, *latest), ("PEXPIRE", index, kept_ms)]
        commands.append(("ZREMRANGEBYSCORE", index, "-inf", oldest))
        for client, members in seen.items():
            key = self._key(f"client:{client}")
            scored = [part for member, at_s in members.items() for part in (at_s, member)]
            commands.append(("ZADD", key, *scored))
            commands.append(("ZREMRANGEBYSCORE", key, "-inf", oldest))
            commands.append(("PEXPIRE", key, kept_ms))
        await asyncio.gather(*(self._execute(*command) for command in commands))

    async def count_members(self, since_s: int) -> dict[str, int]:
        """How many members were seen with each client since then (seconds since the epoch)."""
        found = await self._execute("ZRANGEBYSCORE", self._key("clients"), since_s, "+inf")
        clients = [name.decode() for name in found]
        counts = await asyncio.gather(
            *(self._execute("ZCOUNT", self._key(f"client:{name}"), since_s, "+inf") for name in clients)
        )
        return {name: int(count) for name, count in zip(clients, counts, strict=True) if int(count)}

    async def _execute(self, *parts: Part) -> Any:
        async with self._room:
            return await self._redis.execute(*parts)

    async def _hash(self, name: str) -> dict[str, bytes]:
        reply = await self._execute("HGETALL", self._key(name))
        if isinstance(reply, dict):  # redis-py makes one of it already
            return {field.decode(): value for field, value in reply.items()}
        return {field.decode(): value for field, value in zip(reply[::2], reply[1::2], strict=True)}

    def _key(self, name: str) -> bytes:
        return (self._begin + name).encode()
