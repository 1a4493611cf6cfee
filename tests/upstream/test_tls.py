"""HTTPS: verified certificates, HTTP/2 where the provider offers it, and the same rules of flow on both."""

import asyncio

import psutil
import pytest

from fakes.h2_upstream import H2Upstream
from fakes.upstream import Cut, Delay, Fast, Gate, Reset, ScriptedUpstream, Silent, chat_stream
from freetheai.upstream import CallTimeouts, Upstream
from support.on_loop import eventually, on_loop
from support.upstream_client import PATIENT, post

MIB = 2**20


@pytest.fixture
def make_client(certificate):
    return lambda **options: Upstream(ca_file=str(certificate), **options)


@on_loop
async def test_http_1_over_tls(make_client, server_tls):
    async with ScriptedUpstream(tls=server_tls) as provider:
        provider.script = [chat_stream(["a", "b"])]
        client = make_client()
        answers = [await client.fetch(post(provider.url), 10_000) for _ in range(3)]
        assert len(provider.connections) == 1
        client.close()
    assert {(answer.end.kind, answer.body) for answer in answers} == {("complete", chat_stream(["a", "b"]).body())}
    assert answers[0].end.connect_s > 0 == answers[1].end.connect_s


@on_loop
async def test_a_certificate_nobody_vouches_for_is_refused_and_the_request_not_sent(server_tls):
    async with ScriptedUpstream(tls=server_tls) as provider:
        client = Upstream()
        end = (await client.fetch(post(provider.url), 100)).end
        client.close()
        assert (end.failure.kind, end.failure.phase, end.failure.code) == ("refused", "connect", "curl_60")
        assert not provider.requests


@on_loop
async def test_a_certificate_for_another_name_is_refused(make_client, server_tls):
    async with ScriptedUpstream(tls=server_tls) as provider:
        client = make_client()
        end = (await client.fetch(post(provider.url.replace("localhost", "127.0.0.1")), 100)).end
        client.close()
    assert (end.failure.kind, end.failure.phase) == ("refused", "connect")


@on_loop
async def test_http_2_carries_many_calls_on_one_connection(make_client, server_tls):
    gate = Gate()
    body = b"y" * 200_000
    async with H2Upstream(server_tls, [b"hello ", gate, b"x" * 100_000]) as provider:
        client = make_client()
        # Calls do not wait for each other's handshake: the first makes the connection that the others share.
        first = client.start(post(provider.url, body))
        await first.head()
        answers = [asyncio.ensure_future(client.fetch(post(provider.url, body), MIB)) for _ in range(19)]
        await eventually(lambda: len(provider.streams) == 20)
        gate.open()
        answers = await asyncio.gather(*answers)
        await first.collect(MIB)
        assert len(provider.connections) == 1
        assert {stream.body_bytes for stream in provider.streams} == {len(body)}
        client.close()
    assert {answer.head.status for answer in answers} == {200}
    assert {answer.body for answer in answers} == {b"hello " + b"x" * 100_000}
    assert {answer.end.kind for answer in answers} == {"complete"}


@on_loop
async def test_an_abort_resets_one_http_2_stream_and_leaves_the_others(make_client, server_tls):
    gate = Gate()
    async with H2Upstream(server_tls, [b"a", gate, b"b"]) as provider:
        client = make_client()
        leaver = client.start(post(provider.url))
        await leaver.head()
        stayer = client.start(post(provider.url))
        await stayer.head()
        aborted_at = asyncio.get_running_loop().time()
        leaver.abort()
        await eventually(lambda: any(stream.reset_at for stream in provider.streams))
        gate.open()
        body, end = await stayer.collect(100)
        client.close()
        assert len(provider.connections) == 1
        [reset_at] = [stream.reset_at for stream in provider.streams if stream.reset_at]
        assert reset_at - aborted_at < 0.25
    assert (body, end.kind) == (b"ab", "complete")


@pytest.mark.parametrize(
    ("last", "kind"),
    [pytest.param(Reset(), "reset", id="stream reset"), pytest.param(Cut(), "cut", id="connection closed")],
)
@on_loop
async def test_a_broken_http_2_stream_is_a_failure(make_client, server_tls, last, kind):
    async with H2Upstream(server_tls, [b"a", Delay(0.02), last]) as provider:
        client = make_client()
        answer = await client.fetch(post(provider.url), 100)
        client.close()
    assert answer.end.kind == "failed"
    assert (answer.end.failure.kind, answer.end.failure.phase) == (kind, "body")


@on_loop
async def test_a_slow_client_on_http_2_holds_back_its_own_stream_only(make_client, server_tls):
    """While others use its connection, libcurl keeps up to two stream windows (20 MiB) for it, and no more."""
    total = 100 * MIB
    async with H2Upstream(server_tls, [Fast(total)]) as provider:
        client = make_client()
        counts = {"slow": 0, "quick": 0}

        def count_for(name: str):
            def on_data(data: bytes) -> None:
                counts[name] += len(data)

            return on_data

        with client.start(post(provider.url)) as slow:
            await slow.head()
            before = psutil.Process().memory_info().rss
            slow.hold()
            run = asyncio.ensure_future(slow.run(count_for("slow")))
            with client.start(post(provider.url)) as quick:
                assert (await quick.run(count_for("quick"))).kind == "complete"
            assert counts == {"slow": 0, "quick": total}
            assert len(provider.connections) == 1
            assert provider.streams[0].bytes_written < 24 * MIB
            assert psutil.Process().memory_info().rss - before < 40 * MIB
            slow.release()
            assert (await run).kind == "complete"
        client.close()
    assert counts["slow"] == total


@on_loop
async def test_a_call_does_not_wait_for_the_handshake_of_another(make_client, server_tls):
    async with H2Upstream(server_tls, [b"ok"]) as provider:
        client = make_client()
        first = client.start(post(provider.url))
        others = [asyncio.ensure_future(client.fetch(post(provider.url), 100)) for _ in range(5)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        first.abort()
        answers = await asyncio.gather(*others)
        assert len(provider.connections) == 5
        client.close()
    assert {answer.body for answer in answers} == {b"ok"}


@on_loop
async def test_a_silent_http_2_stream_times_out(make_client, server_tls):
    async with H2Upstream(server_tls, [b"a", Silent()]) as provider:
        client = make_client()
        timeouts = CallTimeouts(
            connect_s=PATIENT.connect_s, first_byte_s=PATIENT.first_byte_s, idle_s=0.1, total_s=PATIENT.total_s
        )
        answer = await client.fetch(post(provider.url, timeouts=timeouts), 100)
        await eventually(lambda: provider.streams[0].reset_at)
        client.close()
    assert (answer.body, answer.end.failure.kind, answer.end.failure.code) == (b"a", "timeout", "idle")
