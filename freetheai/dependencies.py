"""Whether what we depend on answers: asked once a second, so that health and readiness cost nothing to ask.

Discord may be away while everything is served: it is told, but readiness does not wait for it.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from freetheai import clock
from freetheai.metrics import Metrics

_logger = logging.getLogger(__name__)

ASK_EVERY_S: Final = 1.0
_NOT_NEEDED: Final = frozenset({"discord"})

Ping = Callable[[], Awaitable[None]]


class Dependencies:
    """The state of each dependency: ``up``, ``down``, or ``disabled`` where it is not used."""

    def __init__(self, pings: Mapping[str, Ping | None], metrics: Metrics) -> None:
        """``pings``: name to a coroutine function that raises when the dependency is away; None: disabled."""
        self._pings = pings
        self._metrics = metrics
        self._states = {name: "disabled" if ping is None else "down" for name, ping in pings.items()}

    @property
    def are_up(self) -> bool:
        """Whether everything that is used answers, but for what requests can do without."""
        return all(state != "down" or name in _NOT_NEEDED for name, state in self._states.items())

    def use(self, name: str, ping: Ping) -> None:
        """Ask ``ping`` too from now on; until it has answered ``name`` is down."""
        self._pings = {**self._pings, name: ping}
        self._states[name] = "down"

    def states(self) -> dict[str, str]:
        """Name to state."""
        return dict(self._states)

    async def run(self) -> None:
        """Ask for ever."""
        while True:
            await self.ask()
            await asyncio.sleep(ASK_EVERY_S)

    async def ask(self) -> None:
        """Ask each once, all at the same time."""
        await asyncio.gather(*(self._ask_one(name, ping) for name, ping in self._pings.items() if ping is not None))

    async def _ask_one(self, name: str, ping: Ping) -> None:
        began_s = clock.monotonic_s()
        try:
            await ping()
        except Exception as error:
            # Whatever a ping raises means one thing here: it does not answer.
            self._metrics.dependency_failed(name)
            self._set(name, "down", str(error))
            return
        self._metrics.dependency_answered(name, clock.monotonic_s() - began_s)
        self._set(name, "up", "")

    def _set(self, name: str, state: str, reason: str) -> None:
        if self._states[name] != state:
            level = logging.INFO if state == "up" else logging.ERROR
            _logger.log(level, "dependency is %s", state, extra={"dependency": name, "reason": reason})
        self._states[name] = state
