"""What libcurl waits for, seen by an epoll set of its own: numbers that the system gives out again, and late events."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pycurl

from freetheai.upstream.sockets import CurlSockets
from support.on_loop import on_loop


@asynccontextmanager
async def watching() -> AsyncIterator[tuple[CurlSockets, list[tuple[int, int]]]]:
    acts: list[tuple[int, int]] = []
    sockets = CurlSockets(asyncio.get_running_loop(), lambda fd, action: acts.append((fd, action)))
    try:
        yield sockets, acts
    finally:
        sockets.close()
        sockets.close()


async def settle() -> None:
    for _ in range(3):
        await asyncio.sleep(0.005)


@on_loop
async def test_each_kind_of_event_is_told_and_put_aside() -> None:
    one, other = socket.socketpair()
    with one, other:
        async with watching() as (sockets, acts):
            sockets.watch(one.fileno(), pycurl.POLL_IN)
            await settle()
            assert acts == []
            other.send(b"x")
            await settle()
            assert set(acts) == {(one.fileno(), pycurl.CSELECT_IN)}
            sockets.watch(one.fileno(), pycurl.POLL_INOUT)
            acts.clear()
            await settle()
            assert set(acts) == {(one.fileno(), pycurl.CSELECT_IN | pycurl.CSELECT_OUT)}
            sockets.watch(one.fileno(), pycurl.POLL_REMOVE)
            acts.clear()
            await settle()
            assert acts == []


@on_loop
async def test_a_number_given_out_again_is_watched_anew() -> None:
    async with watching() as (sockets, acts):
        one, other = socket.socketpair()
        number = one.fileno()
        sockets.watch(number, pycurl.POLL_IN)
        # Closed without a word; the next socket gets the same number.
        one.close()
        third, fourth = socket.socketpair()
        assert number in (third.fileno(), fourth.fileno())
        again, its_other = (third, fourth) if third.fileno() == number else (fourth, third)
        sockets.watch(number, pycurl.POLL_IN)
        its_other.send(b"x")
        await settle()
        assert acts and set(acts) == {(number, pycurl.CSELECT_IN)}
        again.close()
        sockets.watch(number, pycurl.POLL_REMOVE)
        for each in (other, its_other):
            each.close()


@on_loop
async def test_what_is_put_aside_while_its_event_waits_is_passed_over() -> None:
    acts: list[int] = []
    pairs = [socket.socketpair() for _ in range(2)]
    numbers = [one.fileno() for one, _ in pairs]

    def act(fd: int, action: int) -> None:
        del action
        acts.append(fd)
        for number in numbers:
            sockets.watch(number, pycurl.POLL_REMOVE)

    sockets = CurlSockets(asyncio.get_running_loop(), act)
    for one, other in pairs:
        sockets.watch(one.fileno(), pycurl.POLL_IN)
        other.send(b"x")
    await settle()
    assert len(acts) == 1
    sockets.close()
    for pair in pairs:
        for each in pair:
            each.close()


@on_loop
async def test_a_reset_is_told_to_who_waits_to_read() -> None:
    listening = socket.create_server(("127.0.0.1", 0))
    client = socket.create_connection(listening.getsockname())
    server, _ = listening.accept()
    async with watching() as (sockets, acts):
        sockets.watch(client.fileno(), pycurl.POLL_IN)
        server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        server.close()
        await settle()
        assert (client.fileno(), pycurl.CSELECT_IN) in acts
    for each in (client, listening):
        each.close()
