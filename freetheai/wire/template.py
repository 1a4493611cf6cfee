"""Recognise events that differ from an earlier one only in one text: nearly all of a stream.

Strategy: of an event that was read in full, the bytes before and after its text are kept. A later event with the same
beginning and end whose middle is the inside of a JSON string means the same but for that text, so only the middle is
parsed. The reader decides what it learns: only events whose treatment depends on nothing else that may still change.

Rules: a template is learned from an event in which the key stands once; a provider that varies its events (padding,
times) is given up after ``MAX_LEARNED``.
"""

import re
from dataclasses import dataclass
from typing import Final

import orjson

# Templates learned in one stream; two are in use at a time (text and reasoning alternate).
MAX_LEARNED: Final = 16
_STRING: Final = re.compile(rb'[ \t]*"((?:[^"\\]|\\.)*)"', re.DOTALL)


@dataclass(slots=True)
class TextTemplate:
    """What surrounds the text, as it comes (``head``, ``tail``) and as it is sent; ``key`` is the text's member."""

    head: bytes
    tail: bytes
    key: str
    new_head: bytes = b""
    new_tail: bytes = b""


class TextTemplates:
    """The templates of one stream, the one used last first."""

    __slots__ = ("_first", "_learned", "_second")

    def __init__(self) -> None:
        self._first: TextTemplate | None = None
        self._second: TextTemplate | None = None
        self._learned = 0

    def match(self, data: bytes) -> tuple[TextTemplate, bytes, str] | None:
        """The template ``data`` fits, the raw inside of its string, and its text."""
        template = self._first
        if template is None:
            return None
        if not (data.startswith(template.head) and data.endswith(template.tail)):
            template = self._second
            if template is None or not (data.startswith(template.head) and data.endswith(template.tail)):
                return None
            self._first, self._second = template, self._first
        body = data[len(template.head) : len(data) - len(template.tail)]
        if len(body) != len(data) - len(template.head) - len(template.tail):
            return None  # head and tail overlap
        try:
            text = orjson.loads(b'"' + body + b'"')
        except ValueError:
            return None
        return template, body, text

    def learn(self, data: bytes, key: str, sent: bytes = b"") -> None:
        """Keep what surrounds the text of member ``key`` in ``data``, and in ``sent``, which was made of it; "":
        nothing.
        """
        if not key or self._learned >= MAX_LEARNED:
            return
        self._learned += 1
        head, tail = _around(data, key)
        new_head, new_tail = _around(sent, key) if sent else (b"", b"")
        if not head or (sent and not new_head):
            return
        self._first, self._second = TextTemplate(head, tail, key, new_head, new_tail), self._first


def _around(data: bytes, key: str) -> tuple[bytes, bytes]:
    quoted = orjson.dumps(key) + b":"
    if data.count(quoted) != 1:
        return b"", b""
    match = _STRING.match(data, data.index(quoted) + len(quoted))
    return (data[: match.start(1)], data[match.end(1) :]) if match else (b"", b"")
