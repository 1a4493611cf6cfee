"""Tag opaque reasoning with who made it, so that it goes back to its maker and to no other.

A signature, encrypted reasoning or a thought signature leaves us as ``fta1.<origin>.<opaque>`` (origin in base64url)
when it crosses formats; ``untag`` gives it back only for the same origin.

Rules: what clients send back is theirs to forge, so it is bounded and parsed as data, never trusted as a statement.
"""

import base64
import binascii
from typing import Final

_TAG: Final = "fta1."
# Longest opaque value taken back (characters): encrypted reasoning of a long turn is some hundred KiB.
MAX_TAGGED_CHARS: Final = 4 * 1024 * 1024


def tag(origin: str, opaque: str) -> str:
    """``opaque`` marked as made by ``origin``; "" stays ""."""
    if not opaque:
        return ""
    return f"{_TAG}{base64.urlsafe_b64encode(origin.encode()).decode()}.{opaque}"


def untag(origin: str, tagged: str) -> str:
    """The opaque value if ``origin`` made it, else ""."""
    if not tagged.startswith(_TAG) or len(tagged) > MAX_TAGGED_CHARS:
        return ""
    maker, _, opaque = tagged[len(_TAG) :].partition(".")
    try:
        is_ours = base64.urlsafe_b64decode(maker.encode("ascii", "replace")) == origin.encode()
    except (binascii.Error, ValueError):
        return ""
    return opaque if is_ours else ""
