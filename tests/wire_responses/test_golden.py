"""Recorded cases, one file each: a sentence, what came in, what must come out. UPDATE_GOLDEN=1 rewrites the last part.

``golden/decode/responses``: an upstream's stream, the events, and where there is one the plain answer that means the
same. ``golden/relay/responses``: an upstream's stream and what the client gets. ``golden/encode/responses``: a chat
upstream's stream and what a Responses client gets. A line ``request: {…}`` after the sentence changes the defaults.
"""

import os
from pathlib import Path
from typing import Any

import orjson
import pytest

from freetheai import errors
from freetheai.errors import ApiError
from freetheai.wire import chat, responses
from freetheai.wire.events import Event
from freetheai.wire.fold import fold
from freetheai.wire.formats import ByteStream, Quirks, Stamp
from freetheai.wire.request import ChatRequest
from freetheai.wire.translate import open_stream
from support.responses_rules import check_responses_stream

GOLDEN = Path(__file__).parent.parent / "golden"
RULE = "\n----------\n"
STAMP = Stamp(id="resp_ours", created_s=1800000000, model="pre/alias", origin="openai/up")
ERROR = ApiError(errors.PROVIDER_ERROR, error_id="pre-0123456789ab")
QUIRKS = Quirks()


def cases(folder: str) -> list[Any]:
    return [pytest.param(path, id=path.stem) for path in sorted((GOLDEN / folder).glob("*.txt"))]


class Case:
    """One file, read and perhaps written again."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.parts = path.read_text().split(RULE)
        head = self.parts[0].splitlines()
        options = {line.split(": ", 1)[0]: orjson.loads(line.split(": ", 1)[1]) for line in head[1:] if ": {" in line}
        body = {"model": "pre/alias", "input": "Hi", "stream": True} | options.get("request", {})
        self.request: ChatRequest = responses.CLIENT.parse(orjson.dumps(body))
        # A stream in a file ends with its blank line, a cut one with the word that says so.
        self.wire = (self.parts[1] + "\n\n").split("(cut here)")[0].encode()

    def check(self, found: str) -> None:
        if os.environ.get("UPDATE_GOLDEN"):
            self.parts[2:] = [found.rstrip("\n"), *(part.rstrip("\n") for part in self.parts[3:])]
            self.path.write_text(RULE.join(self.parts) + "\n")
            return
        assert found.rstrip("\n") == self.parts[2].rstrip("\n")


def sent(way: ByteStream, pieces: list[bytes]) -> bytes:
    out = b"".join(way.feed(piece) for piece in pieces) + way.end()
    assert way.failure is None or way.failure.kind != "internal", way.failure.trace
    return out + way.error(ERROR) if way.failure is not None else out


@pytest.mark.parametrize("path", cases("decode/responses"))
def test_decode(path):
    case = Case(path)
    decoder = responses.UPSTREAM.decoder(case.request, QUIRKS)
    events: list[Event] = [*decoder.feed(case.wire), *decoder.end()]
    case.check("\n".join(map(repr, events)))
    if len(case.parts) > 3:
        assert fold(responses.UPSTREAM.decode_body(case.parts[3].encode(), case.request, QUIRKS)) == fold(events)


@pytest.mark.parametrize("path", cases("relay/responses"))
def test_relay(path):
    case = Case(path)
    out = sent(open_stream(responses.CLIENT, responses.UPSTREAM, case.request, STAMP, QUIRKS), [case.wire])
    case.check(out.decode())
    check_responses_stream(out)


@pytest.mark.parametrize("path", cases("encode/responses"))
def test_encode(path):
    case = Case(path)
    out = sent(open_stream(responses.CLIENT, chat.UPSTREAM, case.request, STAMP, QUIRKS), [case.wire])
    case.check(out.decode())
    check_responses_stream(out)


@pytest.mark.parametrize("path", [*cases("decode/responses"), *cases("relay/responses")])
def test_every_case_reads_the_same_relayed_and_translated(path):
    case = Case(path)
    relayed, translated = (
        check_responses_stream(
            sent(open_stream(responses.CLIENT, responses.UPSTREAM, case.request, STAMP, quirks), [case.wire])
        )
        for quirks in (QUIRKS, Quirks(only_functions=True))
    )
    assert (relayed.error is None) == (translated.error is None)
    assert relayed.text == translated.text
    assert relayed.error or relayed.calls == translated.calls
    assert relayed.response["status"] == translated.response["status"]
