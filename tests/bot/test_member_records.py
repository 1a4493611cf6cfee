"""What is known of a member: records in Redis that keep their order, and what a request may believe of them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from freetheai import membership
from freetheai.errors import DEPENDENCY_UNAVAILABLE, ApiError
from freetheai.limits import RedisConnection, open_redis
from freetheai.limits.member_records import MemberRecords
from freetheai.membership import ASKED, CHANGED, UNKNOWN, DiscordMembership, StoredMembership
from freetheai.store.directory import Owner
from support.on_loop import eventually, on_loop

USER = "123456789012345678"
OWNER = Owner(
    key_hash="h", key_prefix="fta_aaaaaa", user_id=USER, name="Ada", roles=frozenset({"mirrored"}), invites=0,
    is_member=False, paused_reason=None, last_checkin_day=None, overrides={},
)  # fmt: skip


class World:
    """A membership with real Redis, and a bot that answers as the test says."""

    def __init__(self, redis: RedisConnection) -> None:
        self.redis = redis
        self.records = MemberRecords(redis, "t", "9")
        self.told: list[tuple[str, str]] = []
        self.are_notices_heard = True
        self.membership = DiscordMembership(self.records, self.publish, lambda: self.are_notices_heard)

    async def publish(self, kind: str, key: str) -> None:
        self.told.append((kind, key))
        self.membership.on_change(kind, key)

    async def write(self, *, is_member: bool = True, roles: set[str] | None = None, age_s: float = 0.0) -> bool | None:
        return await self.records.write(USER, is_member=is_member, roles=roles or set(), age_s=age_s)

    async def set_age(self, age_s: float) -> None:
        """As if the record had been written so long ago."""
        name = f"t:member:{{9}}:{USER}"
        second, microsecond = await self.redis.execute("TIME")
        await self.redis.execute("HSET", name, "at", round((int(second) - age_s) * 1_000_000) + int(microsecond))

    def forget(self) -> None:
        self.membership.on_change(CHANGED, USER)


@asynccontextmanager
async def world(url: str) -> AsyncIterator[World]:
    redis = open_redis(url)
    found = World(redis)
    try:
        yield found
    finally:
        await found.membership.close()
        await redis.close()


@on_loop
async def test_a_newer_record_is_not_replaced_by_an_older_one(redis_server: Any) -> None:
    async with world(redis_server.url) as each:
        assert await each.write(roles={"b", "a"}) is True
        assert await each.write(roles={"a", "b"}) is False, "the same again is no news"
        assert await each.write(is_member=False, age_s=5) is None
        record = await each.records.read(USER)
        assert record is not None
        assert (record.is_member, record.roles) == (True, {"a", "b"})
        assert await each.write(is_member=False) is True
        assert 0 < int(await each.redis.execute("PTTL", f"t:member:{{9}}:{USER}")) <= 60_000


@on_loop
async def test_a_record_of_before_the_stretch_of_events_has_not_followed(redis_server: Any) -> None:
    async with world(redis_server.url) as each:
        await each.write()
        await each.set_age(3600)
        for lasted_s, has_followed in ((7200, True), (60, False)):
            await each.records.keep_flow(f"stretch {lasted_s}", lasted_s)
            record = await each.records.read(USER)
            assert record is not None and record.has_followed is has_followed
        await each.records.keep_flow("stretch 60", 7200)
        record = await each.records.read(USER)
        assert record is not None and not record.has_followed, "a stretch keeps its beginning"
        await each.records.keep_flow("another", 7200)
        await each.records.stop_flow()
        record = await each.records.read(USER)
        assert record is not None and not record.has_followed


@pytest.mark.parametrize(
    ("is_member", "age_s", "seen"),
    [
        pytest.param(True, 500, (True, {"artist"}, True), id="young"),
        pytest.param(True, 700, (True, {"artist"}, True), id="old, but roles are still good"),
        pytest.param(True, 2 * 3600, (True, set(), False), id="too old for roles"),
        pytest.param(True, 7 * 3600, (None, set(), False), id="too old for anything"),
        pytest.param(False, 30, (False, set(), True), id="outside"),
        pytest.param(False, 700, (None, set(), False), id="outside, long ago"),
    ],
)
@on_loop
async def test_what_a_record_is_good_for_when_nobody_can_be_asked(
    redis_server: Any, monkeypatch: pytest.MonkeyPatch, is_member: bool, age_s: float, seen: tuple[Any, ...]
) -> None:
    monkeypatch.setattr(membership, "LOOK_UP_S", 0.05)
    async with world(redis_server.url) as each:
        await each.write(is_member=is_member, roles={"artist"} if is_member else set())
        await each.set_age(age_s)
        found = await each.membership.find(OWNER)
        assert (found.is_member, found.roles, found.are_roles_known) == seen
        assert bool(each.told) == (age_s > 600), "Discord is asked only past ten minutes"


@on_loop
async def test_one_look_up_for_all_who_wait_and_one_that_leaves_does_not_end_it(redis_server: Any) -> None:
    async with world(redis_server.url) as each:
        asked: list[str] = []

        async def look_up(user_id: str, *, anew: bool = False) -> None:
            asked.append(user_id)
            await asyncio.sleep(0.1)
            await each.write(roles={"artist"})
            await each.publish(CHANGED, user_id)

        each.membership.look_up = look_up
        impatient = asyncio.ensure_future(each.membership.find(OWNER))
        waiting = [asyncio.ensure_future(each.membership.find(OWNER)) for _ in range(200)]
        await asyncio.sleep(0.05)
        impatient.cancel()
        found = await asyncio.gather(*waiting)
        assert asked == [USER]
        assert {(owner.is_member, owner.roles) for owner in found} == {(True, frozenset({"artist"}))}
        known = each.membership.peek(OWNER)
        assert known is found[0] or known == found[0]
        assert each.membership.peek(OWNER) is known, "the same object, so that limits are worked out once"


@on_loop
async def test_nobody_knows_is_told_at_once_and_not_asked_again_for_a_while(redis_server: Any) -> None:
    async with world(redis_server.url) as each:

        async def look_up(user_id: str, *, anew: bool = False) -> None:
            await each.publish(UNKNOWN, user_id)

        each.membership.look_up = look_up
        assert (await each.membership.find(OWNER)).is_member is None
        assert (await each.membership.find(OWNER)).is_member is None
        assert each.told == [(UNKNOWN, USER)]
        await each.write()
        each.forget()  # they were seen meanwhile: a join, a command
        assert (await each.membership.find(OWNER)).is_member is True


@on_loop
async def test_a_process_without_the_bot_asks_by_a_notice(redis_server: Any) -> None:
    async with world(redis_server.url) as each:
        finding = asyncio.ensure_future(each.membership.find(OWNER))
        await eventually(lambda: (ASKED, USER) in each.told)
        await each.write()
        each.membership.on_change(CHANGED, USER)
        assert (await finding).is_member is True


@on_loop
async def test_a_change_while_it_is_read_is_not_lost(redis_server: Any) -> None:
    async with world(redis_server.url) as each:
        await each.write()
        read = each.records.read

        async def read_then_change(user_id: str) -> Any:
            found = await read(user_id)
            if not each.told:
                each.told.append(("", ""))
                await each.write(is_member=False)
                each.membership.on_change(CHANGED, user_id)
            return found

        each.records.read = read_then_change  # type: ignore[method-assign]
        assert (await each.membership.find(OWNER)).is_member is False


@on_loop
async def test_memory_is_believed_shortly_while_notices_are_not_heard(redis_server: Any) -> None:
    async with world(redis_server.url) as each:
        await each.write()
        await each.membership.find(OWNER)
        each.are_notices_heard = False
        assert each.membership.peek(OWNER) is not None
        await each.write(is_member=False)
        await asyncio.sleep(membership.FRESH_WITHOUT_NOTICES_S)
        assert each.membership.peek(OWNER) is None
        assert (await each.membership.find(OWNER)).is_member is False
        each.are_notices_heard = True
        each.membership.on_gap()
        assert each.membership.peek(OWNER) is None


@on_loop
async def test_without_redis_nothing_is_said_of_anyone(redis_server: Any) -> None:
    async with world("redis://127.0.0.1:1/0") as each:
        with pytest.raises(ApiError) as refused:
            await each.membership.find(OWNER)
        assert refused.value.spec is DEPENDENCY_UNAVAILABLE


@on_loop
async def test_what_commands_set_stands_with_discord_off_and_for_who_is_no_one_there(redis_server: Any) -> None:
    stored = StoredMembership()
    assert stored.peek(OWNER) is OWNER and await stored.find(OWNER) is OWNER
    async with world(redis_server.url) as each:
        ours = replace(OWNER, user_id="a-service")
        assert each.membership.peek(ours) is ours and await each.membership.find(ours) is ours
