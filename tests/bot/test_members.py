"""What members do to their accounts, over a real MongoDB: refused for the right reason, and nothing lost by it."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from freetheai import ids
from freetheai.accounts import Accounts, HasKey, IssuedKey, UserChange
from freetheai.accounts_members import (
    MemberAccounts,
    MistypedKey,
    Newcomer,
    NoAccount,
    NoKey,
    NotYourKey,
    Paused,
    find_key_in,
)
from freetheai.config.settings import LimitsSettings
from support.on_loop import on_loop
from support.stores import open_store

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
ANN = Newcomer(user_id="10", name="Ann\n the first", roles=["vip", "  ", "vip"])


class House:
    """Members over one database, at a time that can be set."""

    def __init__(self, store):
        self.now = NOON
        self.told = []
        self.accounts = Accounts(store, self._hear, lambda: self.now)
        self.members = MemberAccounts(self.accounts, now=lambda: self.now)

    async def _hear(self, kind, key):
        self.told.append((kind, key))

    async def sign_up(self, newcomer=ANN):
        return await self.members.sign_up(newcomer, use_case="my\nown  bots", disclosure="No: by hand")


@on_loop
async def test_two_sign_ups_at_once_make_one_key(mongo, database):
    async with open_store(mongo.url, database.name) as store:
        house = House(store)
        outcomes = await asyncio.gather(*(house.sign_up() for _ in range(5)), return_exceptions=True)
        assert sum(isinstance(outcome, IssuedKey) for outcome in outcomes) == 1
        assert sum(isinstance(outcome, HasKey) for outcome in outcomes) == 4
        assert database["keys"].count_documents({}) == 1
        with pytest.raises(HasKey):
            await house.members.may_sign_up("10")


@on_loop
async def test_of_what_a_newcomer_says_the_account_keeps_what_it_needs_and_the_audit_nothing(mongo, database):
    async with open_store(mongo.url, database.name) as store:
        house = House(store)
        issued = await house.sign_up()
        user = await house.accounts.find_user("10")
        assert (user["name"], user["roles"], user["is_member"]) == ("Ann the first", ["vip"], True)
        assert user["signup"] == {"use_case": "my own bots", "disclosure": "No: by hand", "at": NOON}
        (row,) = database["audit"].find({})
        assert (row["actor"], row["action"]) == ("discord:10", "key.issue")
        assert "own bots" not in str(row)
        everything = str([list(database[name].find({})) for name in ("users", "keys", "audit")])
        assert issued.key not in everything
        long = await house.members.sign_up(
            Newcomer(user_id="11", name="n" * 500, roles=["r" * 500] * 300), use_case="u" * 5000, disclosure="d" * 5000
        )
        assert long.user_id == "11"


@on_loop
async def test_a_check_in_takes_the_member_s_own_key_however_it_was_pasted(mongo, database):
    async with open_store(mongo.url, database.name) as store:
        house = House(store)
        own = await house.sign_up()
        other = await house.sign_up(Newcomer(user_id="11", name="Bob", roles=[]))
        with pytest.raises(NotYourKey):
            await house.members.check_in("10", other.key)
        with pytest.raises(NotYourKey):
            await house.members.check_in("10", ids.new_key())
        with pytest.raises(MistypedKey):
            await house.members.check_in("10", own.key[:-1])
        with pytest.raises(NoKey):
            await house.members.check_in("12", own.key)
        assert database["audit"].count_documents({"action": "user.check_in"}) == 0
        assert await house.members.may_check_in("10") is None
        made = await house.members.check_in("10", f" `Bearer {own.key}` ")
        assert (made.is_new, made.user["streak"]) == (True, 1)
        assert not (await house.members.check_in("10", own.key)).is_new
        assert (await house.members.may_check_in("10")).user["streak"] == 1


@on_loop
async def test_the_day_turns_at_midnight_utc(mongo, database):
    async with open_store(mongo.url, database.name) as store:
        house = House(store)
        key = (await house.sign_up()).key
        house.now = datetime(2026, 11, 22, 23, 59, 59, 999000, tzinfo=UTC)
        await house.members.check_in("10", key)
        house.now += timedelta(milliseconds=1)
        assert await house.members.may_check_in("10") is None
        standing = await house.members.standing("10", LimitsSettings())
        assert (standing.has_checked_in, standing.streak) == (False, 1)
        made = await house.members.check_in("10", key)
        assert (made.is_new, made.user["streak"], made.user["last_checkin_day"]) == (True, 2, "2026-11-23")
        house.now += timedelta(days=2)
        assert (await house.members.standing("10", LimitsSettings())).streak == 0


@on_loop
async def test_a_reset_ends_the_old_key_at_once_and_keeps_the_account(mongo, database):
    async with open_store(mongo.url, database.name) as store:
        house = House(store)
        old = await house.sign_up()
        await house.members.check_in("10", old.key)
        await house.accounts.set_user("10", UserChange(invites=9, overrides={"concurrency_limit": 4}), actor="t")
        before = await house.accounts.find_user("10")
        house.told.clear()
        new = await house.members.reset_key("10", reason="posted it\nby mistake " + "x" * 5000)
        assert house.told[0] == ("keys", ids.hash_key(old.key)), "told before anything else"
        after = await house.accounts.find_user("10")
        assert {**after, "updated_at": None} == {**before, "updated_at": None}
        with pytest.raises(NotYourKey):
            await house.members.check_in("10", old.key)
        assert not (await house.members.check_in("10", new.key)).is_new
        (dead,) = database["keys"].find({"revoked_at": {"$ne": None}})
        assert dead["revoked_reason"].startswith("reset by its owner: posted it by mistake")
        assert len(dead["revoked_reason"]) < 400


@on_loop
async def test_many_resets_at_once_leave_one_good_key_that_was_handed_out(mongo, database):
    async with open_store(mongo.url, database.name) as store:
        house = House(store)
        await house.sign_up()
        outcomes = await asyncio.gather(
            *(house.members.reset_key("10", reason="lost") for _ in range(5)), return_exceptions=True
        )
        (good,) = database["keys"].find({"revoked_at": None})
        issued = [outcome for outcome in outcomes if isinstance(outcome, IssuedKey)]
        assert good["key_hash"] in {ids.hash_key(each.key) for each in issued}
        assert all(isinstance(outcome, IssuedKey | HasKey) for outcome in outcomes)


@on_loop
async def test_who_has_no_account_or_lost_the_key_is_told_which(mongo, database):
    async with open_store(mongo.url, database.name) as store:
        house = House(store)
        for refused in (
            house.members.may_check_in("10"),
            house.members.may_reset_key("10"),
            house.members.reset_key("10", reason="lost"),
            house.members.standing("10", LimitsSettings()),
        ):
            with pytest.raises(NoAccount):
                await refused
        issued = await house.sign_up()
        (key,) = await house.accounts.find_keys(issued.key)
        await house.accounts.revoke_key(key, reason="leaked", actor="staff")
        with pytest.raises(NoKey):
            await house.members.may_check_in("10")
        assert (await house.members.standing("10", LimitsSettings())).key_prefix == ""
        assert (await house.members.reset_key("10", reason="was leaked")).key != issued.key


@on_loop
async def test_who_is_paused_does_none_of_it(mongo, database):
    async with open_store(mongo.url, database.name) as store:
        house = House(store)
        key = (await house.sign_up()).key
        await house.accounts.set_user("10", UserChange(paused_reason="spam"), actor="staff")
        for refused in (
            house.members.may_sign_up("10"),
            house.sign_up(),
            house.members.may_check_in("10"),
            house.members.check_in("10", key),
            house.members.may_reset_key("10"),
            house.members.reset_key("10", reason="lost"),
        ):
            with pytest.raises(Paused, match="spam"):
                await refused
        assert (await house.members.standing("10", LimitsSettings())).user["paused_reason"] == "spam"


@on_loop
async def test_standing_names_the_tier_and_the_next(mongo, database):
    async with open_store(mongo.url, database.name) as store:
        house = House(store)
        await house.sign_up()
        limits = LimitsSettings()
        standing = await house.members.standing("10", limits)
        assert (standing.tier.level, standing.next_tier.minimum_invites) == (1, 3)
        await house.accounts.set_user("10", UserChange(invites=1000), actor="t")
        standing = await house.members.standing("10", limits)
        assert (standing.tier.level, standing.next_tier) == (5, None)
        assert standing.policy.requests_per_minute == 35


def test_a_key_is_found_in_what_was_pasted():
    key = ids.new_key()
    for pasted in (key, f"`{key}`", f'"{key}"', f"Authorization: Bearer {key}\n", f"<{key}>"):
        assert find_key_in(pasted) == key
    for wrong in ("", "fta_", key[:-1], key + "x", key.lower(), key[4:]):
        with pytest.raises(MistypedKey):
            find_key_in(wrong)
