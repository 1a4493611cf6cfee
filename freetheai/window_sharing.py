"""Shares used-up quota windows among processes: a window that one of them runs into rests its credential in all.

Rules:
- a request never waits for it, and none fails by it: without Redis each process learns for itself;
- the truth is in Redis, a notice only says that it changed; after a gap, and at the start, all is read;
- that a window is open again is told by name: what is not in Redis may only not have got there yet.
"""

import logging
from collections.abc import Awaitable, Callable
from typing import Final

from freetheai import clock
from freetheai.bus import NoticeNotSent
from freetheai.limits import RedisFailure
from freetheai.limits.windows import UsedWindow, UsedWindows
from freetheai.providers import Providers
from freetheai.tasks import TaskGroup

# The kinds of the change notices: a window was used up (key: provider), one is open again (key: provider, line end,
# credential).
NOTICE: Final = "windows"
OPEN_NOTICE: Final = "open-window"

_logger = logging.getLogger(__name__)


class WindowSharing:
    """Between ``providers`` and Redis; subscribe ``on_change`` and ``on_gap`` to the bus, and pass its ``publish``."""

    def __init__(
        self,
        providers: Providers,
        windows: UsedWindows,
        publish: Callable[[str, str], Awaitable[None]],
        tasks: TaskGroup,
    ) -> None:
        self._providers = providers
        self._windows = windows
        self._publish = publish
        self._tasks = tasks
        providers.on_window = self._on_window

    def on_change(self, kind: str, key: str) -> None:
        """A notice was heard."""
        if kind == NOTICE:
            self._tasks.start(self.refresh(), "read quota windows")
        elif kind == OPEN_NOTICE:
            prefix, _, credential = key.partition("\n")
            self._providers.open_window(prefix, credential)

    def on_gap(self) -> None:
        """Notices may have been missed."""
        self._tasks.start(self.refresh(), "read quota windows")

    async def refresh(self) -> None:
        """Take over what all processes know. Never raises for Redis."""
        try:
            windows = await self._windows.read()
        except RedisFailure as error:
            _logger.warning("quota windows of other processes are not known", extra={"reason": str(error)})
            return
        self._providers.learn(windows, clock.monotonic_s())

    def _on_window(self, window: UsedWindow) -> None:
        self._tasks.start(self._tell(window), "share a quota window")

    async def _tell(self, window: UsedWindow) -> None:
        try:
            await self._windows.note(window)
            if window.left_s:
                await self._publish(NOTICE, window.provider)
            else:
                await self._publish(OPEN_NOTICE, f"{window.provider}\n{window.credential}")
        except (RedisFailure, NoticeNotSent) as error:
            _logger.warning("a quota window was not shared", extra={"reason": str(error)})
