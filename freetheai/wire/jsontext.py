"""Read and write JSON as the wire really carries it: what orjson refuses but clients and upstreams send.

Rules:
- a UTF-8 byte order mark and white space around the text are skipped;
- an escaped half of a surrogate pair (an emoji cut in two) becomes U+FFFD instead of an error;
- everything else that is not JSON raises ``ValueError``: bytes that are not UTF-8, deep nesting, endless numbers.
"""

import re
from collections.abc import Iterable
from typing import Any, Final

import orjson

_BOM: Final = b"\xef\xbb\xbf"
# orjson writes 254 levels, and reads 1024.
_DEEP_LEVELS: Final = 200

# Pairs of backslashes and whole surrogate pairs are matched first, so that they are stepped over and kept.
_SURROGATES: Final = re.compile(
    rb"\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
)


def loads(data: bytes) -> Any:
    """The value of JSON text.

    Raises:
        ValueError: it is not JSON (``orjson.JSONDecodeError`` is one).
    """
    try:
        return orjson.loads(data)
    except ValueError:
        mended = _mended(data)
        if mended == data:
            raise
        return orjson.loads(mended)


def _mended(data: bytes) -> bytes:
    text = data.removeprefix(_BOM)
    if b"\\u" in text:
        text = _SURROGATES.sub(_replacement, text)
    return text


def _replacement(match: re.Match[bytes]) -> bytes:
    return b"\\ufffd" if match.group(1) else match.group(0)


def try_loads(data: bytes | str) -> Any:
    """The value of JSON text, or None where it is not JSON (``null`` is None too)."""
    try:
        return loads(data.encode("utf-8", "replace") if isinstance(data, str) else data)
    except ValueError:
        return None


def is_json(text: str) -> bool:
    """Whether ``text`` is one whole JSON value."""
    try:
        loads(text.encode("utf-8", "replace"))
    except ValueError:
        return False
    return True


def is_deep(value: Any) -> bool:
    """Whether ``value`` nests deeper than anything of ours needs, and so may be too deep to be written again."""
    layer = [value]
    for _ in range(_DEEP_LEVELS):
        layer = [inner for one in layer for inner in _inner(one) if isinstance(inner, dict | list)]
        if not layer:
            return False
    return True


def _inner(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def is_too_deep(error: BaseException) -> bool:
    """Whether ``error`` says that a value nests deeper than it can be written: we read about four times as deep."""
    return isinstance(error, orjson.JSONEncodeError) and "recursion" in str(error).lower()


def dumps_text(value: Any) -> str:
    """Compact JSON as text; "" for what nests too deep to be written."""
    try:
        return orjson.dumps(value).decode()
    except TypeError:
        return ""
