"""Searches texts for patterns in processes of their own, each search bounded in time.

Strategy: a few processes (``worker.py``), started when first needed, one text each at a time. A process that does not
answer in time, or whose answer nobody waits for any more, is ended; the next text gets a new one.

Rules:
- the loop never runs an expression over a member's text;
- a text waits for a free process, and for its answer, no longer than is said here;
- a process ends when its input does: with us, however we end.
"""

import asyncio
import contextlib
import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from freetheai.moderation import worker
from freetheai.moderation.patterns import Pattern
from freetheai.moderation.verdict import Undecided
from freetheai.python_child import script_argv
from freetheai.tasks import TaskGroup

_logger = logging.getLogger(__name__)

# Processor time (seconds) that all patterns together may use on one text; ordinary ones need some milliseconds a
# megabyte each. Then the time by the clock for the same, and for waiting until a process is free.
BUDGET_S: Final = 2.0
ANSWER_S: Final = 10.0
QUEUE_S: Final = 5.0
# One that is at work on a hard text leaves at least one for the others.
_PROCESSES: Final = max(2, min(4, os.cpu_count() or 1))
# A killed process is gone at once; longer than this (seconds) nothing waits for it.
_REAP_S: Final = 5.0
_TOO_LONG: Final = "Moderation could not judge the prompt in time; a shorter one may pass."


class Matchers:
    """The processes for one set of patterns."""

    def __init__(
        self,
        patterns: Sequence[Pattern],
        *,
        budget_s: float = BUDGET_S,
        answer_s: float = ANSWER_S,
        queue_s: float = QUEUE_S,
    ) -> None:
        self._patterns = patterns
        self._budget_s = budget_s
        self._answer_s = answer_s
        self._queue_s = queue_s
        self._free = asyncio.Semaphore(_PROCESSES)
        self._idle: list[_Matcher] = []
        self._slow_lines: set[int] = set()
        self._is_retired = False
        self._tasks = TaskGroup()

    async def find(self, text: str) -> int | None:
        """The line (in the file) of the first pattern that ``text`` matches; None: it matches none.

        Raises:
            Undecided: it took too long, or no process could be had.
        """
        try:
            async with asyncio.timeout(self._queue_s):
                await self._free.acquire()
        except TimeoutError:
            raise Undecided("Moderation is busy.") from None
        try:
            answer = await self._ask(text)
        finally:
            self._free.release()
        word, _, number = answer.partition(" ")
        if word == "clean":
            return None
        line = self._patterns[int(number)].line
        if word == "match":
            return line
        if line not in self._slow_lines:  # once, not for every text
            self._slow_lines.add(line)
            _logger.warning("a moderation pattern takes too long", extra={"line": line})
        raise Undecided(_TOO_LONG)

    def retire(self) -> None:
        """Begin no more; end the processes, one at work when it is done with its text."""
        self._is_retired = True
        while self._idle:
            self._dismiss(self._idle.pop())

    async def close(self) -> None:
        """Retire, and wait until those that were idle have ended."""
        self.retire()
        await self._tasks.settled(_REAP_S)

    async def _ask(self, text: str) -> str:
        matcher = self._idle.pop() if self._idle else None
        try:
            async with asyncio.timeout(self._answer_s):
                if matcher is None:
                    matcher = await _Matcher.start(self._patterns, self._budget_s)
                answer = await matcher.ask(text)
        except TimeoutError:
            self._dismiss(matcher)
            _logger.warning("a moderation process did not answer and was ended")
            raise Undecided(_TOO_LONG) from None
        except (OSError, EOFError) as error:
            self._dismiss(matcher)
            _logger.error("a moderation process failed", extra={"reason": str(error) or type(error).__name__})
            raise Undecided("Moderation is away.") from None
        except BaseException:
            # Its answer is still to come, and would be taken for the next text's.
            self._dismiss(matcher)
            raise
        if self._is_retired:
            self._dismiss(matcher)
        else:
            self._idle.append(matcher)
        return answer

    def _dismiss(self, matcher: "_Matcher | None") -> None:
        if matcher is not None:
            self._tasks.start(matcher.end(), "end a matching process")


class _Matcher:
    """One process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def start(cls, patterns: Sequence[Pattern], budget_s: float) -> "_Matcher":
        """Start one and tell it the patterns."""
        process = await asyncio.create_subprocess_exec(
            *script_argv(Path(worker.__file__), str(budget_s)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            # Ctrl-C in the terminal is for us: running answers may still end.
            start_new_session=True,
        )
        matcher = cls(process)
        try:
            await matcher._send("\n".join(pattern.text for pattern in patterns))
        except BaseException:
            matcher._kill()
            raise
        return matcher

    async def ask(self, text: str) -> str:
        """Its answer for one text. Raises OSError or EOFError when it has ended."""
        await self._send(text)
        if self._process.stdout is None:
            raise EOFError
        line = await self._process.stdout.readline()
        if not line.endswith(b"\n"):
            raise EOFError("ended")
        return line.decode().strip()

    async def end(self) -> None:
        """End it at once, whatever it is doing."""
        self._kill()
        await self._process.wait()

    def _kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()

    async def _send(self, text: str) -> None:
        data = text.encode("utf-8", "replace")
        if self._process.stdin is None:
            raise EOFError
        self._process.stdin.write(worker.LENGTH.pack(len(data)))
        self._process.stdin.write(data)
        await self._process.stdin.drain()
