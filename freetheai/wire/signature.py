"""Tag opaque reasoning with who made it, so that it goes back to its maker and to no other.

A signature, encrypted reasoning or a thought signature leaves us as ``fta1.<origin>.<opaque>`` (origin in base64url)
when it crosses formats; ``untag`` gives it back only for the same origin. A call's, in a format whose calls have no
field for it, is ``fta1.<origin>.call.<call id in base64url>.<opaque>``: opaque values hold no dots. An entry of a chat
provider's own `reasoning_details` is ``fta1.<origin>.detail.<its other members in base64url>.<opaque>``: it goes back
as that entry, and as nothing else.

Rules: what clients send back is theirs to forge, so it is bounded and parsed as data, never trusted as a statement.
"""

import base64
import binascii
from typing import Any, Final

import orjson

_TAG: Final = "fta1."
_CALL: Final = "call."
_DETAIL: Final = "detail."
# Longest opaque value taken back (characters): encrypted reasoning of a long turn is some hundred KiB.
MAX_TAGGED_CHARS: Final = 4 * 1024 * 1024


def tag(origin: str, opaque: str) -> str:
    """``opaque`` marked as made by ``origin``; "" stays ""."""
    if not opaque:
        return ""
    return f"{_TAG}{base64.urlsafe_b64encode(origin.encode()).decode()}.{opaque}"


def is_tagged(value: str) -> bool:
    """Whether a value left us, or pretends to have."""
    return value.startswith(_TAG)


def untag(origin: str, tagged: str) -> str:
    """The opaque value if ``origin`` made it, else ""; "" for an entry too, which is no value of its own."""
    opaque = _untagged(origin, tagged)
    return "" if opaque.startswith(_DETAIL) else opaque


def packed_detail(detail: dict[str, Any], opaque: str) -> str:
    """An entry as an opaque value: the one that it holds, ``opaque``, behind its other members."""
    return f"{_DETAIL}{base64.urlsafe_b64encode(orjson.dumps(detail)).decode()}.{opaque}"


def untag_detail(origin: str, tagged: str) -> tuple[dict[str, Any], str] | None:
    """An entry's other members and its value, if ``origin`` made it."""
    packed, _, opaque = _untagged(origin, tagged).removeprefix(_DETAIL).partition(".")
    try:
        detail = orjson.loads(base64.urlsafe_b64decode(packed.encode("ascii", "replace")))
    except (binascii.Error, ValueError):
        return None
    return (detail, opaque) if isinstance(detail, dict) and opaque else None


def _untagged(origin: str, tagged: str) -> str:
    if not tagged.startswith(_TAG) or len(tagged) > MAX_TAGGED_CHARS:
        return ""
    maker, _, opaque = tagged[len(_TAG) :].partition(".")
    try:
        is_ours = base64.urlsafe_b64decode(maker.encode("ascii", "replace")) == origin.encode()
    except (binascii.Error, ValueError):
        return ""
    return opaque if is_ours else ""


def tag_call(origin: str, call_id: str, opaque: str) -> str:
    """What ``origin`` signed the call ``call_id`` with, marked as that."""
    return tag(origin, f"{_CALL}{base64.urlsafe_b64encode(call_id.encode('utf-8', 'replace')).decode()}.{opaque}")


def read_call_tag(tagged: str) -> tuple[str, str] | None:
    """Call id and tagged value of a call's signature; None for any other value."""
    maker, _, opaque = tagged[len(_TAG) :].partition(".")
    if not tagged.startswith(_TAG) or not opaque.startswith(_CALL) or len(tagged) > MAX_TAGGED_CHARS:
        return None
    packed, _, signature = opaque[len(_CALL) :].partition(".")
    try:
        call_id = base64.urlsafe_b64decode(packed.encode("ascii", "replace")).decode()
    except (binascii.Error, ValueError):
        return None
    return call_id, f"{_TAG}{maker}.{signature}"
