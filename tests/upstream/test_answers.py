"""Good answers in every framing, and what a provider gets to see of a call."""

import asyncio

import pytest

from fakes.upstream import Delay, Gate, Reply, Reset, ScriptedUpstream, ShortError, chat_body, chat_events, chat_stream
from freetheai.upstream import ResponseHead, Upstream, UpstreamCall
from support.on_loop import eventually, on_loop
from support.upstream_client import PATIENT, client_and_provider, post

BODY = b"".join(chat_events(["Hel", "lo"]))


@pytest.mark.parametrize("framing", ["chunked", "length", "close"])
@pytest.mark.parametrize("step", [pytest.param(0, id="at once"), pytest.param(7, id="in small segments")])
@pytest.mark.parametrize(
    "compressed", [pytest.param(False, id="plain"), pytest.param(True, id="gzip though not asked")]
)
@on_loop
async def test_every_framing_gives_the_same_bytes(framing, step, compressed):
    async with client_and_provider() as (client, provider):
        provider.script = [Reply([BODY], framing=framing, step=step, compressed=compressed)]
        pieces = []
        with client.start(post(provider.url)) as transfer:
            head = await transfer.head()
            end = await transfer.run(pieces.append)
    assert isinstance(head, ResponseHead)
    assert head.status == 200
    assert b"".join(pieces) == BODY
    assert (end.kind, end.failure) == ("complete", None)
    assert 0 < end.first_byte_s <= end.duration_s


@on_loop
async def test_a_piece_is_delivered_when_it_arrives_and_all_of_a_read_in_one():
    async with client_and_provider() as (client, provider):
        gate = Gate()
        provider.script = [Reply([b"one", b"two", gate, b"three"])]
        pieces = []

        def on_data(data):
            pieces.append(data)
            if b"".join(pieces) == b"onetwo":
                gate.open()

        with client.start(post(provider.url)) as transfer:
            await transfer.head()
            await transfer.run(on_data)
    # The upstream goes on only after the first two came through.
    assert pieces[-1] == b"three"


@on_loop
async def test_the_head_is_there_before_the_body():
    async with client_and_provider() as (client, provider):
        gate = Gate()
        provider.script = [Reply([gate, b"late"], status=202)]
        with client.start(post(provider.url)) as transfer:
            head = await transfer.head()
            assert head.status == 202
            gate.open()
            body, _ = await transfer.collect(100)
    assert body == b"late"


@on_loop
async def test_what_arrived_before_run_waits_for_it():
    async with client_and_provider() as (client, provider):
        provider.script = [chat_body("hello")]
        with client.start(post(provider.url)) as transfer:
            await transfer.head()
            await eventually(lambda: client.active == 0)
            body, end = await transfer.collect(10_000)
    assert b"hello" in body
    assert end.kind == "complete"


@on_loop
async def test_heads_before_the_answer_and_trailers_after_it_are_not_the_answer():
    raw = (
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
        b"HTTP/1.1 200 OK\r\nX-Two: a\r\nx-two: b\r\nTransfer-Encoding: chunked\r\nTrailer: X-Late\r\n\r\n"
        b"2\r\nok\r\n0\r\nX-Late: yes\r\n\r\n"
    )
    async with client_and_provider() as (client, provider):
        provider.script = [Reply([raw], framing="raw")]
        answer = await client.fetch(post(provider.url), 100)
    assert answer.head.status == 200
    assert answer.head.headers["x-two"] == "a, b"
    assert "link" not in answer.head.headers
    assert "x-late" not in answer.head.headers
    assert answer.body == b"ok"


@on_loop
async def test_a_redirect_is_an_answer_like_any_other():
    async with client_and_provider() as (client, provider):
        provider.script = [ShortError(307, b"", [("Location", f"{provider.url}/elsewhere")])]
        answer = await client.fetch(post(provider.url), 100)
        assert answer.head.status == 307
        assert len(provider.requests) == 1


@on_loop
async def test_the_provider_sees_our_headers_and_no_others():
    body = bytes(range(256)) * 8192  # 2 MiB: past the size at which libcurl would ask for 100-continue
    async with client_and_provider() as (client, provider):
        provider.script = [chat_body("ok")]
        await client.fetch(post(f"{provider.url}/v1/x?y=1", body, headers=("Authorization: Bearer k",)), 10_000)
        request = provider.requests[0]
    assert (request.method, request.path) == ("POST", "/v1/x?y=1")
    assert request.body == body
    agent = request.headers.pop("user-agent")
    assert agent.startswith("freetheai-gateway/")
    assert request.headers.pop("host") in provider.url
    assert request.headers == {
        "accept": "*/*",
        "content-type": "application/json",
        "authorization": "Bearer k",
        "accept-encoding": "identity",
        "content-length": str(len(body)),
    }


