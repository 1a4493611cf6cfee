"""Slow clients, clients that leave, and many at once: what a provider and our memory notice of them."""

import asyncio
import gc
import sys
import zlib

import psutil
import pytest

from fakes.upstream import Delay, Fast, Gate, Reply, Silent, chat_body, chat_stream
from freetheai.upstream import ResponseHead, Transfer
from support.on_loop import eventually, on_loop
from support.upstream_client import client_and_provider, post

MIB = 2**20


def resident_bytes() -> int:
    return psutil.Process().memory_info().rss


@on_loop
async def test_a_client_that_reads_nothing_stops_the_provider_and_loses_nothing():
    total = 200 * MIB
    async with client_and_provider() as (client, provider):
        provider.script = [Reply([Fast(total), b"the end"])]
        count, tail = 0, b""

        def on_data(data: bytes) -> None:
            nonlocal count, tail
            count += len(data)
            tail = data[-7:]

        with client.start(post(provider.url)) as transfer:
            await transfer.head()
            before = resident_bytes()
            transfer.hold()
            run = asyncio.ensure_future(transfer.run(on_data))
            connection = provider.connections[0]
            await eventually(_is_stuck(connection))
            assert count == 0
            # What it could get rid of lies in the two sockets' buffers.
            assert connection.bytes_written < 40 * MIB
            assert resident_bytes() - before < 16 * MIB
            transfer.release()
            end = await run
        assert resident_bytes() - before < 16 * MIB
    assert (end.kind, count, tail) == ("complete", total + 7, b"the end")


def _is_stuck(connection):
    """True once nothing was written for a while."""
    seen = [-1]

    async def check():
        seen.append(connection.bytes_written)
        await asyncio.sleep(0.1)
        return seen[-1] == connection.bytes_written > 0

    return check


@on_loop
async def test_a_client_that_reads_by_fits_and_starts_gets_every_byte():
    async with client_and_provider() as (client, provider):
        provider.script = [Reply([Fast(20 * MIB)])]
        loop = asyncio.get_running_loop()
        count = 0

        def on_data(data: bytes) -> None:
            nonlocal count
            count += len(data)
            transfer.hold()
            # As a flush does: done at once, a moment later, or after a while.
            if count % 3 == 0:
                transfer.release()
            elif count % 3 == 1:
                loop.call_soon(transfer.release)
            else:
                loop.call_later(0.001, transfer.release)

        with client.start(post(provider.url)) as transfer:
            end = await transfer.run(on_data)
    assert (end.kind, count) == ("complete", 20 * MIB)


@on_loop
async def test_a_release_within_on_data_does_not_call_it_within_itself():
    async with client_and_provider() as (client, provider):
        provider.script = [Reply([Fast(20 * MIB)])]
        depth = count = 0

        def on_data(data: bytes) -> None:
            nonlocal depth, count
            depth += 1
            assert depth == 1
            count += len(data)
            transfer.hold()
            transfer.release()
            depth -= 1

        with client.start(post(provider.url)) as transfer:
            await transfer.head()
            transfer.hold()
            asyncio.get_running_loop().call_later(0.05, transfer.release)
            end = await transfer.run(on_data)
    assert (end.kind, count) == ("complete", 20 * MIB)


@on_loop
async def test_an_end_that_comes_while_held_waits_for_the_last_bytes():
    async with client_and_provider() as (client, provider):
        provider.script = [chat_stream(["a", "b"])]
        pieces = []
        with client.start(post(provider.url)) as transfer:
            await transfer.head()
            transfer.hold()
            run = asyncio.ensure_future(transfer.run(pieces.append))
            await eventually(lambda: client.active == 0)
            assert not run.done()
            transfer.release()
            end = await run
    assert end.kind == "complete"
    assert b"".join(pieces) == chat_stream(["a", "b"]).body()


@on_loop
async def test_a_compressed_bomb_is_held_in_bounds():
    bomb = zlib.compressobj(wbits=31)
    packed = bomb.compress(b"x" * (64 * MIB)) + bomb.flush()
    async with client_and_provider() as (client, provider):
        headers = [("Content-Encoding", "gzip")]
        provider.script = [Reply([packed], headers=headers)]
        count = 0

        def on_data(data: bytes) -> None:
            nonlocal count
            count += len(data)

        with client.start(post(provider.url)) as transfer:
            await transfer.head()
            before = resident_bytes()
            transfer.hold()
            run = asyncio.ensure_future(transfer.run(on_data))
            await asyncio.sleep(0.3)
            # One read's worth of expansion, which libcurl does not stop in the middle of, and our queue.
            assert resident_bytes() - before < 32 * MIB
            transfer.release()
            end = await run
    assert (end.kind, count) == ("complete", 64 * MIB)


@pytest.mark.parametrize(
    "part",
    [
        pytest.param(Silent(), id="before the head"),
        pytest.param(Reply([Silent()]), id="silent after the head"),
        pytest.param(Reply([b"a", Silent()]), id="silent within the body"),
        pytest.param(Reply([b"a", Delay(0.01)] * 1000), id="talking"),
        pytest.param(Reply([Fast(2**30)]), id="flooding"),
    ],
)
@on_loop
async def test_an_abort_is_seen_by_the_provider_at_once(part):
    async with client_and_provider() as (client, provider):
        provider.script = [part]
        pieces = []
        transfer = client.start(post(provider.url))
        run = asyncio.ensure_future(transfer.run(pieces.append))
        await provider.wait_requests(1)
        await asyncio.sleep(0.03)
        count = len(pieces)
        aborted_at = asyncio.get_running_loop().time()
        transfer.abort()
        assert client.active == 0
        await provider.wait_closed(1)
        end = await run
        assert end.kind == "aborted"
        assert end.failure is None
        assert len(pieces) == count
        # Well under a millisecond; the bound is for a busy machine, and below the second of a progress callback.
        assert provider.closed_by_client[0].closed_at - aborted_at < 0.25


