"""One child process: started, asked whether it is ready, watched, started again, stopped.

Strategy: ``start`` brings it up once and says why if that fails; from then on a background task waits for its end,
asks it from time to time whether it still answers, and brings it up again on the same port: clients just reconnect.

Rules:
- a child has its own session: Ctrl-C in the terminal reaches the gateway, which stops its children when it is done;
- a child ends with us, however we end (``exec_child``), so it is started from the thread that lives longest;
- the wait before a restart doubles up to ``longest_wait_s`` and is short again once the child has been up for
  ``stable_s``; trying never stops;
- its output goes to one file, emptied at the start and when it outgrows its bound.
"""

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from freetheai import clock
from freetheai.embedded.logs import find_complaint, open_log, trim_log
from freetheai.embedded.probes import Probe
from freetheai.python_child import script_argv
from freetheai.tasks import TaskGroup

State = Literal["up", "restarting", "down"]
_EXEC_CHILD: Final = Path(__file__).with_name("exec_child.py")
_logger = logging.getLogger(__name__)


class ChildError(Exception):
    """A child that did not become ready: what happened and what its log says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildSpec:
    """What to run: ``argv`` (an absolute path first) which is to listen on ``port``, and how to see that it does.

    ``ready_s`` seconds it may take to become ready, ``stop_s`` to end after SIGTERM.
    """

    name: str
    argv: tuple[str, ...]
    port: int
    is_ready: Probe
    log_file: Path
    ready_s: float
    stop_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """How a child is watched; all in seconds. ``misses`` checks in a row without an answer within ``probe_s`` count
    as its end.
    """

    poll_s: float = 0.05
    probe_s: float = 5.0
    check_s: float = 10.0
    misses: int = 6
    first_wait_s: float = 0.2
    longest_wait_s: float = 30.0
    stable_s: float = 60.0


class Child:
    """The process of one ``ChildSpec``. ``on_spawn`` is called with its id whenever it has been started."""

    def __init__(self, spec: ChildSpec, on_spawn: Callable[[int], None], timing: Timing) -> None:
        self.spec = spec
        self.state: State = "down"
        self._on_spawn = on_spawn
        self._timing = timing
        self._process: asyncio.subprocess.Process | None = None
        self._tasks = TaskGroup()

    async def start(self) -> None:
        """Bring the child up and begin to watch it.

        Raises:
            ChildError: it ended, or was not ready in time; nothing of it runs then.
        """
        self.spec.log_file.unlink(missing_ok=True)
        await self._bring_up()
        self._tasks.start(self._watch(), f"watch {self.spec.name}")

    async def stop(self) -> None:
        """End the child: SIGTERM, and SIGKILL to its whole session after ``stop_s``; at once if this is cancelled."""
        await self._tasks.close()
        await self._end()
        self.state = "down"

    async def _bring_up(self) -> None:
        try:
            await self._spawn()
            await self._until_ready()
        except BaseException:
            self._kill()
            await self._reap()
            raise
        self.state = "up"

    async def _spawn(self) -> None:
        log_fd = open_log(self.spec.log_file)
        try:
            self._process = await asyncio.create_subprocess_exec(
                *_tied_to_us(self.spec.argv),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log_fd,
                stderr=log_fd,
                start_new_session=True,
            )
        finally:
            os.close(log_fd)
        self._on_spawn(self._process.pid)

    async def _until_ready(self) -> None:
        deadline_s = clock.monotonic_s() + self.spec.ready_s
        while not await self._answers():
            if await self._has_ended_within(self._timing.poll_s):
                raise ChildError(f"{_ending(self._status())}{self._complaint()}")
            if clock.monotonic_s() > deadline_s:
                raise ChildError(f"not ready after {self.spec.ready_s:.0f} s{self._complaint()}")

    async def _watch(self) -> None:
        wait_s = self._timing.first_wait_s
        while True:
            up_since_s = clock.monotonic_s()
            reason = await self._until_lost()
            self.state = "restarting"
            if clock.monotonic_s() - up_since_s >= self._timing.stable_s:
                wait_s = self._timing.first_wait_s
            wait_s = await self._bring_up_again(reason, wait_s)

    async def _bring_up_again(self, reason: str, wait_s: float) -> float:
        """Try until it is up; return the wait (seconds) before the next restart."""
        attempt = 0
        while self.state != "up":
            attempt += 1
            _logger.warning(
                "embedded service ended, starting it again",
                extra={"service": self.spec.name, "reason": reason, "attempt": attempt, "wait_s": wait_s},
            )
            await asyncio.sleep(wait_s)
            wait_s = min(wait_s * 2, self._timing.longest_wait_s)
            try:
                await self._bring_up()
            except (ChildError, OSError) as error:
                reason = str(error)
        _logger.info("embedded service is up again", extra={"service": self.spec.name, "attempt": attempt})
        return wait_s

    async def _until_lost(self) -> str:
        """Wait until the child has ended or does not answer any more, and say which."""
        missed = 0
        while missed < self._timing.misses:
            if await self._has_ended_within(self._timing.check_s):
                return f"{_ending(self._status())}{self._complaint()}"
            missed = 0 if await self._answers() else missed + 1
            trim_log(self.spec.log_file)
        self._kill()
        await self._reap()
        return f"did not answer {missed} times"

    async def _answers(self) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._timing.probe_s):
                return await self.spec.is_ready(self.spec.port)
        return False

    async def _end(self) -> None:
        if self._process is None:
            return
        try:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGTERM)
            await self._has_ended_within(self.spec.stop_s)
        finally:
            self._kill()
        await self._reap()

    def _kill(self) -> None:
        if self._process is not None and self._process.returncode is None:
            # Its session's group, so that a helper it has forked goes too.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    async def _reap(self) -> None:
        if self._process is not None:
            await self._process.wait()
            self._process = None

    async def _has_ended_within(self, seconds: float) -> bool:
        if self._process is None:
            return True
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._process.wait(), seconds)
        return self._process.returncode is not None

    def _status(self) -> int:
        return (self._process.returncode or 0) if self._process else 0

    def _complaint(self) -> str:
        complaint = find_complaint(self.spec.log_file)
        return f": {complaint}" if complaint else ""


def _tied_to_us(argv: tuple[str, ...]) -> tuple[str, ...]:
    return script_argv(_EXEC_CHILD, str(os.getpid()), *argv)


def _ending(status: int) -> str:
    if status >= 0:
        return f"ended with status {status}"
    try:
        return f"ended by {signal.Signals(-status).name}"
    except ValueError:
        return f"ended by signal {-status}"
