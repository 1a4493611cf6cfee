"""What the processes of one house agree on in Redis: who of them does what only one may do, and short notes.

A lease runs out unless it is kept, so the work of a process that died is free for another within ``life_s``. While
Redis does not answer nobody can take a lease, so whoever holds it may go on.
"""

import secrets
from dataclasses import dataclass

from freetheai.limits.scripts import ScriptRunner, load_lease_script, load_note_script


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseView:
    """``is_mine``: this process holds the lease. ``state``: what its holder says of itself, "" when nobody does."""

    is_mine: bool
    state: str


class SharedLease:
    """The lease ``name``, as one process sees it; ``life_s``: how long (seconds) it lasts without being kept."""

    def __init__(self, runner: ScriptRunner, prefix: str, name: str, *, life_s: float) -> None:
        self._runner = runner
        self._key = f"{prefix}:lease:{name}".encode()
        self._life_ms = round(life_s * 1000)
        self._me = secrets.token_hex(8)
        self._script = load_lease_script()

    async def hold(self, state: str) -> LeaseView:
        """Take the lease if it is free, keep it if it is ours, with our ``state``. Raises ``RedisFailure``."""
        return await self._run(self._life_ms, state)

    async def give_back(self) -> None:
        """Let another have it at once. Raises ``RedisFailure``; then it runs out by itself."""
        await self._run(0, "")

    async def _run(self, life_ms: int, state: str) -> LeaseView:
        is_mine, seen = await self._runner.run(self._script, (self._key,), (self._me, life_ms, state))
        return LeaseView(is_mine=bool(is_mine), state=seen.decode())


class SharedNote:
    """A short text under ``name``."""

    def __init__(self, runner: ScriptRunner, prefix: str, name: str) -> None:
        self._runner = runner
        self._key = f"{prefix}:note:{name}".encode()
        self._script = load_note_script()

    async def read(self) -> str:
        """What it is, "" for nothing. Raises ``RedisFailure``."""
        return await self._run("")

    async def write(self, text: str) -> None:
        """Replace it. Raises ``RedisFailure``."""
        await self._run(text)

    async def _run(self, text: str) -> str:
        before: bytes = await self._runner.run(self._script, (self._key,), (text,))
        return before.decode()
