"""Bodies in pieces: whole at the provider, sent anew where a connection had died, and nothing of them stays."""

import gc
import sys

import pytest

from fakes.upstream import Reset, Silent, json_reply
from freetheai.upstream import UpstreamCall
from freetheai.upstream.pieces import PieceSource
from support.on_loop import on_loop
from support.upstream_client import PATIENT, client_and_provider

PIECES = [b"abc" * 50_000, b"", b"def", bytes(100_000)]


def call(url: str, **fields) -> UpstreamCall:
    return UpstreamCall(method="POST", url=f"{url}/x", timeouts=PATIENT, **fields)


@pytest.mark.parametrize("room", [1, 7, 16384, 10**9])
def test_pieces_are_read_whole(room: int) -> None:
    source = PieceSource([b"ab", b"", b"cdefghij", b""])
    out = b""
    while data := source.read(room):
        assert len(data) <= room
        out += data
    assert (out, source.size_bytes) == (b"abcdefghij", 10)
    assert source.seek(0, 0) == 0
    assert source.read(2) == b"ab"
    assert source.seek(5, 0) != 0


@on_loop
async def test_a_body_in_pieces_arrives_whole_and_handles_serve_on():
    async with client_and_provider() as (client, provider):
        provider.script = json_reply({})
        for _ in range(3):
            answer = await client.fetch(call(provider.url, pieces=PIECES), 1000)
            assert answer.end.kind == "complete"
            sent = provider.requests[-1]
            assert sent.body == b"".join(PIECES)
            assert sent.headers["content-length"] == str(len(sent.body))
            assert "transfer-encoding" not in sent.headers
            assert "expect" not in sent.headers
            await client.fetch(call(provider.url, body=b"plain"), 1000)
            assert provider.requests[-1].body == b"plain"
    assert client.active == 0


@on_loop
async def test_it_is_sent_anew_where_an_idle_connection_had_died():
    async with client_and_provider() as (client, provider):
        provider.script = [json_reply({}), Reset(), json_reply({"again": True})]
        await client.fetch(call(provider.url, pieces=PIECES), 1000)
        answer = await client.fetch(call(provider.url, pieces=PIECES), 1000)
        assert answer.body == b'{"again":true}'
        assert [request.body for request in provider.requests[1:]] == [b"".join(PIECES)] * 2


@on_loop
async def test_nothing_of_it_stays():
    async with client_and_provider() as (client, provider):
        provider.script = [json_reply({}), Silent()]
        for is_aborted in (False, True):
            piece = bytes(100_000) + b"x"
            before = sys.getrefcount(piece)
            transfer = client.start(call(provider.url, pieces=[piece]))
            assert sys.getrefcount(piece) > before
            if is_aborted:
                await provider.wait_requests(2)
                transfer.abort()
            else:
                await transfer.collect(1000)
            gc.collect()
            assert sys.getrefcount(piece) == before
