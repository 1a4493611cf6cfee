"""What is hidden in ``encrypted_content``, the one field of a reasoning item that clients carry back unread.

A provider's own value stands there as ``signature.tag`` makes it. Three kinds of ours have a word in front:
``redacted.`` and a tagged value: hidden reasoning of a provider that keeps it apart from signatures;
``call.<id>.`` and a tagged value: the signature of a call, in an item behind it, since calls have no field for one;
``text.``: reasoning that nobody signed, packed, for clients that send back only this field.

Rules: clients can forge all of it, so it is bounded and only ever read as data.
"""

import base64
import binascii
import zlib
from typing import Final

from freetheai.wire.request import Part, RedactedPart, ThinkingPart

_REDACTED: Final = "redacted."
_CALL: Final = "call."
_TEXT: Final = "text."
# Longest reasoning unpacked (bytes): beyond any model's, and far below what a small packed value can swell to.
MAX_TEXT_BYTES: Final = 4 * 1024 * 1024


def packed_text(text: str) -> str:
    """Unsigned reasoning as a value clients carry back; "" stays ""."""
    if not text:
        return ""
    return _TEXT + base64.urlsafe_b64encode(zlib.compress(text.encode("utf-8", "replace"))).decode()


def hidden(tagged: str) -> str:
    """A tagged value of hidden reasoning."""
    return _REDACTED + tagged if tagged else ""


def call_signature(call_id: str, tagged: str) -> str:
    """The tagged signature of a call."""
    return f"{_CALL}{base64.urlsafe_b64encode(call_id.encode('utf-8', 'replace')).decode()}.{tagged}"


def read_call_signature(value: str) -> tuple[str, str] | None:
    """Call id and tagged signature, if ``value`` is one."""
    if not value.startswith(_CALL):
        return None
    packed, _, tagged = value[len(_CALL) :].partition(".")
    try:
        return base64.urlsafe_b64decode(packed.encode("ascii", "replace")).decode(), tagged
    except (binascii.Error, ValueError):
        return None


def reasoning_part(text: str, value: str) -> Part | None:
    """The part a reasoning item stands for; None where it says nothing."""
    if value.startswith(_REDACTED):
        return RedactedPart(value[len(_REDACTED) :])
    if value.startswith(_TEXT):
        text, value = text or _unpacked(value[len(_TEXT) :]), ""
    return ThinkingPart(text, value) if text or value else None


def _unpacked(packed: str) -> str:
    try:
        data = zlib.decompressobj().decompress(
            base64.urlsafe_b64decode(packed.encode("ascii", "replace")), MAX_TEXT_BYTES
        )
    except (binascii.Error, ValueError, zlib.error):
        return ""
    return data.decode("utf-8", "replace")
