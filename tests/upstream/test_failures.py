"""Every way a call can fail, the kind and phase it is told as, and that nothing is left of it."""

import asyncio

import pytest

from fakes.upstream import (
    Cut,
    CutAfter,
    Delay,
    Fast,
    Gate,
    Reply,
    Reset,
    ScriptedUpstream,
    ShortError,
    Silent,
    chat_body,
    chat_stream,
)
from freetheai.errors import PROVIDER_UNAVAILABLE, ApiError
from freetheai.upstream import CallTimeouts, ResponseHead, UpstreamEnd
from support.on_loop import on_loop
from support.upstream_client import PATIENT, client_and_provider, post

STREAM = chat_stream(["one", "two", "three"])
PLAIN = chat_body("one two three")
CLOSE_DELIMITED = Reply([STREAM.body()], framing="close")


def raw(data: bytes) -> Reply:
    return Reply([data], framing="raw")


@pytest.mark.parametrize(
    ("part", "kind", "phase", "received"),
    [
        pytest.param(Reset(), "reset", "headers", 0, id="reset instead of an answer"),
        pytest.param(Cut(), "reset", "headers", 0, id="closed instead of an answer"),
        pytest.param(raw(b"HTTP/1.1 200 OK\r\nA: b\r\n"), "cut", "headers", 0, id="closed within the head"),
        pytest.param(raw(b"SSH-2.0-nothing\r\n\r\n"), "malformed", "headers", 0, id="not HTTP"),
        pytest.param(raw(b"HTTP/1.1 two OK\r\n\r\n"), "malformed", "headers", 0, id="no number for a status"),
        pytest.param(raw(b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n"), "malformed", "headers", 0, id="no colon"),
        pytest.param(
            raw(b"HTTP/1.1 200 OK\r\nA: " + b"a" * 2**17), "too_large", "headers", 0, id="a header without an end"
        ),
        pytest.param(
            raw(b"HTTP/1.1 200 OK\r\n" + b"A: bcdefghi\r\n" * 2**14), "too_large", "headers", 0, id="too many headers"
        ),
        pytest.param(CutAfter(40, STREAM), "cut", "stream", 40, id="chunked, closed without its last chunk"),
        pytest.param(CutAfter(10**6, STREAM), "cut", "stream", len(STREAM.body()), id="only the last chunk is missing"),
        pytest.param(CutAfter(40, PLAIN), "cut", "stream", 40, id="shorter than its Content-Length"),
        pytest.param(CutAfter(40, STREAM, Reset()), "reset", "stream", 40, id="chunked, reset"),
        pytest.param(CutAfter(40, PLAIN, Reset()), "reset", "stream", 40, id="Content-Length, reset"),
        pytest.param(
            Reply([b"x" * 40, Delay(0.05), Reset()], framing="close"),
            "reset",
            "stream",
            40,
            id="no length, reset",
        ),
        pytest.param(
            Reply([b"not gzip at all"], headers=[("Content-Encoding", "gzip")]), "malformed", "stream", 0, id="not gzip"
        ),
    ],
)
@on_loop
async def test_a_broken_answer_is_never_a_good_end(part, kind, phase, received):
    async with client_and_provider() as (client, provider):
        provider.script = [part]
        pieces = []
        with client.start(post(provider.url)) as transfer:
            head = await transfer.head()
            end = await transfer.run(pieces.append)
    assert isinstance(head, UpstreamEnd if phase == "headers" else ResponseHead)
    assert end.kind == "failed"
    assert (end.failure.kind, end.failure.phase, end.failure.code[:5]) == (kind, phase, "curl_")
    assert end.failure.status == (0 if phase == "headers" else 200)
    assert len(b"".join(pieces)) == received


@on_loop
async def test_a_close_ends_an_answer_that_promised_no_length():
    async with client_and_provider() as (client, provider):
        provider.script = [CLOSE_DELIMITED]
        answer = await client.fetch(post(provider.url), 10_000)
    assert (answer.end.kind, answer.body) == ("complete", STREAM.body())


async def _hang_up_on_the_next(provider: ScriptedUpstream) -> None:
    count = len(provider.connections)
    for _ in range(1000):
        if len(provider.connections) > count:
            provider.connections[-1].transport.abort()
            return
        await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("http://127.0.0.1:1/", id="nobody listens"),
        pytest.param("http://no-such-host.invalid/", id="no such name"),
        pytest.param("https://PROVIDER/", id="TLS to a server that hangs up"),
        pytest.param("ftp://127.0.0.1/", id="not HTTP"),
        pytest.param("http://127.0.0.1:port/", id="not a URL"),
    ],
)
@on_loop
async def test_no_connection_is_refused(url):
    async with client_and_provider() as (client, provider):
        provider.script = [raw(b"HTTP/1.1 400 what\r\n\r\n")]
        # A good call first: what its handle remembers must not count for the next one.
        await client.fetch(post(provider.url), 100)
        hang_up = asyncio.ensure_future(_hang_up_on_the_next(provider))
        end = (await client.fetch(post(url.replace("PROVIDER", provider.url.removeprefix("http://"))), 100)).end
        hang_up.cancel()
    assert (end.kind, end.failure.phase) == ("failed", "connect")
    # Where there is no name server, asking one takes longer than a connection may.
    assert end.failure.kind == "refused" or ("invalid" in url and end.failure.kind == "timeout")


