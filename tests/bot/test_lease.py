"""The bot's lease: one process has it, it runs out with its holder, and everyone sees what the holder says."""

import asyncio

from freetheai.limits import open_redis
from freetheai.limits.shared import LeaseView, SharedLease, SharedNote
from support.on_loop import eventually, on_loop


@on_loop
async def test_one_holds_it_until_it_is_given_back(redis_server):
    redis = open_redis(redis_server.url)
    try:
        first, second = (SharedLease(redis, "t", "bot", life_s=60) for _ in range(2))
        views = await asyncio.gather(first.hold("down"), second.hold("down"), first.hold("down"))
        assert [view.is_mine for view in views] == [True, False, True]
        assert await first.hold("up") == LeaseView(is_mine=True, state="up")
        assert await second.hold("down") == LeaseView(is_mine=False, state="up")
        await second.give_back()
        assert (await first.hold("up")).is_mine, "only its holder gives it back"
        await first.give_back()
        assert await second.hold("down") == LeaseView(is_mine=True, state="down")
    finally:
        await redis.close()


@on_loop
async def test_it_runs_out_with_its_holder(redis_server):
    redis = open_redis(redis_server.url)
    try:
        dead, heir = SharedLease(redis, "t", "bot", life_s=0.2), SharedLease(redis, "t", "bot", life_s=60)
        assert (await dead.hold("up")).is_mine

        async def is_taken_over() -> bool:
            return (await heir.hold("down")).is_mine

        await eventually(is_taken_over)
        assert not (await dead.hold("up")).is_mine
    finally:
        await redis.close()


@on_loop
async def test_a_note_is_read_by_all(redis_server):
    redis = open_redis(redis_server.url)
    try:
        assert await SharedNote(redis, "t", "n").read() == ""
        await SharedNote(redis, "t", "n").write("what was told")
        assert await SharedNote(redis, "t", "n").read() == "what was told"
        assert await SharedNote(redis, "t", "other").read() == ""
    finally:
        await redis.close()
