"""Take out of a provider's words what it repeats of the request: errors quote what they complain of, and a prompt is
not to be read in a log.

Strategy: the request's own texts become one row of words; every run of three or more words of the error that stands in
that row, in that order, is masked. Texts of two words are looked for as they are.

Rules:
- only values count, not the names of fields: which field was refused may be read;
- a request too large to be compared beside running answers leaves the error's first fields only, which are ours;
- single words stay: an error without any would say nothing.
"""

import re
from collections.abc import Iterator
from typing import Any, Final

import orjson

from freetheai.log.redaction import MASK

# Bytes of a request; a comparison takes some 10 ms for so many.
_COMPARED_BYTES: Final = 256 * 1024
# Characters of an error; the log keeps fewer.
_COMPARED_CHARACTERS: Final = 5120
_RUN: Final = 3
_WORD: Final = re.compile(r"\w+")
_ESCAPES: Final = re.compile(r"""\\[nrt"/]""")
# How `handlers.attempts.describe` separates its fields; kind and phase come first.
_FIELDS: Final = " | "
_OWN_FIELDS: Final = 2


def without_quotes(error: str, body: bytes) -> str:
    """``error`` with what it repeats of the request's ``body`` masked. Never raises."""
    if not body or not error:
        return error
    if len(body) > _COMPARED_BYTES:
        kept = error.split(_FIELDS)[:_OWN_FIELDS]
        return _FIELDS.join([*kept, "(the rest is left out: the request is too large to be compared with it)"])
    texts = list(_texts(body))
    error = error[:_COMPARED_CHARACTERS]
    for text in texts:
        if len(text.split()) == _RUN - 1:
            error = error.replace(text.strip(), MASK)
    return _mask_runs(error, " ".join(["", *(word for text in texts for word in _words(text)), ""]))


def _mask_runs(error: str, row: str) -> str:
    # What was quoted may have been escaped; the length stays.
    words = list(_WORD.finditer(_ESCAPES.sub("  ", error)))
    folded = [word[0].lower() for word in words]
    is_quoted = [False] * len(words)
    for first in range(len(words) - _RUN + 1):
        if f" {' '.join(folded[first : first + _RUN])} " in row:
            is_quoted[first : first + _RUN] = [True] * _RUN
    pieces, end, was_quoted = [], 0, False
    for word, quoted in zip(words, is_quoted, strict=True):
        if not quoted:
            pieces += [error[end : word.end()]] if not was_quoted else [MASK, error[end : word.end()]]
        if quoted and not was_quoted:
            pieces.append(error[end : word.start()])
        end, was_quoted = word.end(), quoted
    return "".join([*pieces, MASK if was_quoted else "", error[end:]])


def _texts(body: bytes) -> Iterator[str]:
    try:
        yield from _strings(orjson.loads(body))
    except orjson.JSONDecodeError:
        yield body.decode("utf-8", "replace")


def _strings(value: Any) -> Iterator[str]:
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, dict):
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one


def _words(text: str) -> Iterator[str]:
    return (word.lower() for word in _WORD.findall(text))
