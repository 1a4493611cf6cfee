"""Ten thousand bans: read once for all who ask, taken over only when they differ, and no bad one hides the others."""

import asyncio
from typing import Any

import pytest

from freetheai.addresses import NetworkSet
from freetheai.admission import ClientBans, House
from freetheai.app_notices import KnownBans
from freetheai.store.bans import Ban, Bans
from freetheai.store.mongo import StoreUnavailable
from support.mongo_fixtures import database, mongo
from support.mongo_server import MongoServer
from support.on_loop import on_loop
from support.stores import AT, open_store

__all__ = ["database", "mongo"]


class CountedBans(Bans):
    """The real ones; how often they were read, and whether MongoDB is away."""

    readings = 0
    is_away = False

    async def all(self) -> list[Ban]:
        self.readings += 1
        if self.is_away:
            raise StoreUnavailable("away")
        return await super().all()


def a_ban(value: str) -> Ban:
    return Ban(kind="ip", value=value, reason="spam", created_at=AT)


def a_house() -> House:
    nothing: Any = None
    return House(nothing, nothing, nothing, NetworkSet(), ClientBans())


@on_loop
async def test_who_asks_while_they_are_read_is_answered_by_later_readings(mongo: MongoServer, database: Any) -> None:
    async with open_store(mongo.url, database.name) as store:
        bans, house = CountedBans(store), a_house()
        known = KnownBans(bans, house)
        first = asyncio.ensure_future(known.read())
        await asyncio.sleep(0)
        await bans.add(a_ban("10.0.0.2"))
        await asyncio.gather(*(known.read() for _ in range(50)))
        assert house.banned_networks.find("10.0.0.2") == "spam"
        await first
        assert bans.readings <= 3


@on_loop
async def test_ten_thousand_are_taken_over_once(mongo: MongoServer, database: Any) -> None:
    many = [dict(a_ban(f"10.{number // 256}.{number % 256}.0/24")) for number in range(10_000)]
    database["bans"].insert_many(many)
    async with open_store(mongo.url, database.name) as store:
        bans, house = CountedBans(store), a_house()
        known = KnownBans(bans, house)
        await known.read()
        taken = house.banned_networks
        assert len(taken) == 10_000
        await known.read()
        assert house.banned_networks is taken
        bans.is_away = True
        await known.read()
        assert house.banned_networks is taken, "what was known goes on to hold"
        bans.is_away = False
        await bans.remove("ip", "10.0.7.0/24")
        await known.read()
        assert house.banned_networks.find("10.0.7.9") is None
        assert house.banned_networks.find("10.0.8.9") == "spam"


@on_loop
async def test_a_ban_that_is_none_hides_no_other(
    mongo: MongoServer, database: Any, caplog: pytest.LogCaptureFixture
) -> None:
    database["bans"].insert_many([dict(a_ban(value)) for value in ("10.0.0.1", "nonsense/9", "10.0.0.3")])
    async with open_store(mongo.url, database.name) as store:
        house = a_house()
        await KnownBans(Bans(store), house).read()
    assert house.banned_networks.find("10.0.0.1") == house.banned_networks.find("10.0.0.3") == "spam"
    assert [record.message for record in caplog.records] == ["a ban is no address or network"]
