"""Every recorded upstream stream: its events, what each client gets of it, and that all of them see the same answer.

``golden/decode/<upstream>``: the stream, the events, and where there is one the plain answer that means the same.
``golden/relay/<format>``: the stream and what a client of the same format gets. ``golden/encode/<client>``: a chat
upstream's stream and what this client gets.
"""

import re
from dataclasses import replace
from typing import Any

import orjson
import pytest

from freetheai.wire.events import BlockStart, Event, Failed, Finish
from freetheai.wire.finish import TO_CHAT
from freetheai.wire.fold import fold
from freetheai.wire.formats import ByteStream
from freetheai.wire.translate import Translation, convert_body, counted, open_stream
from support.golden import Case, bytewise, cases, sent
from support.pairs import CLIENTS, UPSTREAMS, Seen, opened, plain_seen, request, run, seen

DECODED = cases(*(f"decode/{upstream}" for upstream in UPSTREAMS))
OWN = [case for case in DECODED if case.values[1] in CLIENTS]
RELAYED = cases(*(f"relay/{client}" for client in CLIENTS))
ENCODED = cases(*(f"encode/{client}" for client in CLIENTS))

decoded_cases = pytest.mark.parametrize(("path", "upstream"), DECODED)


def reader_of(upstream: str) -> str:
    """The client format that a file's request is written in."""
    return upstream if upstream in CLIENTS else "chat"


def decoded(case: Case, upstream: str, pieces: list[bytes]) -> list[Event]:
    decoder = UPSTREAMS[upstream].decoder(case.request, case.quirks)
    return [event for piece in pieces for event in decoder.feed(piece)] + decoder.end()


@decoded_cases
def test_decode(path, upstream):
    case = Case(path, reader_of(upstream))
    events = decoded(case, upstream, [case.wire])
    case.check("\n".join(map(repr, events)))
    for spelled in (case.wire, case.wire.replace(b"\n", b"\r\n"), b"\xef\xbb\xbf" + case.wire):
        assert decoded(case, upstream, [spelled]) == events
        assert decoded(case, upstream, bytewise(spelled)) == events
    if case.plain is not None:
        assert fold(UPSTREAMS[upstream].decode_body(case.plain, case.request, case.quirks)) == fold(events)


@pytest.mark.parametrize(("path", "client"), RELAYED)
def test_relay(path, client):
    case = Case(path, client)
    out = sent(open_stream(CLIENTS[client], UPSTREAMS[client], case.request, case.stamp, case.quirks), [case.wire])
    case.check(out.decode())
    seen(client, out, case.request)
    way = open_stream(CLIENTS[client], UPSTREAMS[client], case.request, case.stamp, case.quirks)
    assert sent(way, bytewise(case.wire)) == out


@pytest.mark.parametrize(("path", "client"), ENCODED)
def test_encode(path, client):
    case = Case(path, client)
    decoder = UPSTREAMS["chat"].decoder(case.request, case.quirks)
    out = sent(Translation(case.request, decoder, CLIENTS[client].encoder(case.request, case.stamp)), [case.wire])
    case.check(out.decode())
    found = seen(client, out, case.request)
    events = decoded(case, "chat", [case.wire])
    if found.error or found.reason == "length":
        # Cut arguments are a fragment in a stream and an object around it in a plain answer.
        return
    body = CLIENTS[client].encode_body(counted(fold(events), case.request), case.request, case.stamp)
    assert replace(plain_seen(client, orjson.loads(body)), tokens=None) == replace(found, tokens=None)


@pytest.mark.parametrize(("path", "client"), [*OWN, *RELAYED])
def test_relayed_and_translated_it_reads_the_same(path, client):
    case = Case(path, client)
    own = CLIENTS[client]
    decoder = UPSTREAMS[client].decoder(case.request, case.quirks)
    ways: list[ByteStream] = [
        own.relay(case.request, case.stamp, case.quirks),
        Translation(case.request, decoder, own.encoder(case.request, case.stamp)),
    ]
    relayed, translated = (comparable(seen(client, sent(way, [case.wire]), case.request)) for way in ways)
    assert relayed == translated


@pytest.mark.parametrize(("path", "client"), [case for case in OWN if Case(*case.values).plain is not None])
def test_a_recorded_plain_answer_can_be_relayed(path, client):
    case = Case(path, client)
    assert case.plain is not None
    result = convert_body(CLIENTS[client], UPSTREAMS[client], case.request, case.stamp, case.quirks, case.plain)
    if result.failure is not None:
        return
    way = open_stream(CLIENTS[client], UPSTREAMS[client], case.request, case.stamp, case.quirks)
    streamed = seen(client, sent(way, [case.wire]), case.request)
    body = orjson.loads(result.data)
    assert body["model"] == "pre/alias"
    assert comparable(plain_seen(client, body)) == comparable(streamed)


def tools_for(client: str, tools: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The tools of a file, written in any format, as this client declares them."""
    found = []
    for tool in tools:
        kind = tool.get("type", "function")
        name = tool.get("name") or tool[kind]["name"]
        if client == "messages":
            found.append({"name": name, "input_schema": {"type": "object"}})
        elif client == "responses":
            found.append({"type": kind, "name": name})
        else:
            found.append({"type": kind, kind: {"name": name}})
    return found


@decoded_cases
def test_all_clients_see_the_same(path, upstream):
    case = Case(path, reader_of(upstream))
    listed = case.options.get("request", {}).get("tools", [{"name": name} for name in ("get", "set")])
    expected = None
    for client in CLIENTS:
        asked = request(client, tools=tools_for(client, listed))
        out = run(opened(client, upstream, asked, case.quirks), [case.wire])
        found = comparable(seen(client, out, asked))
        events = UPSTREAMS[upstream].decoder(asked, case.quirks)
        told = [*events.feed(case.wire), *events.end()]
        assert (found.error != "") == isinstance(told[-1], Failed), client
        if isinstance(told[-1], Finish):
            calls = [event.name for event in told if isinstance(event, BlockStart) and event.kind == "tool_call"]
            assert found.reason == TO_CHAT[told[-1].reason], client
            assert len(found.calls) == len([name for name in calls if name]), client
        expected = expected or found
        assert found == expected, client


def comparable(found: Seen) -> Seen:
    """What is compared: nothing of a broken answer; refusals and images are text where the format has nothing better;
    free text is an argument where the format has no tools for it; counts are estimated of different requests; a relay
    passes links as the provider has them.
    """
    if found.error:
        return Seen(error=found.error)
    calls = [(name, call if isinstance(call, dict) else {"input": call}) for name, call in found.calls]
    text = re.sub(r"\[image/\w+: it can't be shown in this format\]", "", found.text)
    return replace(found, text=found.refusal + text, refusal="", calls=calls, tokens=None, links=[])
