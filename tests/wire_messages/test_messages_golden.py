"""Recorded cases, one file each: a sentence, what came in, what must come out. UPDATE_GOLDEN=1 rewrites the last part.

``golden/decode/messages``: an upstream's stream, the events, and where there is one the plain answer that means the
same. ``golden/relay/messages``: an upstream's stream and what the client gets. ``golden/encode/messages``: a chat
upstream's stream and what a Messages client gets of it. Lines ``quirks: {…}`` and ``request: {…}`` after the sentence
change the defaults.
"""

import os
from pathlib import Path
from typing import Any

import orjson
import pytest

from freetheai import errors
from freetheai.errors import ApiError
from freetheai.wire import chat, messages
from freetheai.wire.events import Event
from freetheai.wire.fold import fold
from freetheai.wire.formats import ByteStream, Quirks, Stamp
from freetheai.wire.request import ChatRequest
from freetheai.wire.translate import Translation, convert_body, open_stream
from support.messages_rules import check_messages_stream

GOLDEN = Path(__file__).parent.parent / "golden"
RULE = "\n----------\n"
STAMP = Stamp(id="msg_ours", created_s=1800000000, model="pre/alias", origin="anthropic:up-model-1")
ERROR = ApiError(errors.PROVIDER_ERROR, error_id="pre-0123456789ab")
DEFAULTS = {
    "model": "pre/alias",
    "max_tokens": 1000,
    "messages": [{"role": "user", "content": "Hi"}],
    "stream": True,
    "thinking": {"type": "adaptive"},
}


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
        self.request: ChatRequest = messages.CLIENT.parse(orjson.dumps(DEFAULTS | options.get("request", {})))
        # A stream in a file ends with its blank line, a cut one with the word that says so.
        wire = self.parts[1] + "\n\n"
        self.wire = wire.split("(cut here)")[0].encode()

    def check(self, found: str) -> None:
        if os.environ.get("UPDATE_GOLDEN"):
            self.parts[2:] = [found.rstrip("\n"), *(part.rstrip("\n") for part in self.parts[3:])]
            self.path.write_text(RULE.join(self.parts) + "\n")
            return
        assert found.rstrip("\n") == self.parts[2].rstrip("\n")


def sent(way: ByteStream, wire: bytes) -> bytes:
    out = way.feed(wire) + way.end()
    assert way.failure is None or way.failure.kind != "internal", way.failure.trace
    return out + way.error(ERROR) if way.failure is not None else out


@pytest.mark.parametrize("path", cases("decode/messages"))
def test_decode(path):
    case = Case(path)
    decoder = messages.UPSTREAM.decoder(case.request, case.quirks)
    events: list[Event] = [*decoder.feed(case.wire), *decoder.end()]
    case.check("\n".join(map(repr, events)))
    byte_by_byte = messages.UPSTREAM.decoder(case.request, case.quirks)
    slow: list[Event] = [event for byte in case.wire for event in byte_by_byte.feed(bytes([byte]))]
    assert [*slow, *byte_by_byte.end()] == events
    if len(case.parts) > 3:
        plain = messages.UPSTREAM.decode_body(case.parts[3].encode(), case.request, case.quirks)
        assert fold(plain) == fold(events)


@pytest.mark.parametrize("path", cases("decode/messages"))
def test_every_decoded_case_can_be_relayed_and_translated(path):
    case = Case(path)
    ways = [
        messages.CLIENT.relay(case.request, STAMP, case.quirks),
        Translation(
            case.request,
            messages.UPSTREAM.decoder(case.request, case.quirks),
            messages.CLIENT.encoder(case.request, STAMP),
        ),
    ]
    relayed, translated = (check_messages_stream(sent(way, case.wire), model="pre/alias") for way in ways)
    assert (relayed.error is None) == (translated.error is None)
    assert relayed.stop_reason == translated.stop_reason
    assert relayed.text() == translated.text()
    assert relayed.thinking() == translated.thinking()
    assert [call[1:] for call in relayed.calls()] == [call[1:] for call in translated.calls()] or relayed.error


@pytest.mark.parametrize("path", [case for case in cases("decode/messages") if len(Case(*case.values).parts) > 3])
def test_a_recorded_plain_answer_can_be_relayed(path):
    case = Case(path)
    result = convert_body(messages.CLIENT, messages.UPSTREAM, case.request, STAMP, case.quirks, case.parts[3].encode())
    if result.failure is not None:
        return
    body = orjson.loads(result.data)
    streamed = check_messages_stream(
        sent(messages.CLIENT.relay(case.request, STAMP, case.quirks), case.wire), model="pre/alias"
    )
    assert body["model"] == "pre/alias"
    assert body["stop_reason"] == streamed.stop_reason
    assert "".join(block.get("text", "") for block in body["content"]) == streamed.text()
    assert [block["input"] for block in body["content"] if block["type"] == "tool_use"] == [
        given for _, _, given in streamed.calls()
    ]


@pytest.mark.parametrize("path", cases("relay/messages"))
def test_relay(path):
    case = Case(path)
    out = sent(messages.CLIENT.relay(case.request, STAMP, case.quirks), case.wire)
    case.check(out.decode())
    check_messages_stream(out, model="pre/alias")
    way = messages.CLIENT.relay(case.request, STAMP, case.quirks)
    slow = b"".join(way.feed(bytes([byte])) for byte in case.wire) + way.end()
    assert slow + (way.error(ERROR) if way.failure is not None else b"") == out


@pytest.mark.parametrize("path", cases("encode/messages"))
def test_encode(path):
    case = Case(path)
    out = sent(open_stream(messages.CLIENT, chat.UPSTREAM, case.request, STAMP, case.quirks), case.wire)
    case.check(out.decode())
    summary = check_messages_stream(out, model="pre/alias")
    if summary.error is not None or summary.stop_reason == "max_tokens":
        # Cut arguments are a fragment in a stream and an object around it in a plain answer.
        return
    events = chat.UPSTREAM.decoder(case.request, case.quirks)
    body = orjson.loads(
        messages.CLIENT.encode_body(fold([*events.feed(case.wire), *events.end()]), case.request, STAMP)
    )
    bare = [
        {key: value for key, value in block.items() if key not in ("citations", "caller")} for block in body["content"]
    ]
    assert bare == summary.content, "stream and plain answer agree"
    assert body["stop_reason"] == summary.stop_reason
