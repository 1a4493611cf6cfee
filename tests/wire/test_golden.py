"""Recorded cases, one file each: a sentence, what came in, what must come out. UPDATE_GOLDEN=1 rewrites the last part.

``golden/decode/chat``: an upstream's stream, the events, and where there is one the plain answer that means the same.
``golden/relay/chat``: an upstream's stream and what the client gets. ``golden/encode/chat``: the events' own stream.
Lines ``quirks: {…}`` and ``request: {…}`` after the sentence change the defaults.
"""

import os
from pathlib import Path
from typing import Any

import orjson
import pytest

from freetheai import errors
from freetheai.errors import ApiError
from freetheai.wire import chat
from freetheai.wire.events import Event
from freetheai.wire.fold import fold
from freetheai.wire.formats import Quirks, Stamp
from freetheai.wire.request import ChatRequest
from freetheai.wire.translate import GuardedStream, Translation
from support.stream_rules import RequestFacts, check_chat_stream

GOLDEN = Path(__file__).parent.parent / "golden"
RULE = "\n----------\n"
STAMP = Stamp(id="chatcmpl-ours", created_s=1800000000, model="pre/alias", origin="openai/up")
ERROR = ApiError(errors.PROVIDER_ERROR, error_id="pre-0123456789ab")


def cases(folder: str) -> list[Any]:
    return [pytest.param(path, id=path.stem) for path in sorted((GOLDEN / folder).glob("*.txt"))]


class Case:
    """One file, read and perhaps written again."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.parts = path.read_text().split(RULE)
        head = self.parts[0].splitlines()
        options = {line.split(": ", 1)[0]: orjson.loads(line.split(": ", 1)[1]) for line in head[1:] if ": {" in line}
        self.quirks = Quirks(**options.get("quirks", {}))
        body = {"model": "pre/alias", "messages": [{"role": "user", "content": "Hi"}], "stream": True}
        self.request: ChatRequest = chat.CLIENT.parse(orjson.dumps(body | options.get("request", {})))
        # A stream in a file ends with its blank line, a cut one with the word that says so.
        wire = self.parts[1] + "\n\n"
        self.wire = wire.split("(cut here)")[0].encode()

    def check(self, found: str, part: int = 2) -> None:
        if os.environ.get("UPDATE_GOLDEN"):
            self.parts[part:] = [found.rstrip("\n"), *(part.rstrip("\n") for part in self.parts[part + 1 :])]
            self.path.write_text(RULE.join(self.parts) + "\n")
            return
        assert found.rstrip("\n") == self.parts[part].rstrip("\n")


def sent(way: GuardedStream, wire: bytes) -> bytes:
    out = way.feed(wire) + way.end()
    assert way.failure is None or way.failure.kind != "internal", way.failure.trace
    return out + way.error(ERROR) if way.failure is not None else out


def rules(case: Case) -> RequestFacts:
    return RequestFacts(
        model="pre/alias",
        include_usage=case.request.include_usage,
        is_legacy="functions" in case.request.body,
    )


@pytest.mark.parametrize("path", cases("decode/chat"))
def test_decode(path):
    case = Case(path)
    decoder = chat.UPSTREAM.decoder(case.request, case.quirks)
    events: list[Event] = [*decoder.feed(case.wire), *decoder.end()]
    case.check("\n".join(map(repr, events)))
    byte_by_byte = chat.UPSTREAM.decoder(case.request, case.quirks)
    slow: list[Event] = [event for byte in case.wire for event in byte_by_byte.feed(bytes([byte]))]
    assert [*slow, *byte_by_byte.end()] == events
    if len(case.parts) > 3:
        plain = chat.UPSTREAM.decode_body(case.parts[3].encode(), case.request, case.quirks)
        assert fold(plain) == fold(events)


@pytest.mark.parametrize("path", cases("decode/chat"))
def test_every_decoded_case_can_be_relayed_and_translated(path):
    case = Case(path)
    ways = [
        chat.CLIENT.relay(case.request, STAMP, case.quirks),
        Translation(
            case.request,
            chat.UPSTREAM.decoder(case.request, case.quirks),
            chat.CLIENT.encoder(case.request, STAMP),
        ),
    ]
    summaries = [check_chat_stream(sent(way, case.wire), rules(case)) for way in ways]
    relayed, translated = (summary.first for summary in summaries)
    assert (summaries[0].error is None) == (summaries[1].error is None)
    assert [(call.name, call.arguments) for call in relayed.calls] == [
        (call.name, call.arguments) for call in translated.calls
    ] or summaries[0].error
    assert relayed.finish_reason == translated.finish_reason
    assert relayed.text == translated.text
    assert relayed.reasoning == translated.reasoning


@pytest.mark.parametrize("path", cases("relay/chat"))
def test_relay(path):
    case = Case(path)
    out = sent(chat.CLIENT.relay(case.request, STAMP, case.quirks), case.wire)
    case.check(out.decode())
    check_chat_stream(out, rules(case))
    way = chat.CLIENT.relay(case.request, STAMP, case.quirks)
    slow = b"".join(way.feed(bytes([byte])) for byte in case.wire) + way.end()
    assert slow + (way.error(ERROR) if way.failure is not None else b"") == out


@pytest.mark.parametrize("path", cases("encode/chat"))
def test_encode(path):
    case = Case(path)
    decoder = chat.UPSTREAM.decoder(case.request, case.quirks)
    way = Translation(case.request, decoder, chat.CLIENT.encoder(case.request, STAMP))
    out = sent(way, case.wire)
    case.check(out.decode())
    check_chat_stream(out, rules(case))
