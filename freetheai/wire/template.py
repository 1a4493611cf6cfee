"""Recognise events that differ from an earlier one only in one text: nearly all of a stream.

Strategy: of an event that was read in full, the bytes before and after its text are kept. A later event with the same
beginning and end whose middle is one JSON string means the same but for that text, so only the middle is parsed
(``expected.py``). The reader decides what it learns: only events whose treatment depends on nothing else that may still
change, or on state that it looks at again for each of them.

Rules:
- a template is learned from an event in which the key stands once;
- of members that each reader names (``volatile``: padding, times, counts, numbers) the values may change: another
  number where there was one, letters and digits where there was a string;
- a provider that varies more than that is given up after ``MAX_LEARNED`` templates none of which was ever used.
"""

import re
from typing import Any, Final

from orjson import dumps

from freetheai.wire.expected import Hole, TextTemplate

# Templates learned without one being used; two are kept at a time (text and reasoning alternate).
MAX_LEARNED: Final = 16
BLANK: Final = b"\n\n"
_STRING: Final = re.compile(rb'[ \t]*("(?:[^"\\]|\\.)*")', re.DOTALL)
_NUMBER: Final = b"sequence_number"

# An event that fits a template: that, its text as it is written (without quotes) and as it is meant, and its
# `sequence_number`; -1 where it has none.
TextMatch = tuple[TextTemplate, bytes, str, int]


def volatile(*members: str) -> re.Pattern[bytes]:
    """What finds the values of these members (regular expressions) in an event's bytes."""
    names = "|".join(members).encode()
    return re.compile(rb'"(' + names + rb')"[ \t]*:[ \t]*(?:"([A-Za-z0-9]+)"|([0-9]+)(?![0-9.eE]))')


class TextTemplates:
    """The templates of one stream, the one used last first: that is ``newest``."""

    __slots__ = ("_learned", "_second", "_volatile", "newest")

    def __init__(self, volatile: re.Pattern[bytes] | None = None) -> None:
        self.newest: TextTemplate | None = None
        self._second: TextTemplate | None = None
        self._learned = 0
        self._volatile = volatile

    def match(self, event: bytes) -> TextMatch | None:
        """What ``event``, with its blank line, says if it fits a template. Several events fit none."""
        template = self.newest
        if template is None:
            return None
        number = template.next_number
        if (text := template.text_in(event)) is not None:
            return template, text[0], text[1], number
        if (found := template.search(event)) is not None:
            return template, *found
        template = self._second
        if template is None or (found := template.search(event)) is None:
            return None
        self.newest, self._second = template, self.newest
        return template, *found

    def forget(self) -> None:
        """What was learned holds no longer."""
        self.newest = self._second = None

    def learn(self, data: bytes, key: str, owner: Any = None, sent: bytes = b"") -> None:
        """Keep what surrounds the text of member ``key`` in the event ``data`` (without its blank line), and in
        ``sent``, which was made of it; without a key: nothing.
        """
        if self.newest is not None and self.newest.is_used:
            self._learned = 0
        if not key or self._learned >= MAX_LEARNED:
            return
        self._learned += 1
        event = data + BLANK
        head, tail = _around(event, key)
        new_head, new_tail = _around(sent, key) if sent else (b"", b"")
        if not head or (sent and not new_head):
            return
        template = self._template(head, tail, key, owner)
        template.new_head, template.new_tail = new_head, new_tail
        template.is_same = sent == event
        self.newest, self._second = template, self.newest

    def _template(self, head: bytes, tail: bytes, key: str, owner: Any) -> TextTemplate:
        template = TextTemplate(key, owner, head, tail)
        if self._volatile is not None:
            heads, before = _cut(head, self._volatile)
            tails, after = _cut(tail, self._volatile)
            template.first, template.last = heads[0], tails[-1]
            template.before = tuple(Hole(piece, *kind) for piece, kind in zip(heads[1:], before, strict=True))
            # Looked for from the end on: so in reverse.
            template.after = tuple(Hole(piece, *kind) for piece, kind in zip(tails[:-1], after, strict=True))[::-1]
        template.prepare(head, tail)
        return template


def _around(data: bytes, key: str) -> tuple[bytes, bytes]:
    """What stands before the text of member ``key`` and behind it, with its quotes."""
    quoted = dumps(key) + b":"
    if data.count(quoted) != 1:
        return b"", b""
    start = data.index(quoted) + len(quoted)
    match = _STRING.match(data, start)
    return (data[: match.start(1) + 1], data[match.end() - 1 :]) if match else (b"", b"")


def _cut(text: bytes, pattern: re.Pattern[bytes]) -> tuple[list[bytes], list[tuple[bool, bool]]]:
    """What stands around the volatile values of ``text``, and of each of these whether it is digits, and the number."""
    pieces, holes, last = [], [], 0
    for found in pattern.finditer(text):
        is_digits = found.group(3) is not None
        start, end = found.span(3 if is_digits else 2)
        pieces.append(text[last:start])
        holes.append((is_digits, found.group(1) == _NUMBER and is_digits))
        last = end
    return [*pieces, text[last:]], holes
