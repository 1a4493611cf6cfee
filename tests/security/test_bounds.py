"""The bounds that docs/security.md tells are those of the code."""

from pathlib import Path

import orjson
import pytest

from freetheai import admission, app, clients, usage
from freetheai.config import Settings
from freetheai.log import redaction
from freetheai.wire import deferred, multipart, sse
from handlers import body, connections, early, media, pump, upload_room

PAGE = Path(__file__).parents[2] / "docs" / "security.md"
SETTINGS = Settings()
KIB, MIB = 1024, 1024 * 1024


def table() -> dict[str, str]:
    """The bound of each row, without what separates thousands."""
    lines = PAGE.read_text(encoding="utf-8").partition("<!-- bounds")[2].splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    return {of: f"{bound} ; {past}".replace(",", "") for of, bound, past in rows[2:]}


def levels() -> int:
    """How deep orjson writes."""
    value: list[object] = []
    for count in range(1, 2000):
        value = [value]
        try:
            orjson.dumps(value)
        except TypeError:
            return count
    raise AssertionError("orjson writes any depth")


TOLD = {
    "connections": (connections.MAX_CONNECTIONS, connections._OTHER_HANDLES),
    "a connection that asks nothing": (connections.IDLE_S,),
    "a head that has begun": (connections.HEAD_S,),
    "a request's head": (app._MAX_HEADER_BYTES / KIB,),
    "a body": (SETTINGS.server.max_body_bytes / MIB, body.DRAIN_BYTES / MIB),
    "a body that stops": (SETTINGS.timeouts.stall,),
    "a whole body": (SETTINGS.timeouts.total,),
    "a body before its key is known to be good": (early.FREE_BYTES / KIB,),
    "large bodies on their way, together": (upload_room.LARGEST_UPLOADS, upload_room.WAIT_S),
    "nesting of JSON": (levels(),),
    "a form": (multipart.MAX_PARTS, multipart.MAX_HEAD_BYTES / KIB, multipart.MAX_TEXT_BYTES / MIB),
    "a key header": (admission.MAX_KEYS,),
    "an event of a provider's stream": (sse.MAX_EVENT_BYTES / MIB,),
    "a provider's error": (pump.MAX_ERROR_BODY_BYTES / KIB,),
    "a provider's answer with media": (media.MAX_ANSWER_BYTES / MIB,),
    "bytes held for a slow client": (pump.MAX_HELD_BYTES / KIB,),
    "calls to providers at once": (app.MAX_TRANSFERS,),
    "a provider's id of a job": (deferred._MAX_UPSTREAM_ID_CHARS,),
    "a provider's words in the log": (redaction.EXCERPT_BYTES / KIB,),
    "a client's name": (clients.MAX_NAME_CHARS,),
    "rows of usage that wait for MongoDB": (usage.MAX_WAITING_ROWS,),
}


@pytest.mark.parametrize("of", TOLD)
def test_the_page_tells_the_bound_of_the_code(of: str) -> None:
    words = table()[of].replace("(", " ").split()
    for number in TOLD[of]:
        assert f"{number:g}" in words or str(int(number)) in words, (number, words)


def test_each_row_of_the_page_is_checked_here() -> None:
    assert set(table()) == set(TOLD)


def test_a_quarter_is_what_one_account_may_take() -> None:
    assert upload_room.SHARES == 4
