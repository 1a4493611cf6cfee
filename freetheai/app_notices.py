"""What other processes and commands change, taken over here within a second; and everything read anew after a gap.

Rules:
- a notice says only what has changed; it is read from where it is kept;
- what could not be read stays as it was known;
- bans are read once for all who ask meanwhile, and taken over only where they differ: there may be ten thousand.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator
from typing import Final

from freetheai.addresses import Network, NetworkSet, parse_network
from freetheai.admission import ClientBans, House
from freetheai.bus import Bus
from freetheai.limits import RedisConnection
from freetheai.limits.windows import UsedWindows
from freetheai.store.bans import Ban, Bans
from freetheai.store.mongo import Store, StoreUnavailable
from freetheai.tasks import TaskGroup
from freetheai.window_sharing import WindowSharing
from handlers.services import Services

_logger = logging.getLogger(__name__)

# Bans are read anew this often (seconds), whatever was heard.
_BANS_EVERY_S: Final = 10.0
_NOTICES_EVERY_S: Final = 0.1


class Hearing:
    """Listens for one gateway. ``sharing`` knows the quota windows of all processes."""

    def __init__(self, services: Services, store: Store, redis: RedisConnection, bus: Bus, tasks: TaskGroup) -> None:
        self._services = services
        self._bans = KnownBans(Bans(store), services.house)
        self._bus = bus
        self._tasks = tasks
        self._on_config: Callable[[], None] | None = None
        windows = UsedWindows(redis, services.settings.redis.prefix)
        self.sharing = WindowSharing(services.providers, windows, bus.publish, tasks)

    async def start(self, on_config: Callable[[], None]) -> None:
        """Read the bans, then listen until the tasks are closed. ``on_config``: the configuration is to be read."""
        self._on_config = on_config
        await self._bans.read()
        self._bus.subscribe(self._on_notice, self._on_gap)
        self._bus.subscribe(self.sharing.on_change, self.sharing.on_gap)
        self._bus.start()
        self._tasks.start(self._watch_notices(), "watch notices")
        self._tasks.start(self._keep_reading_bans(), "read bans")

    def _on_notice(self, kind: str, key: str) -> None:
        directory = self._services.house.directory
        if kind == "users":
            directory.drop(key)
        elif kind == "keys":
            directory.drop_key(key)
        elif kind == "models":
            self._tasks.start(self._services.catalog.refresh(), "refresh the catalog")
        elif kind == "bans":
            self._tasks.start(self._bans.read(), "read the bans")
        elif kind == "config" and self._on_config is not None:
            self._on_config()

    def _on_gap(self) -> None:
        self._services.house.directory.clear()
        self._tasks.start(self._services.catalog.refresh(), "refresh the catalog")
        self._tasks.start(self._bans.read(), "read the bans")

    async def _watch_notices(self) -> None:
        while True:
            self._services.house.directory.notices_live = self._bus.is_connected
            await asyncio.sleep(_NOTICES_EVERY_S)

    async def _keep_reading_bans(self) -> None:
        while True:
            await asyncio.sleep(_BANS_EVERY_S)
            await self._bans.read()


class KnownBans:
    """Keeps the bans of ``house`` as they are stored."""

    def __init__(self, bans: Bans, house: House) -> None:
        self._bans = bans
        self._house = house
        self._known: list[Ban] = []
        self._turns = asyncio.Lock()
        self._asked = self._answered = 0

    async def read(self) -> None:
        """Read them, so that what was stored before is known; what can't be read stays as it was known."""
        self._asked += 1
        asked = self._asked
        async with self._turns:
            if self._answered >= asked:
                return  # By a reading that began after this one was asked for.
            began = self._asked
            try:
                bans = await self._bans.all()
            except StoreUnavailable:
                return
            self._answered = began
            if bans != self._known:
                self._take(bans)

    def _take(self, bans: list[Ban]) -> None:
        self._known = bans
        self._house.banned_networks = NetworkSet(_networks(bans))
        self._house.banned_clients = ClientBans([ban["value"] for ban in bans if ban["kind"] == "client"])


def _networks(bans: list[Ban]) -> Iterator[tuple[Network, str]]:
    for ban in bans:
        if ban["kind"] == "ip":
            try:
                yield parse_network(ban["value"]), ban["reason"]
            except ValueError as error:
                # Written by hand: it must not keep the others from being known.
                _logger.warning("a ban is no address or network", extra={"reason": str(error)})
