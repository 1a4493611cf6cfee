"""The room all uploads share: first come, first served, and nobody takes all of it."""

import asyncio

import pytest

from freetheai.errors import ApiError
from handlers.upload_room import LARGEST_UPLOADS, SHARES, UploadRoom

LARGEST = 100
ROOM = LARGEST * LARGEST_UPLOADS


def settled(task: "asyncio.Task[None]") -> bool:
    return task.done() and task.exception() is None


async def filled(room: UploadRoom) -> None:
    for number in range(LARGEST_UPLOADS):
        await room.enter(f"filler-{number}", LARGEST, LARGEST)
    assert room.taken_bytes == ROOM


def entering(room: UploadRoom, account: str, size: int, wait_s: float = 5.0) -> "asyncio.Task[None]":
    return asyncio.get_running_loop().create_task(room.enter(account, size, LARGEST, wait_s))


async def turns() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def test_who_comes_first_is_served_first() -> None:
    async def play() -> None:
        room = UploadRoom()
        await filled(room)
        big, small = entering(room, "a", 100), entering(room, "b", 10)
        await turns()
        assert not big.done()
        assert not small.done()
        room.leave("filler-0", LARGEST)
        await turns()
        assert settled(big)
        assert not small.done(), "a small one does not overtake for ever"
        room.leave("filler-1", LARGEST)
        await turns()
        assert settled(small)

    asyncio.run(play())


def test_one_account_has_its_share_and_others_pass_it() -> None:
    async def play() -> None:
        room = UploadRoom()
        share = LARGEST_UPLOADS // SHARES
        mine = [entering(room, "me", LARGEST) for _ in range(share + 1)]
        await turns()
        assert [task.done() for task in mine] == [True] * share + [False]
        await room.enter("you", LARGEST, LARGEST)
        room.leave("me", LARGEST)
        await turns()
        assert settled(mine[-1])

    asyncio.run(play())


def test_who_waits_too_long_is_refused_and_takes_nothing() -> None:
    async def play() -> None:
        room = UploadRoom()
        await filled(room)
        with pytest.raises(ApiError) as raised:
            await room.enter("a", 1, LARGEST, wait_s=0.01)
        assert raised.value.status == 503
        assert "Too many uploads" in raised.value.message
        assert room.taken_bytes == ROOM
        waiting, behind = entering(room, "b", 100), entering(room, "c", 10)
        await turns()
        waiting.cancel()
        room.leave("filler-0", 10)
        await turns()
        assert settled(behind), "who gave up stands in nobody's way"

    asyncio.run(play())


def test_more_than_the_room_is_let_in_alone() -> None:
    async def play() -> None:
        room = UploadRoom()
        # The bound may have become smaller while it was read.
        await room.enter("a", ROOM * 2, LARGEST)
        room.leave("a", ROOM * 2)
        assert room.taken_bytes == 0

    asyncio.run(play())
