"""Challenges in Redis: taken once, by the right member, in time; and waits that grow, however many forms are sent."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from freetheai.limits import open_redis
from freetheai.limits.challenges import (
    ASKED,
    HABITS,
    REMEMBERED_S,
    WAITS_S,
    WORDED,
    Challenges,
    Place,
    new_challenge_id,
)
from support.limit_accounts import CLOCK_KEY, CLOCK_LUA
from support.on_loop import on_loop

ANN = Place(guild="1", user="10", command="checkin")
KEPT = {"family": "f", "secret": {"right": "ä b"}}


@asynccontextmanager
async def challenges_on(server: Any, clock_lua: str = "") -> AsyncIterator[Challenges]:
    redis = open_redis(server.url)
    try:
        yield Challenges(redis, "t", clock_lua=clock_lua)
    finally:
        await redis.close()


def at(server: Any, second: float) -> None:
    server.command("SET", CLOCK_KEY, str(round((1_800_000_000 + second) * 1_000_000)))


async def keep_one(challenges: Challenges, place: Place = ANN, life_s: float = 100) -> str:
    challenge_id = new_challenge_id()
    await challenges.keep(place, challenge_id, KEPT, life_s=life_s)
    return challenge_id


@on_loop
async def test_of_many_takes_at_once_one_gets_it(redis_server):
    async with challenges_on(redis_server) as challenges:
        challenge_id = await keep_one(challenges)
        assert await challenges.read(ANN, challenge_id) == KEPT
        taken = await asyncio.gather(*(challenges.take(ANN, challenge_id) for _ in range(20)))
        assert [each.kept for each in taken if each.kept is not None] == [KEPT]
        assert await challenges.read(ANN, challenge_id) is None


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(Place(guild="1", user="11", command="checkin"), id="another member"),
        pytest.param(Place(guild="2", user="10", command="checkin"), id="another server"),
        pytest.param(Place(guild="1", user="10", command="resetkey"), id="another command"),
    ],
)
def test_whoever_it_is_not_for_finds_nothing_and_takes_nothing(redis_server, other):
    @on_loop
    async def run() -> None:
        async with challenges_on(redis_server) as challenges:
            challenge_id = await keep_one(challenges)
            assert await challenges.read(other, challenge_id) is None
            assert (await challenges.take(other, challenge_id)).kept is None
            assert (await challenges.take(ANN, challenge_id)).kept == KEPT

    run()


@on_loop
async def test_it_expires(redis_server):
    async with challenges_on(redis_server) as challenges:
        challenge_id = await keep_one(challenges, life_s=0.05)
        await asyncio.sleep(0.2)
        assert (await challenges.take(ANN, challenge_id)).kept is None
        assert (await challenges.claim(ANN)).wrong == 0, "too late is not wrong"


@on_loop
async def test_waits_grow_survive_redis_restarts_and_end_with_a_right_answer(redis_server):
    async with challenges_on(redis_server, CLOCK_LUA) as challenges:
        second = 0.0
        for wait_s in WAITS_S:
            at(redis_server, second)
            assert (await challenges.claim(ANN)).wait_s == 0
            taken = await challenges.take(ANN, await keep_one(challenges))
            assert (taken.kept, taken.wait_s) == (KEPT, wait_s)
            if wait_s:
                at(redis_server, second + wait_s - 0.25)
                assert (await challenges.claim(ANN)).wait_s == pytest.approx(0.25)
                refused = await challenges.take(ANN, await keep_one(challenges))
                assert (refused.kept, refused.wait_s) == (None, pytest.approx(0.25))
            second += wait_s
        redis_server.restart()
    async with challenges_on(redis_server, CLOCK_LUA) as challenges:
        at(redis_server, second - 1)
        claim = await challenges.claim(ANN)
        assert (claim.wait_s, claim.wrong) == (pytest.approx(1), len(WAITS_S))
        at(redis_server, second)
        assert (await challenges.take(ANN, await keep_one(challenges))).wait_s == WAITS_S[-1], "the last wait stays"
        await challenges.solved(ANN)
        claim = await challenges.claim(ANN)
        assert (claim.wait_s, claim.wrong) == (0, 0)


def test_waits_allow_three_tries_an_hour_and_six_a_day():
    when, second = [], 0.0
    for number in range(20):
        when.append(second)
        second += WAITS_S[min(number, len(WAITS_S) - 1)]
    for window_s, most in ((3600, 3), (86400, 6)):
        assert max(sum(1 for other in when if 0 <= other - begin < window_s) for begin in when) == most


@on_loop
async def test_many_forms_sent_at_once_are_no_more_tries_than_one_after_another(redis_server):
    async with challenges_on(redis_server) as challenges:
        open_forms = [await keep_one(challenges) for _ in range(10)]
        taken = await asyncio.gather(*(challenges.take(ANN, each) for each in open_forms))
        assert sum(1 for each in taken if each.kept is not None) == 2, "the third has to wait"


@on_loop
async def test_two_forms_at_once_do_not_lock_out_who_answers_right(redis_server):
    async with challenges_on(redis_server) as challenges:
        first, second = [await keep_one(challenges) for _ in range(2)]
        assert all(each.kept for each in [await challenges.take(ANN, first), await challenges.take(ANN, second)])
        await challenges.solved(ANN)
        assert (await challenges.claim(ANN)).wait_s == 0


@pytest.mark.parametrize("allowance", [ASKED, WORDED], ids=lambda each: each.name)
def test_asking_again_and_again_has_an_end_and_the_wait_told_is_true(redis_server, allowance):
    @on_loop
    async def run() -> None:
        async with challenges_on(redis_server, CLOCK_LUA) as challenges:
            for second in range(allowance.count):
                at(redis_server, second)
                assert (await challenges.claim(ANN, allowance)).wait_s == 0
            at(redis_server, allowance.count)
            wait_s = (await challenges.claim(ANN, allowance)).wait_s
            assert wait_s == pytest.approx(allowance.window_s - allowance.count)
            other = Place(guild="1", user="11", command="checkin")
            assert (await challenges.claim(other, allowance)).wait_s == 0
            at(redis_server, allowance.count + wait_s)
            assert (await challenges.claim(ANN, allowance)).wait_s == 0

    run()


@on_loop
async def test_how_long_answers_took_is_remembered_the_newest_first(redis_server):
    async with challenges_on(redis_server, CLOCK_LUA) as challenges:
        for number in range(HABITS + 2):
            at(redis_server, 100 * number)
            challenge_id = await keep_one(challenges)
            at(redis_server, 100 * number + number + 1)
            await challenges.take(ANN, challenge_id)
            await challenges.solved(ANN)
        took = (await challenges.claim(ANN)).answered_in_s
        assert took == [HABITS + 2 - number for number in range(HABITS)]


@on_loop
async def test_redis_forgets_by_itself(redis_server):
    async with challenges_on(redis_server) as challenges:
        await challenges.claim(ANN)
        await challenges.claim(ANN, WORDED)
        await challenges.take(ANN, await keep_one(challenges))
        await keep_one(challenges)
        names = redis_server.command("KEYS", "t:*").split(b"\r\n")[2::2]
        assert len(names) == 5
        for name in names:
            left_ms = int(redis_server.command("PTTL", name.decode()).strip(b":\r\n"))
            assert 0 < left_ms <= 31 * REMEMBERED_S * 1000, name
        assert all(b":{1:10}:" in name for name in names), "one hash tag a member"
