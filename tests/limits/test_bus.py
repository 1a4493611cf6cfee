"""Change notices over a real Redis: heard by all, never silently missed."""

import asyncio
import contextlib

import pytest

from freetheai import bus as bus_module
from freetheai.bus import Bus, NoticeNotSent
from freetheai.limits import open_redis
from support.on_loop import eventually, on_loop


class Listener:
    """What one subscriber was told."""

    def __init__(self):
        self.notices = []
        self.gaps = 0

    def change(self, kind, key):
        self.notices.append((kind, key))

    def gap(self):
        self.gaps += 1


@contextlib.asynccontextmanager
async def bus_on(server, *, listens=True):
    redis = open_redis(server.url, timeout_s=0.5)
    bus, listener = Bus(redis.subscriber, "fta"), Listener()
    bus.subscribe(listener.change, listener.gap)
    if listens:
        bus.start()
        await eventually(lambda: bus.is_connected)
    try:
        yield bus, listener
    finally:
        await bus.close()
        await redis.close()


@on_loop
async def test_a_notice_reaches_every_process_and_the_publishers_own_at_once(redis_server):
    async with (
        bus_on(redis_server) as (_, heard),
        bus_on(redis_server, listens=False) as (publisher, own),
    ):
        await publisher.publish("users", "ключ {1}")
        assert own.notices == [("users", "ключ {1}")]
        await eventually(lambda: heard.notices == [("users", "ключ {1}")])


@on_loop
async def test_the_beginning_is_a_gap_too(redis_server):
    async with bus_on(redis_server) as (_, listener):
        assert listener.gaps == 1


@on_loop
async def test_a_restart_of_redis_is_a_gap_and_then_notices_come_again(redis_server):
    async with bus_on(redis_server) as (bus, listener):
        for restarts in (1, 2):
            redis_server.stop()
            await eventually(lambda: not bus.is_connected)
            redis_server.start()
            await eventually(lambda: bus.is_connected)
            assert listener.gaps >= 1 + restarts
            listener.notices.clear()
            await bus.publish("keys", str(restarts))
            await eventually(lambda: len(listener.notices) == 2)


@on_loop
async def test_a_connection_that_redis_closed_is_a_gap_however_short(redis_server):
    async with bus_on(redis_server) as (bus, listener):
        redis_server.command("CLIENT", "KILL", "TYPE", "pubsub")
        await eventually(lambda: listener.gaps >= 2)
        await eventually(lambda: bus.is_connected)
        redis_server.command("PUBLISH", "fta:changes", '{"kind":"bans","key":"k"}')
        await eventually(lambda: listener.notices == [("bans", "k")])


@on_loop
async def test_a_redis_that_stands_still_is_noticed(redis_server, monkeypatch):
    monkeypatch.setattr(bus_module, "PING_EVERY_S", 0.1)
    monkeypatch.setattr(bus_module, "DEAD_AFTER_S", 0.3)
    async with bus_on(redis_server) as (bus, listener):
        await asyncio.sleep(0.5)  # silence alone is no fault: it answers the pings
        assert bus.is_connected
        redis_server.pause()
        await eventually(lambda: not bus.is_connected)
        redis_server.resume()
        await eventually(lambda: bus.is_connected)
        assert listener.gaps >= 2


@on_loop
async def test_what_could_not_be_sent_is_an_error_but_known_here(redis_server, monkeypatch):
    monkeypatch.setattr(bus_module, "PUBLISH_PATIENCE_S", 0.3)
    async with bus_on(redis_server) as (bus, listener):
        redis_server.stop()
        with pytest.raises(NoticeNotSent, match="models"):
            await bus.publish("models", "opc/x")
        assert listener.notices == [("models", "opc/x")]
        redis_server.start()
        await bus.publish("models", "opc/y")


@on_loop
async def test_a_short_absence_of_redis_only_delays_a_notice(redis_server):
    async with bus_on(redis_server, listens=False) as (bus, _):
        await bus.publish("config", "a")
        redis_server.stop()
        publishing = asyncio.ensure_future(bus.publish("config", "b"))
        await asyncio.sleep(0.2)
        redis_server.start()
        await publishing


@pytest.mark.parametrize("payload", ["no json", "[]", '"x"', '{"kind":"users"}', "7"])
@on_loop
async def test_what_is_no_notice_is_passed_over(redis_server, payload):
    async with bus_on(redis_server) as (bus, listener):
        redis_server.command("PUBLISH", "fta:changes", payload)
        await bus.publish("users", "1")
        await eventually(lambda: listener.notices == [("users", "1")] * 2)


@on_loop
async def test_a_subscriber_that_fails_leaves_the_others_their_notices(redis_server, caplog):
    async with bus_on(redis_server) as (bus, _):

        def fails(*_):
            raise RuntimeError("a bug")

        after = Listener()
        bus.subscribe(fails, fails)
        bus.subscribe(after.change, after.gap)
        await bus.publish("users", "1")
        await eventually(lambda: len(after.notices) == 2)
        assert "a bug" in caplog.text
