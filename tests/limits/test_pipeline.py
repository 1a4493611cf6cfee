"""The pipelining client: replies cut anywhere, in order, each to who asked; every fault has an end."""

import asyncio
import contextlib
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freetheai.limits.pipeline import MAX_REPLY_BYTES, Endpoint, PipelineClient, ProtocolError, ReplyReader, encode
from freetheai.limits.scripts import RedisNotAsked, RedisReplyError, RedisUnavailable
from support.on_loop import eventually, on_loop

WIRE = (
    b"+OK\r\n:-42\r\n$5\r\na\r\nbc\r\n$-1\r\n$0\r\n\r\n"
    b"*3\r\n:1\r\n*2\r\n$1\r\nx\r\n:2\r\n*-1\r\n*0\r\n-NOSCRIPT none\r\n"
)
REPLIES = [b"OK", -42, b"a\r\nbc", None, b"", [1, [b"x", 2], None], [], "NOSCRIPT none"]


def plain(replies):
    return [str(reply) if isinstance(reply, RedisReplyError) else reply for reply in replies]


@given(cuts=st.lists(st.integers(0, len(WIRE)), max_size=12))
def test_replies_may_be_cut_anywhere(cuts):
    reader, replies = ReplyReader(), []
    edges = sorted({0, len(WIRE), *cuts})
    for start, end in itertools.pairwise(edges):
        replies += reader.feed(WIRE[start:end])
    assert plain(replies) == REPLIES


@given(st.lists(st.binary(max_size=40), max_size=6))
def test_random_bytes_are_replies_or_a_protocol_error(pieces):
    reader = ReplyReader()
    with contextlib.suppress(ProtocolError):
        for piece in pieces:
            reader.feed(piece)


@pytest.mark.parametrize(
    "wire",
    [
        pytest.param(b"HTTP/1.1 400 Bad Request\r\n", id="another protocol"),
        pytest.param(b":four\r\n", id="no number"),
        pytest.param(b"+" + b"x" * (MAX_REPLY_BYTES + 1), id="a line without end"),
        pytest.param(b"*1\r\n" * 100_000, id="nested without end"),
    ],
)
def test_what_no_redis_says_is_a_protocol_error(wire):
    with pytest.raises(ProtocolError):
        ReplyReader().feed(wire)


def test_a_command_may_hold_anything():
    assert encode((b"SET", "ключ\r\n", -7)) == b"*3\r\n$3\r\nSET\r\n$10\r\n" + "ключ\r\n".encode() + b"\r\n$2\r\n-7\r\n"


@contextlib.asynccontextmanager
async def client_of(server, **options):
    client = PipelineClient(Endpoint(host="127.0.0.1", port=server.port), **options)
    try:
        yield client
    finally:
        await client.close()


@contextlib.asynccontextmanager
async def scripted(serve):
    """A server of one behaviour: ``serve(reader, writer)``; counts its connections."""
    connections = []

    async def handle(reader, writer):
        connections.append(writer)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await serve(reader, writer)
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    server.port = server.sockets[0].getsockname()[1]
    server.connections = connections
    try:
        yield server
    finally:
        server.close()
        for writer in connections:
            writer.close()
        await server.wait_closed()


@on_loop
async def test_a_thousand_at_once_share_one_connection_and_each_gets_its_own_reply(redis_server):
    async with client_of(redis_server) as client:
        replies = await asyncio.gather(*(client.execute("ECHO", f"n{i}") for i in range(1000)))
        assert replies == [f"n{i}".encode() for i in range(1000)]
        clients = await client.execute("CLIENT", "LIST", "TYPE", "normal")
        assert clients.count(b"\n") == 1


@on_loop
async def test_who_left_takes_nobody_elses_reply(redis_server):
    async with client_of(redis_server) as client:
        await client.execute("PING")
        connection = client._connection
        waiting = [asyncio.ensure_future(client.execute("ECHO", f"n{i}")) for i in range(20)]
        await asyncio.sleep(0)
        for leaver in waiting[::3]:
            leaver.cancel()
        replies = await asyncio.gather(*waiting, return_exceptions=True)
        stayed = [i for i in range(20) if i % 3]
        assert [replies[i] for i in stayed] == [f"n{i}".encode() for i in stayed]
        assert client._connection is connection
        assert not connection.is_closed


@on_loop
async def test_when_the_first_caller_leaves_during_the_connect_the_others_still_get_through(redis_server):
    async with client_of(redis_server) as client:
        first, second = (asyncio.ensure_future(client.execute("ECHO", name)) for name in ("1", "2"))
        await asyncio.sleep(0)
        first.cancel()
        assert await second == b"2"


