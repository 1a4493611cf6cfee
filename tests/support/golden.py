"""Recorded cases, one file each: a sentence, what came in, what must come out, parted by a line of dashes.

Lines ``quirks: {…}`` and ``request: {…}`` after the sentence change the defaults. A stream in a file ends with its
blank line, a cut one with ``(cut here)``; ``(400000 times x)`` stands for that many. ``UPDATE_GOLDEN=1`` rewrites what
comes out: read the difference as you would read code.
"""

import os
import re
from pathlib import Path
from typing import Any

import orjson
import pytest

from freetheai import errors
from freetheai.errors import ApiError
from freetheai.wire.formats import ByteStream, Quirks, Stamp
from freetheai.wire.request import ChatRequest
from support.pairs import CLIENTS

GOLDEN = Path(__file__).parents[1] / "golden"
RULE = "\n----------\n"
ERROR = ApiError(errors.PROVIDER_ERROR, error_id="pre-0123456789ab")
STAMPS = {
    "chat": Stamp(id="chatcmpl-ours", created_s=1800000000, model="pre/alias", origin="openai/up"),
    "messages": Stamp(id="msg_ours", created_s=1800000000, model="pre/alias", origin="anthropic:up-model-1"),
    "responses": Stamp(id="resp_ours", created_s=1800000000, model="pre/alias", origin="openai/up"),
}
_PROMPT = [{"role": "user", "content": "Hi"}]
_REQUESTS: dict[str, dict[str, Any]] = {
    "chat": {"messages": _PROMPT},
    "messages": {"messages": _PROMPT, "max_tokens": 1000, "thinking": {"type": "adaptive"}},
    "responses": {"input": "Hi"},
}
_TIMES = re.compile(r"\((\d+) times (.)\)")
# Runs of one character that are written short (characters).
_LONG_RUN = re.compile(r"(.)\1{1999,}")


def cases(*folders: str) -> list[Any]:
    """A parameter for each file under these folders of ``golden``, with the folder's last name."""
    return [
        pytest.param(path, path.parent.name, id=f"{path.parent.name}-{path.stem}")
        for folder in folders
        for path in sorted((GOLDEN / folder).glob("*.txt"))
    ]


class Case:
    """One file, read and perhaps written again. ``client`` reads the request."""

    def __init__(self, path: Path, client: str) -> None:
        self.path = path
        self.parts = path.read_text().split(RULE)
        lines = self.parts[0].splitlines()[1:]
        self.options = {line.split(": ", 1)[0]: orjson.loads(line.split(": ", 1)[1]) for line in lines if ": {" in line}
        self.quirks = Quirks(**self.options.get("quirks", {}))
        body = {"model": "pre/alias", "stream": True, **_REQUESTS[client], **self.options.get("request", {})}
        self.request: ChatRequest = CLIENTS[client].parse(orjson.dumps(body))
        self.stamp = STAMPS[client]
        wire = (self.parts[1] + "\n\n").split("(cut here)")[0]
        self.wire = _TIMES.sub(lambda found: found[2] * int(found[1]), wire).encode()

    @property
    def plain(self) -> bytes | None:
        """The plain answer that means the same as the stream, where the file has one."""
        return self.parts[3].encode() if len(self.parts) > 3 else None

    def check(self, found: str) -> None:
        """``found`` is the third part of the file."""
        found = _LONG_RUN.sub(lambda run: f"({len(run[0])} times {run[1]})", found).rstrip("\n")
        if os.environ.get("UPDATE_GOLDEN"):
            self.parts[2:] = [found, *(part.rstrip("\n") for part in self.parts[3:])]
            self.path.write_text(RULE.join(self.parts) + "\n")
            return
        assert found == self.parts[2].rstrip("\n")


def sent(way: ByteStream, pieces: list[bytes]) -> bytes:
    """Everything the client gets, as the handler would send it."""
    out = b"".join(way.feed(piece) for piece in pieces) + way.end()
    assert way.failure is None or way.failure.kind != "internal", way.failure.trace
    return out + way.error(ERROR) if way.failure is not None else out


def bytewise(wire: bytes) -> list[bytes]:
    """The stream in reads of one byte; a long one in reads of some."""
    size = 1 if len(wire) < 20_000 else 7001
    return [wire[at : at + size] for at in range(0, len(wire), size)]
