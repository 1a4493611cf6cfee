"""Tracebacks that may be read: where it happened and what kind of error it was, but no word that somebody wrote.

Messages of some errors quote the value they complain of (``invalid literal for int() with base 10: '…'``), and a value
may be a prompt or an answer. Of those errors a message stays only where it is one short word, as a ``KeyError`` has.
"""

import re
import traceback
from typing import Final

# Those whose messages hold values; others speak of types, places and the system.
_QUOTING: Final = (ValueError, LookupError, AssertionError)
_WORD: Final = re.compile(r"['\"]?[\w.-]{0,40}['\"]?")
_LEFT_OUT: Final = "(message left out: it may quote a request or an answer)"
_MESSAGE_CHARS: Final = 500
# An error's cause, that one's cause, and so on.
_MAX_CHAIN: Final = 8


def trace_of(error: BaseException) -> str:
    """The traceback of ``error`` and of what led to it, the first of them first, as Python writes it."""
    pieces: list[str] = []
    one: BaseException | None = error
    while one is not None and len(pieces) < _MAX_CHAIN:
        frames = "".join(traceback.format_tb(one.__traceback__))
        pieces.append(f"Traceback (most recent call last):\n{frames}{_headline(one)}")
        one = one.__cause__ or (None if one.__suppress_context__ else one.__context__)
    return "\n\n".join(reversed(pieces))


def _headline(error: BaseException) -> str:
    kind = type(error)
    name = (
        kind.__qualname__ if kind.__module__ in ("builtins", "__main__") else f"{kind.__module__}.{kind.__qualname__}"
    )
    try:
        message = str(error)
    except Exception:  # somebody's own __str__
        message = ""
    if isinstance(error, _QUOTING) and _WORD.fullmatch(message) is None:
        message = _LEFT_OUT
    return f"{name}: {message[:_MESSAGE_CHARS]}" if message else name
