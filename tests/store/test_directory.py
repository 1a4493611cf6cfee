"""The cache of owners: what it answers from memory, when it reads anew, and what it does without MongoDB."""

import asyncio
import time

import pytest

from freetheai import ids
from freetheai.store import directory as directory_module
from freetheai.store.directory import FRESH_S, KEPT_S, Directory
from freetheai.store.keys import Keys
from freetheai.store.mongo import Store, StoreUnavailable
from freetheai.store.users import Users
from support.on_loop import eventually, on_loop
from support.stores import AT, a_key, a_user, add_account, open_store


class Hands:
    """A monotonic clock that a test moves; between the moves it runs on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ahead_s = 0.0
        monkeypatch.setattr(directory_module.clock, "monotonic_s", lambda: time.monotonic() + self.ahead_s)

    def move(self, seconds: float) -> None:
        self.ahead_s += seconds


@pytest.fixture
def hands(monkeypatch) -> Hands:
    return Hands(monkeypatch)


@on_loop
async def test_an_owner_is_read_once_and_then_answered_from_memory(mongo, database):
    async with open_store(mongo.url, database.name) as store:
        key = await add_account(store, roles=["staff"], invites=3, overrides={"concurrency_limit": 4})
        directory = Directory(store)
        assert directory.peek(key["key_hash"]) is None
        owner = await directory.find(key["key_hash"])
        assert owner is not None
        assert (owner.user_id, owner.name, owner.key_prefix) == ("ann", "Ann", key["key_prefix"])
        assert (owner.roles, owner.invites, owner.is_member) == (frozenset({"staff"}), 3, True)
        assert owner.overrides == {"concurrency_limit": 4}
        assert directory.peek(key["key_hash"]) is owner
        assert await directory.find(key["key_hash"]) is owner


@on_loop
async def test_nobody_owns_an_unknown_or_a_revoked_key_or_one_without_an_account(mongo, database):
    async with open_store(mongo.url, database.name) as store:
        key = await add_account(store)
        await Keys(store).revoke(key["key_hash"], "lost", AT)
        lonely = a_key("nobody")
        await Keys(store).add(lonely)
        directory = Directory(store)
        for key_hash in (key["key_hash"], lonely["key_hash"], ids.hash_key(ids.new_key())):
            assert await directory.find(key_hash) is None
            assert directory.peek(key_hash) is None
        assert len(directory) == 0


@on_loop
async def test_numbers_and_gaps_of_a_document_made_by_hand_are_understood(mongo, database):
    async with open_store(mongo.url, database.name) as store:
        key = a_key()
        await Keys(store).add(key)
        database["users"].insert_one(
            {"user_id": "ann", "invites": 8.0, "overrides": {"daily_success_limit": 5.0, "x": 1}}
        )
        owner = await Directory(store).find(key["key_hash"])
        assert owner is not None
        assert (owner.name, owner.roles, owner.invites, owner.is_member) == ("", frozenset(), 8, None)
        assert owner.overrides == {"daily_success_limit": 5}
        assert isinstance(owner.overrides["daily_success_limit"], int)


@on_loop
async def test_an_entry_is_read_anew_when_it_is_no_longer_fresh(mongo, database, hands):
    async with open_store(mongo.url, database.name) as store:
        key = await add_account(store)
        directory = Directory(store)
        await directory.find(key["key_hash"])
        database["users"].update_one({"user_id": "ann"}, {"$set": {"paused_reason": "spam"}})
        hands.move(FRESH_S / 2)
        assert directory.peek(key["key_hash"]) is not None
        hands.move(FRESH_S / 2)
        assert directory.peek(key["key_hash"]) is None
        owner = await directory.find(key["key_hash"])
        assert owner is not None and owner.paused_reason == "spam"


@on_loop
async def test_those_who_ask_at_the_same_time_share_one_reading(mongo, database):
    async with open_store(mongo.url, database.name) as store:
        key = await add_account(store)
        directory = Directory(store)
        database.command("profile", 2)
        owners = await asyncio.gather(*(directory.find(key["key_hash"]) for _ in range(50)))
        database.command("profile", 0)
        assert len({id(owner) for owner in owners}) == 1
        assert database["system.profile"].count_documents({"command.aggregate": "keys"}) == 1


@on_loop
async def test_one_who_leaves_does_not_spoil_it_for_the_others(mongo, database):
    async with open_store(mongo.url, database.name) as store:
        key = await add_account(store)
        directory = Directory(store)
        leaving = asyncio.ensure_future(directory.find(key["key_hash"]))
        staying = asyncio.ensure_future(directory.find(key["key_hash"]))
        await asyncio.sleep(0)
        leaving.cancel()
        owner = await staying
        assert owner is not None and owner.user_id == "ann"
        assert leaving.cancelled()


@pytest.mark.parametrize("drop", ["user", "key", "all"])
def test_a_notice_makes_the_change_seen_at_once(mongo, database, drop):
    @on_loop
    async def scenario():
        async with open_store(mongo.url, database.name) as store:
            key = await add_account(store)
            directory = Directory(store)
            await directory.find(key["key_hash"])
            database["users"].update_one({"user_id": "ann"}, {"$set": {"invites": 9}})
            notices = {
                "user": lambda: directory.drop("ann"),
                "key": lambda: directory.drop_key(key["key_hash"]),
                "all": directory.clear,
            }
            notices[drop]()
            assert directory.peek(key["key_hash"]) is None
            owner = await directory.find(key["key_hash"])
            assert owner is not None and owner.invites == 9
            assert directory.peek(key["key_hash"]) is owner

    scenario()


@on_loop
async def test_a_notice_touches_no_other_account(mongo, database):
    async with open_store(mongo.url, database.name) as store:
        ann, bob = await add_account(store), await add_account(store, "bob")
        directory = Directory(store)
        await directory.find(ann["key_hash"])
        await directory.find(bob["key_hash"])
        directory.drop("ann")
        assert directory.peek(ann["key_hash"]) is None
        assert directory.peek(bob["key_hash"]) is not None


@pytest.mark.parametrize("notice", ["user", "key", "all"])
def test_a_reading_that_began_before_a_notice_is_not_kept(mongo, database, notice):
    @on_loop
    async def scenario():
        async with open_store(mongo.url, database.name) as store:
            key = await add_account(store)
            directory = Directory(store)
            early = asyncio.ensure_future(directory.find(key["key_hash"]))
            await asyncio.sleep(0)
            {
                "user": lambda: directory.drop("ann"),
                "key": lambda: directory.drop_key(key["key_hash"]),
                "all": directory.clear,
            }[notice]()
            late = asyncio.ensure_future(directory.find(key["key_hash"]))
            first, second = await early, await late
            assert first is not second
            assert directory.peek(key["key_hash"]) is second

    scenario()


@on_loop
async def test_an_unknown_hash_is_not_asked_for_each_time_and_a_key_issued_meanwhile_works_at_once(mongo, database):
    async with open_store(mongo.url, database.name) as store:
        key = a_key()
        directory = Directory(store)
        assert await directory.find(key["key_hash"]) is None
        database.command("profile", 2)
        assert await directory.find(key["key_hash"]) is None
        database.command("profile", 0)
        assert database["system.profile"].count_documents({"command.aggregate": "keys"}) == 0

        await Users(store).ensure(a_user())
        await Keys(store).add(key)
        directory.drop_key(key["key_hash"])
        assert await directory.find(key["key_hash"]) is not None


@on_loop
async def test_an_unknown_hash_is_asked_for_again_soon(mongo, database, hands):
    async with open_store(mongo.url, database.name) as store:
        directory = Directory(store)
        key = a_key()
        assert await directory.find(key["key_hash"]) is None
        await Users(store).ensure(a_user())
        await Keys(store).add(key)
        hands.move(directory_module.UNKNOWN_FRESH_S)
        assert await directory.find(key["key_hash"]) is not None


@on_loop
async def test_without_notices_every_change_is_still_seen_within_a_second(mongo, database, hands):
    async with open_store(mongo.url, database.name) as store:
        key = await add_account(store)
        directory = Directory(store)
        directory.notices_live = False
        await directory.find(key["key_hash"])
        database["users"].update_one({"user_id": "ann"}, {"$set": {"invites": 9}})
        hands.move(0.95)
        assert directory.peek(key["key_hash"]) is None
        owner = await directory.find(key["key_hash"])
        assert owner is not None and owner.invites == 9


@on_loop
async def test_when_notices_come_again_nothing_read_meanwhile_is_believed(mongo, database):
    async with open_store(mongo.url, database.name) as store:
        key = await add_account(store)
        directory = Directory(store)
        directory.notices_live = False
        await directory.find(key["key_hash"])
        directory.notices_live = True
        assert directory.peek(key["key_hash"]) is None
        await directory.find(key["key_hash"])
        assert directory.peek(key["key_hash"]) is not None


@on_loop
async def test_the_owners_least_recently_used_fall_out(mongo, database, monkeypatch):
    monkeypatch.setattr(directory_module, "MAX_OWNERS", 3)
    async with open_store(mongo.url, database.name) as store:
        hashes = [(await add_account(store, f"user{number}"))["key_hash"] for number in range(4)]
        directory = Directory(store)
        for key_hash in hashes[:3]:
            await directory.find(key_hash)
        directory.peek(hashes[0])
        await directory.find(hashes[3])
        assert [directory.peek(key_hash) is not None for key_hash in hashes] == [True, False, True, True]
        assert len(directory) == 3
        # What has fallen out leaves nothing behind.
        assert set(directory._hashes_of) == {"user0", "user2", "user3"}


@on_loop
async def test_unknown_hashes_are_bounded(mongo, database, monkeypatch):
    monkeypatch.setattr(directory_module, "MAX_UNKNOWN", 10)
    async with open_store(mongo.url, database.name) as store:
        directory = Directory(store)
        for number in range(30):
            assert await directory.find(f"{number:064x}") is None
        assert len(directory._unknown) == 10


@pytest.mark.parametrize("outage", ["freeze", "kill"])
def test_without_mongodb_known_owners_are_served_for_a_minute_and_others_refused(own_mongo, hands, outage):
    @on_loop
    async def scenario():
        async with open_store(own_mongo.url, "outage", timeout_s=1.0) as store:
            ann, bob = await add_account(store), await add_account(store, "bob")
            directory = Directory(store)
            owner = await directory.find(ann["key_hash"])
            getattr(own_mongo, outage)()

            hands.move(FRESH_S)
            assert await directory.find(ann["key_hash"]) is owner
            with pytest.raises(StoreUnavailable):
                await directory.find(bob["key_hash"])
            # Known to be away: nobody waits any more, neither the one who is served nor the one who is not.
            await eventually(lambda: store.is_away)
            assert await directory.find(ann["key_hash"]) is owner

            hands.move(KEPT_S - FRESH_S - 20)
            assert await directory.find(ann["key_hash"]) is owner
            hands.move(21)
            with pytest.raises(StoreUnavailable):
                await directory.find(ann["key_hash"])

            own_mongo.thaw() if outage == "freeze" else own_mongo.start()
            again = await eventually(lambda: _found(directory, ann["key_hash"]))
            assert again == owner
            assert (await directory.find(bob["key_hash"])).user_id == "bob"
            await directory.close()

    scenario()


@on_loop
async def test_many_unknown_keys_during_an_outage_do_not_queue_up(own_mongo):
    async with open_store(own_mongo.url, "outage", timeout_s=1.0) as store:
        directory = Directory(store)
        own_mongo.freeze()
        began_s = time.monotonic()
        outcomes = await asyncio.gather(*(_outcome(directory, f"{number:064x}") for number in range(300)))
        assert outcomes == ["away"] * 300
        # One bound (1 s) for all of them; one after the other in the driver's threads would be half a minute.
        assert time.monotonic() - began_s < 10
        own_mongo.thaw()
        await directory.close()


@on_loop
async def test_an_account_known_to_have_changed_is_not_served_from_memory_in_an_outage(own_mongo):
    async with open_store(own_mongo.url, "outage", timeout_s=1.0) as store:
        key = await add_account(store)
        directory = Directory(store)
        await directory.find(key["key_hash"])
        own_mongo.freeze()
        directory.drop("ann")
        assert await _outcome(directory, key["key_hash"]) == "away"
        own_mongo.thaw()
        await directory.close()


@on_loop
async def test_after_missed_notices_an_outage_is_still_bridged(own_mongo):
    async with open_store(own_mongo.url, "outage", timeout_s=1.0) as store:
        key = await add_account(store)
        directory = Directory(store)
        owner = await directory.find(key["key_hash"])
        own_mongo.freeze()
        directory.clear()
        assert await directory.find(key["key_hash"]) is owner
        own_mongo.thaw()
        await directory.close()


@on_loop
async def test_a_notice_during_a_slow_reading_waits_for_the_truth(own_mongo, hands):
    async with open_store(own_mongo.url, "outage", timeout_s=5.0) as store:
        key = await add_account(store)
        directory = Directory(store)
        await directory.find(key["key_hash"])
        hands.move(FRESH_S)
        own_mongo.freeze()
        asking = asyncio.ensure_future(directory.find(key["key_hash"]))
        await asyncio.sleep(0.1)
        directory.drop("ann")
        await asyncio.sleep(1)
        assert not asking.done()
        own_mongo.thaw()
        owner = await asking
        assert owner is not None and directory.peek(key["key_hash"]) is owner
        await directory.close()


async def _found(directory: Directory, key_hash: str) -> object:
    try:
        return await directory.find(key_hash)
    except StoreUnavailable:
        return None


async def _outcome(directory: Directory, key_hash: str) -> object:
    try:
        return await directory.find(key_hash)
    except StoreUnavailable:
        return "away"


def test_looking_at_a_fresh_entry_costs_far_less_than_asking():
    @on_loop
    async def scenario():
        store = Store("mongodb://127.0.0.1:1/", "none")
        directory = Directory(store)
        directory._keep("a" * 64, _an_owner(), time.monotonic())
        rounds = 20_000
        began_s = time.perf_counter()
        for _ in range(rounds):
            directory.peek("a" * 64)
        # A hundred times what it takes; asking MongoDB is a hundred microseconds and more.
        assert (time.perf_counter() - began_s) / rounds < 50e-6
        await store.close()

    scenario()


def _an_owner() -> directory_module.Owner:
    return directory_module.Owner(
        key_hash="a" * 64,
        key_prefix="fta_aaaaaa",
        user_id="ann",
        name="",
        roles=frozenset(),
        invites=0,
        is_member=None,
        paused_reason=None,
        last_checkin_day=None,
        overrides={},
    )
