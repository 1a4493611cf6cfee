"""Every recorded upstream stream, seen by every client: legal in each format, and the same answer in all of them.

The files under ``golden/decode`` belong to the tests of their formats, which also check the events; here only what the
clients make of them is looked at.
"""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from freetheai.wire.events import BlockStart, Failed, Finish
from freetheai.wire.finish import TO_CHAT
from freetheai.wire.formats import Quirks
from support.pairs import CLIENTS, UPSTREAMS, Seen, opened, request, run, seen

GOLDEN = Path(__file__).parents[1] / "golden" / "decode"
RULE = "\n----------\n"
CASES = [
    pytest.param(path, upstream, id=f"{upstream}-{path.stem}")
    for upstream in UPSTREAMS
    for path in sorted((GOLDEN / upstream).glob("*.txt"))
]


def read(path: Path) -> tuple[dict[str, Any], Quirks, bytes]:
    """What the file adds to the request, the provider's quirks, and the stream."""
    parts = path.read_text().split(RULE)
    options = {
        line.split(": ", 1)[0]: orjson.loads(line.split(": ", 1)[1])
        for line in parts[0].splitlines()[1:]
        if ": {" in line
    }
    # A stream in a file ends with its blank line, a cut one with the word that says so.
    wire = (parts[1] + "\n\n").split("(cut here)")[0].encode()
    return options.get("request", {}), Quirks(**options.get("quirks", {})), wire


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


@pytest.mark.parametrize(("path", "upstream"), CASES)
def test_all_clients_see_the_same(path, upstream):
    options, quirks, wire = read(path)
    listed = options.get("tools", [{"name": name} for name in ("get", "set")])
    expected = None
    for client in CLIENTS:
        asked = request(client, tools=tools_for(client, listed))
        out = run(opened(client, upstream, asked, quirks), [wire])
        found = comparable(seen(client, out, asked))
        events = UPSTREAMS[upstream].decoder(asked, quirks)
        told = [*events.feed(wire), *events.end()]
        assert (found.error != "") == isinstance(told[-1], Failed), client
        if isinstance(told[-1], Finish):
            calls = [event.name for event in told if isinstance(event, BlockStart) and event.kind == "tool_call"]
            assert found.reason == TO_CHAT[told[-1].reason], client
            assert len(found.calls) == len([name for name in calls if name]), client
        expected = expected or found
        assert found == expected, client


def comparable(found: Seen) -> Seen:
    """What is compared: nothing of a broken answer; refusals and images are text where the format has nothing better;
    free text is an argument where the format has no tools for it; counts are estimated of different requests.
    """
    if found.error:
        return Seen(error=found.error)
    calls = [(name, call if isinstance(call, dict) else {"input": call}) for name, call in found.calls]
    text = re.sub(r"\[image/\w+: it can't be shown in this format\]", "", found.text)
    return replace(found, text=found.refusal + text, refusal="", calls=calls, tokens=None)