@on_loop
async def test_after_a_timeout_a_late_reply_is_nobodys():
    async def answer_late(reader, writer):
        if len(server.connections) == 1:
            await reader.readuntil(b"one\r\n")
            await asyncio.sleep(0.3)
            writer.write(b"$3\r\none\r\n")
        else:
            await reader.readuntil(b"three\r\n")
            writer.write(b"$5\r\nthree\r\n")
        await reader.read()

    async with scripted(answer_late) as server, client_of(server, timeout_s=0.1) as client:
        both = await asyncio.gather(
            client.execute("ECHO", "one"), client.execute("ECHO", "two"), return_exceptions=True
        )
        assert [type(error) for error in both] == [RedisUnavailable, RedisUnavailable]
        assert await client.execute("ECHO", "three") == b"three"


@on_loop
async def test_a_connection_that_is_lost_is_tried_once_more():
    async def lose_the_first(reader, writer):
        await reader.readuntil(b"PING\r\n")
        if len(server.connections) > 1:
            writer.write(b"+PONG\r\n")
            await reader.read()

    async with scripted(lose_the_first) as server, client_of(server) as client:
        assert await client.execute("PING") == b"PONG"
        assert len(server.connections) == 2


@on_loop
async def test_what_was_sent_before_the_server_died_may_have_had_its_effect():
    async def take_it_and_die(reader, writer):
        await reader.readuntil(b"PING\r\n")
        server.close()

    async with scripted(take_it_and_die) as server, client_of(server) as client:
        with pytest.raises(RedisUnavailable) as failure:
            await client.execute("PING")
        assert not isinstance(failure.value, RedisNotAsked)
        with pytest.raises(RedisNotAsked):
            await client.execute("PING")


@pytest.mark.parametrize(
    "says",
    [
        pytest.param(b"", id="it closes at once, always"),
        pytest.param(b"HTTP/1.1 400 Bad Request\r\n\r\n", id="it is no Redis"),
        pytest.param(b"-LOADING Redis is loading the dataset in memory\r\n", id="it loads its data"),
        pytest.param(b"-READONLY You can't write against a read only replica.\r\n", id="it became a replica"),
    ],
)
@on_loop
async def test_a_server_that_cannot_serve_is_a_failure_and_is_asked_anew_each_time(says):
    async def serve(reader, writer):
        await reader.readuntil(b"PING\r\n")
        writer.write(says)
        if says:  # it would stay: it is us who look for a better one
            await reader.read()

    async with scripted(serve) as server, client_of(server) as client:
        for _ in range(2):
            before = len(server.connections)
            with pytest.raises((RedisUnavailable, RedisReplyError)):
                await client.execute("PING")
            assert len(server.connections) > before


@on_loop
async def test_a_reply_that_nobody_asked_for_ends_the_connection():
    async def serve(reader, writer):
        await reader.readuntil(b"PING\r\n")
        writer.write(b"+PONG\r\n+PONG\r\n")
        await reader.read()

    async with scripted(serve) as server, client_of(server) as client:
        assert await client.execute("PING") == b"PONG"
        await eventually(lambda: client._connection.is_closed)


@on_loop
async def test_too_many_waiting_is_refused_at_once_and_passes(redis_server):
    async with client_of(redis_server, max_waiting=5, timeout_s=5) as client:
        await client.execute("PING")
        redis_server.pause()
        waiting = [asyncio.ensure_future(client.execute("PING")) for _ in range(5)]
        await asyncio.sleep(0)
        with pytest.raises(RedisNotAsked, match="too many"):
            await client.execute("PING")
        redis_server.resume()
        assert await asyncio.gather(*waiting) == [b"PONG"] * 5
        assert await client.execute("PING") == b"PONG"


@on_loop
async def test_closing_ends_those_who_wait_and_those_who_come():
    async def silent(reader, writer):
        await reader.read()

    async with scripted(silent) as server, client_of(server, timeout_s=30) as client:
        waiting = asyncio.ensure_future(client.execute("PING"))
        await eventually(lambda: server.connections)
        await client.close()
        with pytest.raises(RedisUnavailable):
            await waiting
        with pytest.raises(RedisNotAsked):
            await client.execute("PING")


@on_loop
async def test_a_greeting_that_gets_no_answer_ends_in_time():
    async def silent(reader, writer):
        await reader.read()

    async with scripted(silent) as server:
        client = PipelineClient(Endpoint(host="127.0.0.1", port=server.port, password="secret"), timeout_s=0.1)
        with pytest.raises(RedisNotAsked) as refused:
            await client.execute("PING")
        assert "secret" not in str(refused.value)
        await client.close()
