"""Accounts against a real MongoDB: what two at the same moment do to each other, and what is told in which order."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from freetheai import ids
from freetheai.accounts import AccountRefused, Accounts, HasKey, IssuedKey, UserChange
from freetheai.bus import NoticeNotSent
from freetheai.store.directory import Directory
from freetheai.store.keys import Keys
from support.on_loop import on_loop
from support.stores import open_store

NOON = datetime(2026, 11, 22, 12, 0, 0, 123456, tzinfo=UTC)


class Listener:
    """Hears what is published, and may ask the database at that moment."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str]] = []

    async def __call__(self, kind: str, key: str) -> None:
        self.heard.append((kind, key))


async def _nobody_hears(kind: str, key: str) -> None:
    raise NoticeNotSent("redis is away")


@on_loop
async def test_of_two_keys_issued_at_the_same_moment_one_is_made(mongo, database):
    async with open_store(mongo.url, database.name) as store:
        accounts = Accounts(store, Listener())
        outcomes = await asyncio.gather(
            *(accounts.issue_key("ann", actor="test") for _ in range(6)), return_exceptions=True
        )
        issued = [outcome for outcome in outcomes if isinstance(outcome, IssuedKey)]
        assert len(issued) == 1
        assert all(isinstance(outcome, HasKey) for outcome in outcomes if outcome is not issued[0])
        assert database["keys"].count_documents({}) == 1
        assert database["users"].count_documents({}) == 1
        owner = await Directory(store).find(ids.hash_key(issued[0].key))
        assert owner is not None and owner.user_id == "ann"


@on_loop
async def test_however_many_rotate_at_once_one_key_is_good_and_it_was_handed_out(mongo, database):
    async with open_store(mongo.url, database.name) as store:
        accounts = Accounts(store, Listener())
        await accounts.issue_key("ann", actor="test")
        outcomes = await asyncio.gather(
            *(accounts.issue_key("ann", actor="test", rotate=True) for _ in range(6)), return_exceptions=True
        )
        (good,) = database["keys"].find({"revoked_at": None})
        handed_out = {ids.hash_key(outcome.key) for outcome in outcomes if isinstance(outcome, IssuedKey)}
        assert good["key_hash"] in handed_out


@on_loop
async def test_a_listener_finds_the_change_already_there(mongo, database):
    async with open_store(mongo.url, database.name) as store:
        seen = []

        async def look(kind, key):
            if kind == "keys":
                found = await Keys(store).find(key)
                seen.append(found["revoked_at"] is None)
            else:
                seen.append((await accounts.find_user(key))["invites"])

        accounts = Accounts(store, look)
        await accounts.issue_key("ann", actor="test", change=UserChange(invites=3))
        assert seen == [3, True]
        seen.clear()
        await accounts.issue_key("ann", actor="test", change=UserChange(invites=4), rotate=True)
        assert seen == [False, 4, True]


@on_loop
async def test_a_notice_that_cannot_be_sent_takes_nothing_back(mongo, database, caplog):
    async with open_store(mongo.url, database.name) as store:
        accounts = Accounts(store, _nobody_hears)
        issued = await accounts.issue_key("ann", actor="test")
        (key,) = await accounts.find_keys(issued.key)
        await accounts.set_user("ann", UserChange(invites=3), actor="test")
        await accounts.revoke_key(key, reason="lost", actor="test")
        assert database["audit"].count_documents({}) == 3
        assert "other processes were not told" in caplog.text
        assert issued.key not in caplog.text


@on_loop
async def test_check_in_is_once_a_day_and_counts_the_days(mongo, database):
    now = NOON
    async with open_store(mongo.url, database.name) as store:
        listener = Listener()
        accounts = Accounts(store, listener, lambda: now)
        await accounts.issue_key("ann", actor="test")
        outcomes = await asyncio.gather(*(accounts.check_in("ann", actor="test") for _ in range(4)))
        assert sorted(outcome.is_new for outcome in outcomes) == [False, False, False, True]
        assert {outcome.user["streak"] for outcome in outcomes} == {1}
        assert database["audit"].count_documents({"action": "user.check_in"}) == 1
        now = NOON + timedelta(days=1)
        assert (await accounts.check_in("ann", actor="test")).user["streak"] == 2
        now = NOON + timedelta(days=3)
        later = await accounts.check_in("ann", actor="test")
        assert (later.is_new, later.user["streak"], later.user["last_checkin_day"]) == (True, 1, "2026-11-25")
        with pytest.raises(AccountRefused, match="no user 'bob'"):
            await accounts.check_in("bob", actor="test")


@on_loop
async def test_the_history_of_an_account_outlives_its_keys(mongo, database):
    now = NOON
    async with open_store(mongo.url, database.name) as store:
        accounts = Accounts(store, Listener(), lambda: now)
        assert not await accounts.has_keys()
        await accounts.issue_key("ann", actor="test", change=UserChange(invites=8, roles=["vip"], is_checked_in=True))
        before = await accounts.find_user("ann")
        assert await accounts.has_keys()
        now = NOON + timedelta(hours=1)
        issued = await accounts.issue_key("ann", actor="test", rotate=True)
        after = await accounts.find_user("ann")
        assert {**after, "updated_at": None} == {**before, "updated_at": None}
        # What is returned is what the database keeps: whole milliseconds.
        assert issued.created_at == (await accounts.find_keys(issued.key_prefix))[0]["created_at"]


@on_loop
async def test_a_limit_that_does_not_exist_is_refused(mongo, database):
    async with open_store(mongo.url, database.name) as store:
        accounts = Accounts(store, Listener())
        await accounts.issue_key("ann", actor="test")
        with pytest.raises(AccountRefused, match="no limit 'speed'"):
            await accounts.set_user("ann", UserChange(overrides={"speed": 5}), actor="test")
