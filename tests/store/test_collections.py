"""Users, keys and audit rows against a real MongoDB."""

import asyncio
from datetime import UTC, datetime

import pytest

from freetheai.store.audit import Audit, AuditRow
from freetheai.store.keys import ActiveKeyExists, Keys
from freetheai.store.users import Users, UserUpdate
from support.on_loop import on_loop
from support.stores import AT, a_key, a_user, add_account, open_store

LATER = datetime(2026, 11, 23, 8, 30, tzinfo=UTC)


@on_loop
async def test_a_user_comes_back_as_it_went_in(mongo, database):
    async with open_store(mongo.url, database.name) as store:
        users = Users(store)
        ann = a_user(roles=["staff"], invites=3, overrides={"rate_limit_per_minute": 7}, paused_reason="spam")
        assert await users.ensure(ann) is True
        assert await users.ensure(a_user(name="someone else")) is False
        assert await users.find("ann") == ann
        assert await users.find("bob") is None
        assert await users.all() == [ann]


@pytest.mark.parametrize(
    ("before", "update", "after"),
    [
        pytest.param({}, UserUpdate(fields={"invites": 9}), {"invites": 9}, id="a field is set"),
        pytest.param({}, UserUpdate(fields={"paused_reason": "$name"}), {"paused_reason": "$name"}, id="text is text"),
        pytest.param(
            {"paused_reason": "x"}, UserUpdate(fields={"paused_reason": None}), {"paused_reason": None}, id="un"
        ),
        pytest.param(
            {"roles": ["a"]}, UserUpdate(add_roles=["b", "a", "b"]), {"roles": ["a", "b"]}, id="no role twice"
        ),
        pytest.param({"roles": ["a", "b"]}, UserUpdate(remove_roles=["a", "z"]), {"roles": ["b"]}, id="a role removed"),
        pytest.param(
            {"roles": ["a", "b"]},
            UserUpdate(add_roles=["$c", "a"], remove_roles=["a"]),
            {"roles": ["b", "$c"]},
            id="removed wins over added",
        ),
        pytest.param(
            {"overrides": {"concurrency_limit": 2, "daily_success_limit": 9}},
            UserUpdate(overrides={"concurrency_limit": None, "rate_limit_per_minute": 5}),
            {"overrides": {"rate_limit_per_minute": 5, "daily_success_limit": 9}},
            id="one override set, one taken away",
        ),
    ],
)
def test_an_update_changes_what_it_names_and_nothing_else(mongo, database, before, update, after):
    @on_loop
    async def scenario():
        async with open_store(mongo.url, database.name) as store:
            users = Users(store)
            await users.ensure(a_user(**before))
            expected = a_user(**before, updated_at=LATER) | after
            assert await users.update("ann", update, LATER) == expected
            assert await users.find("ann") == expected

    scenario()


@on_loop
async def test_updating_nobody_makes_nobody(mongo, database):
    async with open_store(mongo.url, database.name) as store:
        assert await Users(store).update("ann", UserUpdate(fields={"invites": 1}), LATER) is None
        assert await Users(store).check_in("ann", "2026-11-22", AT) is None
        assert database["users"].count_documents({}) == 0


@on_loop
async def test_roles_added_at_the_same_moment_are_all_there(mongo, database):
    async with open_store(mongo.url, database.name) as store:
        users = Users(store)
        await users.ensure(a_user())
        names = [f"role{number}" for number in range(10)]
        await asyncio.gather(*(users.update("ann", UserUpdate(add_roles=[name]), LATER) for name in names))
        ann = await users.find("ann")
        assert ann is not None and sorted(ann["roles"]) == names


@pytest.mark.parametrize(
    ("last_day", "streak", "day", "streak_after"),
    [
        pytest.param(None, 0, "2026-11-22", 1, id="the first ever"),
        pytest.param("2026-11-21", 4, "2026-11-22", 5, id="the day after"),
        pytest.param("2026-02-28", 1, "2026-03-01", 2, id="over the end of a month"),
        pytest.param("2026-11-20", 4, "2026-11-22", 1, id="a day missed"),
        pytest.param("2026-11-22", 4, "2026-11-22", None, id="the same day again"),
        pytest.param("2026-11-23", 4, "2026-11-22", None, id="a clock that went back"),
    ],
)
def test_check_in_counts_the_streak(mongo, database, last_day, streak, day, streak_after):
    @on_loop
    async def scenario():
        async with open_store(mongo.url, database.name) as store:
            users = Users(store)
            await users.ensure(a_user(last_checkin_day=last_day, streak=streak))
            user = await users.check_in("ann", day, LATER)
            if streak_after is None:
                assert user is None
                assert await users.find("ann") == a_user(last_checkin_day=last_day, streak=streak)
            else:
                assert user == a_user(last_checkin_day=day, streak=streak_after, updated_at=LATER)

    scenario()


@on_loop
async def test_of_many_keys_added_at_once_one_stays(mongo, database):
    async with open_store(mongo.url, database.name) as store:
        keys = Keys(store)
        outcomes = await asyncio.gather(*(keys.add(a_key()) for _ in range(8)), return_exceptions=True)
        assert sum(outcome is None for outcome in outcomes) == 1
        assert sum(isinstance(outcome, ActiveKeyExists) for outcome in outcomes) == 7
        assert database["keys"].count_documents({"user_id": "ann"}) == 1


@on_loop
async def test_a_revoked_key_stays_in_the_history_and_makes_room(mongo, database):
    async with open_store(mongo.url, database.name) as store:
        keys = Keys(store)
        first, second = a_key(), a_key()
        second["created_at"] = LATER
        await keys.add(first)
        revoked = await keys.revoke(first["key_hash"], "lost", LATER)
        assert revoked == {**first, "revoked_at": LATER, "revoked_reason": "lost"}
        assert await keys.revoke(first["key_hash"], "again", AT) is None
        await keys.add(second)
        assert await keys.find_active("ann") == second
        assert await keys.find(first["key_hash"]) == revoked
        assert await keys.list_of("ann") == [second, revoked]
        assert await keys.list_active() == [second]
        assert await keys.list_with_prefix(first["key_prefix"]) == [revoked]


@on_loop
async def test_audit_rows_come_newest_first(mongo, database):
    async with open_store(mongo.url, database.name) as store:
        audit = Audit(store)
        old = AuditRow(at=AT, actor="cli:ann", action="key.issue", target="ann", details={})
        new = AuditRow(at=LATER, actor="cli:ann", action="user.set", target="bob", details={"invites": 3})
        await audit.add(old)
        await audit.add(new)
        assert await audit.recent() == [new, old]
        assert await audit.recent(limit=1) == [new]
        assert await audit.recent(target="ann") == [old]


@on_loop
async def test_indexes_are_made_once_however_often_the_store_starts(mongo, database):
    async with open_store(mongo.url, database.name) as store:
        await add_account(store)
        before = {name: database[name].index_information() for name in database.list_collection_names()}
        await asyncio.gather(store.start(), store.start())
        assert {name: database[name].index_information() for name in database.list_collection_names()} == before
        assert {"one_active_key", "key_hash"} <= set(before["keys"])
