"""Background work that nobody awaits: kept referenced, its failures logged, ended in order.

A bare ``asyncio.create_task`` may be collected while it runs and swallows its exception; this is the only place
that calls it.
"""

import asyncio
import contextlib
import logging
from collections.abc import Coroutine
from typing import Any

_logger = logging.getLogger(__name__)


class TaskGroup:
    """A set of background tasks with one end."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def __len__(self) -> int:
        return len(self._tasks)

    def start(self, work: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        """Run ``work`` in the background under ``name``; a failure is logged, never lost."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._finished)
        return task

    async def close(self) -> None:
        """Cancel what still runs and wait until it has ended."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        for task in tasks:
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await task

    async def settled(self, timeout_s: float) -> None:
        """Wait until all have ended by themselves, at most ``timeout_s`` seconds."""
        if self._tasks:
            await asyncio.wait(list(self._tasks), timeout=timeout_s)

    def _finished(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _logger.error("background task failed", extra={"task": task.get_name()}, exc_info=error)
