"""Recorded requests as they are read: a sentence, what the client sent, the request it becomes, or its refusal.

``golden/parse/<client>_<case>.txt``; what a request does not say is left out of its telling. UPDATE_GOLDEN=1 rewrites
these.
"""

import os
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest

from freetheai.errors import ApiError
from handlers.chat import ChatHandler
from handlers.messages import MessagesHandler
from handlers.responses import ResponsesHandler

CASES = sorted((Path(__file__).parents[1] / "golden" / "parse").glob("*.txt"))
RULE = "\n----------\n"
# As the routes read them.
CLIENTS = {
    handler.client_format.name: handler.client_format for handler in (ChatHandler, MessagesHandler, ResponsesHandler)
}
# The client's own object, which stands above it in the file.
NOT_TOLD = {"body"}


def told(value: Any) -> Any:
    """A parsed request as JSON: each part with its kind, nothing that was not said."""
    if isinstance(value, list | tuple):
        return [told(item) for item in value]
    if not is_dataclass(value):
        return value
    said = {}
    for field in fields(value):
        default = field.default if field.default_factory is MISSING else field.default_factory()
        found = getattr(value, field.name)
        if field.name not in NOT_TOLD and (default is MISSING or found != default):
            said[field.name] = told(found)
    return {"": type(value).__name__, **said}


def read(client: str, data: bytes) -> str:
    """What ``parse`` makes of a body, as the file tells it."""
    try:
        request = CLIENTS[client].parse(data)
    except ApiError as error:
        return f"{error.status} {error.type}: {error.message}"
    return orjson.dumps(told(request), option=orjson.OPT_INDENT_2).decode()


@pytest.mark.parametrize("path", [pytest.param(path, id=path.stem) for path in CASES])
def test_a_request_is_read(path: Path) -> None:
    parts = path.read_text().split(RULE)
    found = read(path.stem.partition("_")[0], parts[1].encode())
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(RULE.join([*parts[:2], found]) + "\n")
        return
    assert found + "\n" == RULE.join(parts[2:])


def test_every_client_format_has_cases() -> None:
    assert {path.stem.partition("_")[0] for path in CASES} == set(CLIENTS)