def hurried(**seconds: float) -> CallTimeouts:
    patient = {name: getattr(PATIENT, name) for name in ("connect_s", "first_byte_s", "idle_s", "total_s")}
    return CallTimeouts(**(patient | seconds))


@pytest.mark.parametrize(
    ("timeouts", "part", "code", "phase"),
    [
        pytest.param({"first_byte_s": 0.1}, Silent(), "first_byte", "headers", id="accepts and says nothing"),
        pytest.param(
            {"first_byte_s": 0.1},
            Reply([b"HTTP/1.1 200 OK\r\nA: b\r\n", Silent()], framing="raw"),
            "first_byte",
            "headers",
            id="half a head is no head",
        ),
        pytest.param({"idle_s": 0.1}, Reply([Silent()]), "idle", "stream", id="silence right after the head"),
        pytest.param({"idle_s": 0.1}, Reply([b"a", Silent()]), "idle", "stream", id="silence within the body"),
        pytest.param({"total_s": 0.15}, Reply([b"a", Delay(0.05)] * 40), "total", "stream", id="talks for ever"),
        pytest.param({"total_s": 0.1}, Silent(), "total", "headers", id="total comes first"),
    ],
)
@on_loop
async def test_each_time_out_says_which_it_was_and_closes_the_connection(timeouts, part, code, phase):
    async with client_and_provider() as (client, provider):
        provider.script = [part]
        with client.start(post(provider.url, timeouts=hurried(**timeouts))) as transfer:
            end = await transfer.run(lambda data: None)
        assert (end.kind, end.failure.kind) == ("failed", "timeout")
        assert (end.failure.code, end.failure.phase) == (code, phase)
        assert end.duration_s >= next(iter(timeouts.values())) * 0.99
        await provider.wait_closed(1)


@on_loop
async def test_a_connection_that_is_not_made_times_out():
    async with client_and_provider() as (client, provider):
        provider.script = [Silent()]
        url = provider.url.replace("http:", "https:")  # accepts, and never answers the handshake
        end = (await client.fetch(post(url, timeouts=hurried(connect_s=0.1)), 100)).end
        assert (end.failure.kind, end.failure.code, end.failure.phase) == ("timeout", "connect", "connect")
        await provider.wait_closed(1)


@on_loop
async def test_the_idle_clock_starts_anew_with_every_read():
    async with client_and_provider() as (client, provider):
        provider.script = [Reply([b"a", Delay(0.1)] * 8)]
        answer = await client.fetch(post(provider.url, timeouts=hurried(idle_s=0.3)), 100)
    assert (answer.end.kind, answer.body) == ("complete", b"a" * 8)


@on_loop
async def test_a_slow_client_is_not_the_providers_silence():
    """While we hold, idle does not run: neither with the socket unread nor with nothing to read."""
    async with client_and_provider() as (client, provider):
        gate = Gate()
        provider.routes = {
            "/full": Reply([Fast(2**24), gate, b"end"]),
            "/quiet": Reply([b"a", gate, b"end"]),
        }
        timeouts = hurried(idle_s=0.15)
        pieces = {"/full": [], "/quiet": []}
        with (
            client.start(post(f"{provider.url}/full", timeouts=timeouts)) as full,
            client.start(post(f"{provider.url}/quiet", timeouts=timeouts)) as quiet,
        ):
            await full.head()
            await quiet.head()
            full.hold()
            quiet.hold()
            runs = asyncio.gather(full.run(pieces["/full"].append), quiet.run(pieces["/quiet"].append))
            await asyncio.sleep(0.5)
            gate.open()
            full.release()
            quiet.release()
            ends = await runs
    assert [end.kind for end in ends] == ["complete", "complete"]
    assert sum(map(len, pieces["/full"])) == 2**24 + 3
    assert b"".join(pieces["/quiet"]) == b"aend"


