"""Recorded requests: a sentence, what the client sent, and the body for each upstream. UPDATE_GOLDEN=1 rewrites these.

``golden/build/<client>_<case>.txt``: the request is sent on to all four formats, to its own as a relay would; a body
that can't be carried is told as its 400.
"""

import os
from pathlib import Path
from typing import Any

import orjson
import pytest

from freetheai.errors import ApiError
from freetheai.wire.formats import Quirks, Target
from support.pairs import CLIENTS, ORIGIN, UPSTREAMS

CASES = sorted((Path(__file__).parents[1] / "golden" / "build").glob("*.txt"))
RULE = "\n----------\n"
MODELS = {"chat": "glm-5", "messages": "claude-sonnet-4-5", "responses": "gpt-6", "gemini": "gemini-3-pro"}


def sent(client: str, upstream: str, data: bytes) -> str:
    """The body for one upstream, or the 400, as the file tells it."""
    target = Target(model=MODELS[upstream], origin=ORIGIN, max_output_tokens=32000)
    made = UPSTREAMS[upstream]
    try:
        request = CLIENTS[client].parse(data)
        body: Any = orjson.loads((made.rewrite if client == upstream else made.build)(request, target, Quirks()))
    except ApiError as error:
        return f"{upstream}: {error.status} {error.message}"
    return f"{upstream}: {orjson.dumps(body, option=orjson.OPT_INDENT_2).decode()}"


@pytest.mark.parametrize("path", [pytest.param(path, id=path.stem) for path in CASES])
def test_a_request_for_every_upstream(path):
    parts = path.read_text().split(RULE)
    client = path.stem.partition("_")[0]
    found = [sent(client, upstream, parts[1].encode()) for upstream in UPSTREAMS]
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(RULE.join([*parts[:2], *found]) + "\n")
        return
    assert RULE.join(found) + "\n" == RULE.join(parts[2:])
