"""Change notices: who changes an account, key, model, ban or setting tells every process, which forgets what it cached.

Strategy: a notice is ``{"kind", "key"}`` as JSON on the Redis channel ``PREFIX:changes``. It only says that something
changed; the truth stays in the database. Redis keeps no notices, so whoever was not listening may have missed some.

Rules:
- after every (re)connection each subscriber's ``on_gap`` is called: drop everything, it may be stale;
- while ``is_connected`` is False nothing is heard: a cache that must not be stale is not to be trusted;
- a silent connection is told from a dead one by a ping every second;
- a publisher's own process hears its notice at once, Redis or not, and once more through Redis;
- a notice that could not be sent is an error of whoever published it, never silence.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final

import orjson
from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import RedisError

from freetheai.tasks import TaskGroup

# Seconds: between pings on a silent connection; without any sign of life until it counts as dead; for subscribing;
# before the next attempt; for a notice to be sent, all attempts together.
PING_EVERY_S: Final = 1.0
DEAD_AFTER_S: Final = 3.0
CONNECT_TIMEOUT_S: Final = 1.5
RECONNECT_PAUSE_S: Final = 0.1
PUBLISH_PATIENCE_S: Final = 2.0

_logger = logging.getLogger(__name__)

OnChange = Callable[[str, str], None]
OnGap = Callable[[], None]


class NoticeNotSent(Exception):
    """Other processes were not told: they may go on with what they have cached."""


class Bus:
    """Tell and hear of changes.

    ``connect`` gives a new redis-py client of one node (in a cluster any: notices reach all of them). Without
    ``start`` the bus only publishes.
    """

    def __init__(self, connect: Callable[[], Awaitable[Redis]], prefix: str) -> None:
        self._connect = connect
        self._channel = f"{prefix}:changes"
        self._subscribers: list[tuple[OnChange, OnGap]] = []
        self._tasks = TaskGroup()
        self._publisher: Redis | None = None
        self._is_connected = False
        self._is_closing = False

    @property
    def is_connected(self) -> bool:
        """Whether notices are heard just now."""
        return self._is_connected

    def subscribe(self, on_change: OnChange, on_gap: OnGap) -> None:
        """Call ``on_change(kind, key)`` for each notice and ``on_gap()`` whenever some may have been missed.

        Both run on the event loop and return at once.
        """
        self._subscribers.append((on_change, on_gap))

    def start(self) -> None:
        """Listen from now until ``close``, whatever becomes of Redis meanwhile."""
        self._tasks.start(self._listen(), "change notices")

    async def publish(self, kind: str, key: str) -> None:
        """Tell everyone that what ``kind`` and ``key`` name has changed; call it after the change is stored.

        Raises:
            NoticeNotSent: Redis took it not within ``PUBLISH_PATIENCE_S``; this process knows all the same.
        """
        self._deliver(kind, key)
        payload = orjson.dumps({"kind": kind, "key": key})
        loop = asyncio.get_running_loop()
        give_up_at = loop.time() + PUBLISH_PATIENCE_S
        while True:
            try:
                async with asyncio.timeout_at(give_up_at):
                    await self._send(payload)
                return
            except (RedisError, OSError) as error:  # TimeoutError is an OSError
                if loop.time() + RECONNECT_PAUSE_S >= give_up_at:
                    raise NoticeNotSent(f"change of {kind} not published: {error or 'no reply'}") from error
            await asyncio.sleep(RECONNECT_PAUSE_S)

    async def close(self) -> None:
        """Stop listening and close all connections."""
        # Besides the cancelling: redis-py sends by way of asyncio.wait_for, which in Python 3.11 can swallow it.
        self._is_closing = True
        await self._tasks.close()
        await self._drop_publisher()

    async def _send(self, payload: bytes) -> None:
        try:
            if self._publisher is None:
                self._publisher = await self._connect()
            await self._publisher.publish(self._channel, payload)
        except BaseException:  # also when time is up: the connection may be the reason
            await self._drop_publisher()
            raise

    async def _drop_publisher(self) -> None:
        publisher, self._publisher = self._publisher, None
        if publisher is not None:
            await _close(publisher)

    async def _listen(self) -> None:
        was_told = False
        while not self._is_closing:
            try:
                await self._listen_once()
            except (RedisError, OSError) as error:
                if self._is_connected or not was_told:  # once, not ten times a second
                    _logger.warning("change notices are not heard", extra={"reason": str(error)})
                was_told = True
            finally:
                self._is_connected = False
            await asyncio.sleep(RECONNECT_PAUSE_S)

    async def _listen_once(self) -> None:
        """Subscribe and hand out notices until the connection fails."""
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            client = await self._connect()
        channel = client.pubsub()
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                await channel.subscribe(self._channel)
            await self._hear(channel)
        finally:
            await _close(channel)
            await _close(client)

    async def _hear(self, channel: PubSub) -> None:
        loop = asyncio.get_running_loop()
        heard_at = loop.time()
        while not self._is_closing:
            message = await channel.get_message(timeout=PING_EVERY_S)
            if message is not None:
                heard_at = loop.time()
                self._take(message)
            elif loop.time() - heard_at > DEAD_AFTER_S:
                raise TimeoutError(f"no sign of life for {DEAD_AFTER_S:g} s")
            else:
                async with asyncio.timeout(CONNECT_TIMEOUT_S):
                    await channel.ping()

    def _take(self, message: dict[str, Any]) -> None:
        # redis-py reconnects and subscribes by itself too: every confirmation marks a gap before it.
        if message["type"] == "subscribe":
            if not self._is_connected:
                _logger.info("change notices are heard")
            self._is_connected = True
            for _, on_gap in self._subscribers:
                _call(on_gap)
        elif message["type"] == "message":
            try:
                notice = orjson.loads(message["data"])
                kind, key = str(notice["kind"]), str(notice["key"])
            except (orjson.JSONDecodeError, TypeError, KeyError):
                _logger.warning("a change notice was not understood")
                return
            self._deliver(kind, key)

    def _deliver(self, kind: str, key: str) -> None:
        for on_change, _ in self._subscribers:
            _call(on_change, kind, key)


def _call(subscriber: Callable[..., None], *args: str) -> None:
    try:
        subscriber(*args)
    except Exception:  # one subscriber's bug must not make the others deaf
        _logger.exception("a subscriber to change notices failed")


async def _close(connection: Redis | PubSub) -> None:
    # What is broken already may fail to close; there is nothing left to lose.
    with contextlib.suppress(RedisError, OSError):
        await connection.aclose()