@on_loop
async def test_idle_runs_again_after_a_release():
    async with client_and_provider() as (client, provider):
        provider.script = [Reply([b"a", Silent()])]
        with client.start(post(provider.url, timeouts=hurried(idle_s=0.1))) as transfer:
            await transfer.head()
            transfer.hold()
            asyncio.get_running_loop().call_later(0.3, transfer.release)
            end = await transfer.run(lambda data: None)
    assert end.failure.code == "idle"
    assert end.duration_s >= 0.39


@on_loop
async def test_the_total_time_runs_while_we_hold_and_discards_what_waits():
    async with client_and_provider() as (client, provider):
        provider.script = [Reply([b"a", Silent()])]
        pieces = []
        with client.start(post(provider.url, timeouts=hurried(total_s=0.2))) as transfer:
            await transfer.head()
            transfer.hold()
            end = await transfer.run(pieces.append)
            transfer.release()
    assert (end.failure.code, pieces) == ("total", [])


@on_loop
async def test_a_body_over_the_bound_is_given_up_and_its_beginning_kept():
    async with client_and_provider() as (client, provider):
        provider.routes = {"/flood": Reply([Fast(2**30)], status=500), "/whole": ShortError(500, b"x" * 1001)}
        flood = await client.fetch(post(f"{provider.url}/flood"), 65536)
        assert flood.body == b"x" * 65536
        assert (flood.end.failure.kind, flood.end.failure.phase) == ("too_large", "body")
        assert flood.end.failure.status == 500
        await provider.wait_closed(1)
        # The same where all has arrived with the first read.
        whole = await client.fetch(post(f"{provider.url}/whole"), 1000)
        assert (len(whole.body), whole.end.failure.kind) == (1000, "too_large")
        fits = await client.fetch(post(f"{provider.url}/whole"), 1001)
        assert (len(fits.body), fits.end.kind) == (1001, "complete")


@on_loop
async def test_above_the_ceiling_a_call_is_refused_at_once_and_not_queued():
    async with client_and_provider(max_transfers=2) as (client, provider):
        provider.script = [Silent()]
        transfers = [client.start(post(provider.url)) for _ in range(2)]
        with pytest.raises(ApiError) as refused:
            client.start(post(provider.url))
        assert refused.value.spec is PROVIDER_UNAVAILABLE
        assert client.active == 2
        transfers[0].abort()
        transfers.append(client.start(post(provider.url)))
        await provider.wait_for(lambda: provider.open_connections == 2)
        for transfer in transfers:
            transfer.abort()


@on_loop
async def test_what_on_data_raises_is_raised_by_run_and_stops_the_transfer():
    def fail(data: bytes) -> None:
        raise LookupError("a fault of the handler")

    async with client_and_provider() as (client, provider):
        provider.script = [Reply([b"a", Silent()])]
        with client.start(post(provider.url)) as transfer, pytest.raises(LookupError, match="of the handler"):
            await transfer.run(fail)
        assert client.active == 0
        await provider.wait_closed(1)


@on_loop
async def test_closing_the_client_ends_what_runs():
    async with client_and_provider() as (client, provider):
        provider.script = [Silent()]
        transfer = client.start(post(provider.url))
        await provider.wait_requests(1)
        waiting = asyncio.ensure_future(transfer.head())
        await asyncio.sleep(0)
        client.close()
        end = await waiting
        assert end.kind == "aborted"
        await provider.wait_closed(1)
        client.close()


@on_loop
async def test_many_heads_cut_at_once_don_t_spoil_the_next_call():
    """libcurl takes a head that was cut for an answer's good end, and would use those dead connections again."""
    async with client_and_provider() as (client, provider):
        provider.script = [raw(b"HTTP/1.1 200 OK\r\nA: b\r\n")] * 12 + [PLAIN]
        cut = [client.start(post(provider.url)) for _ in range(12)]
        ends = await asyncio.gather(*(transfer.head() for transfer in cut))
        assert {end.failure.kind for end in ends} == {"cut"}
        with client.start(post(provider.url)) as transfer:
            head = await transfer.head()
            assert isinstance(head, ResponseHead), head
            body, end = await transfer.collect(10**6)
        assert (end.kind, body) == ("complete", PLAIN.body())
        assert provider.request_count == 13
