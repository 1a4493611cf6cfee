"""What a command works with: the database and the notices of the gateway, whether it runs now or not.

With ``mongodb.url`` and ``redis.url`` these are used; else the embedded services of the server that runs in
``data_dir``, or, where none runs, embedded services for the length of the command.
"""

import getpass
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from freetheai import clock
from freetheai.accounts import AccountRefused, Accounts
from freetheai.bus import Bus, NoticeNotSent
from freetheai.cli import CommandRefused
from freetheai.config import Settings
from freetheai.embedded import EmbeddedError, Wanted, open_services
from freetheai.limits import RedisConnection, open_redis
from freetheai.store.audit import Audit, AuditRow
from freetheai.store.mongo import Store, StoreUnavailable


@dataclass(frozen=True, slots=True)
class Backends:
    """An open database, and a way to tell running servers what changed. ``actor``: who runs the command."""

    store: Store
    bus: Bus
    accounts: Accounts
    actor: str
    redis: RedisConnection

    async def publish(self, kind: str, key: str) -> None:
        """Tell running servers; one that can't be told sees the change a little later, and stderr says so."""
        try:
            await self.bus.publish(kind, key)
        except NoticeNotSent as error:
            sys.stderr.write(f"freetheai: done, but running servers were not told: {error}\n")

    async def audit(self, action: str, target: str, details: Mapping[str, Any]) -> None:
        """Note that the operator did ``action`` to ``target``."""
        row = AuditRow(at=clock.utc_now(), actor=self.actor, action=action, target=target, details=dict(details))
        await Audit(self.store).add(row)


@asynccontextmanager
async def open_backends(settings: Settings) -> AsyncIterator[Backends]:
    """Open what ``settings`` name, or the embedded services; close it at the end of the block.

    Raises:
        CommandRefused: they can't be had, or what is done in the block is refused by them.
    """
    mongodb_url, redis_url = settings.mongodb.url.reveal(), settings.redis.url.reveal()
    wanted = Wanted(mongodb=not mongodb_url, redis=not redis_url)
    try:
        async with AsyncExitStack() as stack:
            addresses = await stack.enter_async_context(open_services(settings.server.data_dir, wanted, _stay_silent))
            store = Store(mongodb_url or addresses.mongodb_url, settings.mongodb.database)
            stack.push_async_callback(store.close)
            await store.start()
            redis = _open_redis(redis_url or addresses.redis_url)
            stack.push_async_callback(redis.close)
            bus = Bus(redis.subscriber, settings.redis.prefix)
            stack.push_async_callback(bus.close)
            yield Backends(store, bus, Accounts(store, bus.publish), _operator(), redis)
    except (EmbeddedError, StoreUnavailable, AccountRefused) as error:
        raise CommandRefused(str(error)) from error


def _open_redis(url: str) -> RedisConnection:
    try:
        return open_redis(url)
    except ValueError as error:
        raise CommandRefused(str(error)) from error


def _operator() -> str:
    try:
        return f"cli:{getpass.getuser()}"
    except (KeyError, OSError):
        # A container's user often has no name.
        return f"cli:{os.getuid()}"


def _stay_silent(text: str) -> None:
    del text