@on_loop
async def test_an_abort_from_within_on_data_delivers_nothing_more():
    async with client_and_provider() as (client, provider):
        provider.script = [Reply([Fast(50 * MIB)])]
        pieces = []

        def on_data(data: bytes) -> None:
            pieces.append(data)
            if len(pieces) == 3:
                transfer.abort()
                transfer.release()

        with client.start(post(provider.url)) as transfer:
            end = await transfer.run(on_data)
        await provider.wait_closed(1)
    assert (end.kind, len(pieces)) == ("aborted", 3)


@on_loop
async def test_one_transfer_may_abort_another_that_has_just_ended():
    """Both ends are reported by libcurl together; the handle of the second must not be mixed up with its next call."""
    async with client_and_provider() as (client, provider):
        provider.script = [chat_body("x")]
        for _ in range(30):
            transfers = [client.start(post(provider.url)) for _ in range(6)]
            followers = []

            def on_data(data: bytes, transfers=transfers, followers=followers) -> None:
                for transfer in transfers[1:]:
                    transfer.abort()
                followers.extend(client.start(post(provider.url)) for _ in range(5))

            runs = [transfers[0].run(on_data), *(transfer.run(lambda data: None) for transfer in transfers[1:])]
            ends = await asyncio.gather(*runs)
            assert ends[0].kind == "complete"
            for follower in followers:
                body, end = await follower.collect(10_000)
                assert (body, end.kind) == (chat_body("x").body(), "complete")


@on_loop
async def test_a_handle_whose_transfer_was_aborted_while_paused_serves_the_next_call():
    async with client_and_provider() as (client, provider):
        provider.routes = {"/flood": Reply([Fast(2**28)]), "/next": chat_stream(["fine"])}
        for _ in range(3):
            transfer = client.start(post(f"{provider.url}/flood"))
            assert isinstance(await transfer.head(), ResponseHead)
            await asyncio.sleep(0.05)
            transfer.abort()
            answer = await client.fetch(post(f"{provider.url}/next"), 10_000)
            assert (answer.end.kind, answer.body) == ("complete", chat_stream(["fine"]).body())


@on_loop
async def test_leaving_the_with_block_aborts_also_when_the_task_is_cancelled():
    async with client_and_provider() as (client, provider):
        provider.script = [Reply([b"a", Silent()])]

        async def handle() -> None:
            with client.start(post(provider.url)) as transfer:
                await transfer.head()
                await transfer.run(lambda data: None)

        task = asyncio.ensure_future(handle())
        await provider.wait_requests(1)
        await asyncio.sleep(0.02)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert client.active == 0
        await provider.wait_closed(1)


@on_loop
async def test_an_abort_after_the_end_changes_nothing():
    async with client_and_provider() as (client, provider):
        provider.script = [chat_body("x")]
        with client.start(post(provider.url)) as transfer:
            body, end = await transfer.collect(10_000)
            transfer.abort()
            again = await transfer.run(lambda data: None)
    assert end.kind == again.kind == "complete"
    assert body


@on_loop
async def test_hundreds_of_streams_run_at_once_and_none_waits_for_another():
    streams = 400
    async with client_and_provider() as (client, provider):
        gate = Gate()
        provider.script = [Reply([b"a", Delay(0.05)] * 4 + [gate, b"end"])]
        runs = []
        pieces = [[] for _ in range(streams)]
        for index in range(streams):
            runs.append(client.start(post(provider.url)).run(pieces[index].append))
        assert client.active == streams
        waiting = asyncio.gather(*runs)
        await provider.wait_requests(streams)
        gate.open()
        ends = await waiting
        assert len(provider.connections) == streams
        # As many are kept as we keep idle ones, and the next burst needs no new ones.
        await eventually(lambda: provider.open_connections == 256)
        answers = await asyncio.gather(*(client.fetch(post(provider.url), 100) for _ in range(100)))
        assert len(provider.connections) == streams
    assert {end.kind for end in ends} == {"complete"}
    assert {answer.body for answer in answers} == {b"aaaaend"}
    assert {b"".join(piece) for piece in pieces} == {b"aaaaend"}


@on_loop
async def test_connections_survive_a_lull():
    async with client_and_provider() as (client, provider):
        provider.script = [chat_body("x")]
        for _ in range(2):
            gate = Gate()
            provider.routes = {"/together": Reply([gate, b"x"])}
            seen = provider.request_count
            burst = asyncio.gather(*(client.fetch(post(f"{provider.url}/together"), 100) for _ in range(40)))
            await provider.wait_requests(seen + 40)
            gate.open()
            await burst
            for _ in range(5):
                await client.fetch(post(provider.url), 10_000)
        assert len(provider.connections) == 40


@on_loop
async def test_nothing_of_a_call_is_kept_after_it():
    body = bytes(1000)
    async with client_and_provider() as (client, provider):
        provider.routes = {"/done": chat_body("x"), "/silent": Silent()}
        references = sys.getrefcount(body)
        await client.fetch(post(f"{provider.url}/done", body), 10_000)
        transfer = client.start(post(f"{provider.url}/silent", body))
        await provider.wait_requests(2)
        transfer.abort()
        del transfer
        gc.collect()
        assert sys.getrefcount(body) == references
        assert not [thing for thing in gc.get_objects() if isinstance(thing, Transfer)]