@pytest.mark.parametrize(
    ("method", "body"), [("GET", b""), ("DELETE", b""), ("PUT", b"new"), ("POST", b""), ("PATCH", b"x"), ("GET", b"q")]
)
@on_loop
async def test_methods_do_not_leak_into_the_next_call_of_the_handle(method, body):
    async with client_and_provider() as (client, provider):
        provider.script = [chat_body("ok")]
        calls = [
            UpstreamCall(method=method, url=provider.url, body=body, timeouts=PATIENT),
            post(provider.url, b"between"),
            UpstreamCall(method="GET", url=provider.url, timeouts=PATIENT),
        ]
        for call in calls:
            assert (await client.fetch(call, 10_000)).end.kind == "complete"
        seen = [(request.method, request.body) for request in provider.requests]
    assert seen == [(method, body), ("POST", b"between"), ("GET", b"")]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"headers": ["A: b\r\nC: d"]}, "line break in a header"),
        ({"headers": ["A: b\nC: d"]}, "bare line feed in a header"),
        ({"headers": ["A: \u20ac"]}, "not ASCII"),
        ({"method": "HEAD"}, "HEAD has no body to wait for"),
    ],
)
@on_loop
async def test_a_call_that_cannot_be_sent_is_refused_before_anything_is_taken(change, why):
    async with client_and_provider() as (client, provider):
        call = UpstreamCall(**{"method": "GET", "url": provider.url, "timeouts": PATIENT} | change)
        with pytest.raises(ValueError):
            client.start(call)
        assert client.active == 0, why
        assert not provider.connections


@on_loop
async def test_connections_are_reused():
    async with client_and_provider() as (client, provider):
        provider.script = [chat_stream(["a", "b"]), ShortError(429), chat_body("c")]
        ends = [(await client.fetch(post(provider.url), 10_000)).end for _ in range(6)]
        assert len(provider.connections) == 1
    assert ends[0].connect_s > 0
    assert [end.connect_s for end in ends[1:]] == [0.0] * 5


@on_loop
async def test_a_connection_that_died_in_the_pool_is_replaced_without_a_failure():
    async with client_and_provider() as (client, provider):
        provider.script = [chat_body("ok")]
        await client.fetch(post(provider.url), 10_000)
        provider.connections[0].transport.abort()
        await provider.wait_for(lambda: provider.open_connections == 0)
        answer = await client.fetch(post(provider.url), 10_000)
        assert len(provider.connections) == 2
    assert answer.end.kind == "complete"


@on_loop
async def test_a_connection_that_dies_as_it_is_used_again_is_replaced_if_nothing_came_back():
    async with client_and_provider() as (client, provider):
        provider.script = [chat_body("first"), Reset(), chat_body("second try")]
        await client.fetch(post(provider.url), 10_000)
        answer = await client.fetch(post(provider.url, b"same bytes"), 10_000)
        assert [request.body for request in provider.requests] == [b"{}", b"same bytes", b"same bytes"]
    assert b"second try" in answer.body


@on_loop
async def test_an_answer_before_the_request_is_read_is_an_answer():
    answered = asyncio.Event()
    left = asyncio.Event()

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig")
        await answered.wait()
        writer.transport.abort()
        left.set()

    async with client_and_provider() as (client, _), await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        answer = await client.fetch(post(f"http://127.0.0.1:{port}", b"x" * 8_000_000), 100)
        answered.set()
        await left.wait()
    assert answer.head.status == 413
    assert answer.body == b"big"


@on_loop
async def test_slow_and_quick_streams_run_side_by_side():
    async with client_and_provider() as (client, provider):
        provider.routes = {"/slow": Reply([b"a", Delay(0.2), b"b"]), "/quick": chat_body("q")}
        with client.start(post(f"{provider.url}/slow")) as slow:
            await slow.head()
            assert (await client.fetch(post(f"{provider.url}/quick"), 1000)).end.kind == "complete"
            body, _ = await slow.collect(100)
    assert body == b"ab"


@on_loop
async def test_nothing_is_taken_from_the_environments_proxy(monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    async with ScriptedUpstream() as provider:
        provider.script = [chat_body("direct")]
        client = Upstream()
        answer = await client.fetch(post(provider.url), 1000)
        client.close()
    assert answer.end.kind == "complete"
