"""Recorded cases, one file each: a sentence, what came in, the events, perhaps the plain answer that means the same.

``UPDATE_GOLDEN=1`` rewrites the events. A line ``request: {…}`` after the sentence adds to the request. Files end lines
with LF; the provider ends them with CRLF, and both are read.
"""

import os
from pathlib import Path
from typing import Any

import orjson
import pytest

from freetheai.wire import chat, gemini
from freetheai.wire.events import Event
from freetheai.wire.fold import fold
from freetheai.wire.formats import Quirks
from freetheai.wire.request import ChatRequest

RULE = "\n----------\n"
CASES = sorted((Path(__file__).parent.parent / "golden/decode/gemini").glob("*.txt"))


def parts_of(path: Path) -> tuple[list[str], ChatRequest, bytes]:
    """The parts of a file, the request it belongs to, and what the provider sent."""
    parts = path.read_text().split(RULE)
    body: dict[str, Any] = {"model": "pre/alias", "messages": [{"role": "user", "content": "Hi"}], "stream": True}
    for line in parts[0].splitlines()[1:]:
        body |= orjson.loads(line.removeprefix("request: "))
    # A stream in a file ends with its blank line, a cut one with the word that says so.
    wire = (parts[1] + "\n\n").split("(cut here)")[0].encode()
    return parts, chat.CLIENT.parse(orjson.dumps(body)), wire


def decoded(request: ChatRequest, pieces: list[bytes]) -> list[Event]:
    decoder = gemini.UPSTREAM.decoder(request, Quirks())
    return [event for piece in pieces for event in decoder.feed(piece)] + decoder.end()


@pytest.mark.parametrize("path", [pytest.param(path, id=path.stem) for path in CASES])
def test_decode(path):
    parts, request, wire = parts_of(path)
    events = decoded(request, [wire])
    found = "\n".join(map(repr, events))
    if os.environ.get("UPDATE_GOLDEN"):
        parts[2] = found
        path.write_text(RULE.join(part.rstrip("\n") for part in parts) + "\n")
    assert found == parts[2].rstrip("\n")
    for ends in (b"\n", b"\r\n"):
        spelled = wire.replace(b"\n", ends)
        assert decoded(request, [spelled]) == events
        assert decoded(request, [bytes([byte]) for byte in spelled]) == events
        assert decoded(request, [b"\xef\xbb\xbf" + spelled]) == events
    if len(parts) > 3:
        assert fold(gemini.UPSTREAM.decode_body(parts[3].encode(), request, Quirks())) == fold(events)
