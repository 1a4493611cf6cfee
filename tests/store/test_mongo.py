"""The connection when MongoDB hangs, dies, comes back, or was never there."""

import asyncio
import time

import pytest

from freetheai.store.mongo import Store, StoreUnavailable
from freetheai.store.users import Users
from support.mongo_server import MongoServer
from support.on_loop import eventually, on_loop
from support.stores import a_user, open_store


async def _find_or_error(users: Users) -> object:
    try:
        return await users.find("ann")
    except StoreUnavailable as error:
        return error


async def _is_back(users: Users) -> bool:
    return not isinstance(await _find_or_error(users), StoreUnavailable)


@pytest.mark.parametrize("outage", ["freeze", "kill"])
def test_an_outage_is_one_exception_and_ends_without_a_restart(own_mongo: MongoServer, outage: str):
    @on_loop
    async def scenario():
        async with open_store(own_mongo.url, "outage", timeout_s=1.0) as store:
            users = Users(store)
            await users.ensure(a_user())
            getattr(own_mongo, outage)()
            # More at once than the driver has threads: they wait for one bound, not one after the other.
            began_s = time.monotonic()
            outcomes = await asyncio.gather(*(_find_or_error(users) for _ in range(200)))
            assert all(isinstance(outcome, StoreUnavailable) for outcome in outcomes)
            assert time.monotonic() - began_s < 10
            assert store.is_away

            own_mongo.thaw() if outage == "freeze" else own_mongo.start()
            await eventually(lambda: _is_back(users))
            assert not store.is_away
            assert await users.find("ann") == a_user()

    scenario()


@on_loop
async def test_while_it_is_away_only_one_operation_at_a_time_goes_and_looks(own_mongo):
    async with open_store(own_mongo.url, "outage", timeout_s=1.0) as store:
        users = Users(store)
        own_mongo.freeze()
        await _find_or_error(users)
        refused_at_once = 0
        looking = asyncio.ensure_future(eventually(lambda: _looked(users)))
        while not looking.done():
            began_s = time.monotonic()
            outcome = await _find_or_error(users)
            assert isinstance(outcome, StoreUnavailable)
            refused_at_once += time.monotonic() - began_s < 0.1
            await asyncio.sleep(0.01)
        assert refused_at_once > 10
        own_mongo.thaw()


async def _looked(users: Users) -> bool:
    """Whether this one was let through to look: it waits for the bound where others are refused at once."""
    began_s = time.monotonic()
    await _find_or_error(users)
    return time.monotonic() - began_s > 0.5


@on_loop
async def test_one_that_was_cancelled_while_looking_does_not_keep_others_from_it(own_mongo):
    async with open_store(own_mongo.url, "outage", timeout_s=2.0) as store:
        users = Users(store)
        own_mongo.freeze()
        assert isinstance(await _find_or_error(users), StoreUnavailable)
        await asyncio.sleep(0.6)
        looking = asyncio.ensure_future(users.find("ann"))
        await asyncio.sleep(0.1)
        looking.cancel()
        await asyncio.wait((looking,))
        own_mongo.thaw()
        assert await users.find("ann") is None


@on_loop
async def test_closing_ends_though_mongodb_hangs(own_mongo):
    store = Store(own_mongo.url, "outage", timeout_s=0.5)
    await store.start()
    own_mongo.freeze()
    async with asyncio.timeout(20):
        await store.close()


@on_loop
async def test_no_server_at_all_is_unavailable(mongo):
    store = Store("mongodb://127.0.0.1:1/", "none", timeout_s=0.3)
    with pytest.raises(StoreUnavailable, match="away"):
        await store.start()
    await store.close()


@pytest.mark.parametrize("url", ["http://127.0.0.1", "mongodb://", "mongodb://127.0.0.1:99999999/"])
def test_a_url_that_is_none_is_told_at_once(url):
    with pytest.raises(StoreUnavailable, match="mongodb"):
        Store(url, "x")


@on_loop
async def test_documents_that_contradict_an_index_are_told(mongo, database):
    database["users"].insert_many([{"user_id": "ann"}, {"user_id": "ann"}])
    store = Store(mongo.url, database.name)
    with pytest.raises(StoreUnavailable, match="'users'"):
        await store.start()
    await store.close()


@on_loop
async def test_text_that_is_not_utf8_is_read_all_the_same(mongo, database):
    from bson.raw_bson import RawBSONDocument

    # {"user_id": "ann", "name": "\xff"} with a byte that is not UTF-8, as another program may have written it.
    fields = b"\x02user_id\x00\x04\x00\x00\x00ann\x00\x02name\x00\x02\x00\x00\x00\xff\x00"
    raw = (len(fields) + 5).to_bytes(4, "little") + fields + b"\x00"
    async with open_store(mongo.url, database.name) as store:
        database["users"].insert_one(RawBSONDocument(raw + b""))
        ann = await Users(store).find("ann")
        assert ann is not None and ann["name"] == "\N{REPLACEMENT CHARACTER}"
