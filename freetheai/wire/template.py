"""Recognise events that differ from an earlier one only in one text: nearly all of a stream.

Strategy: of an event that was read in full, the bytes before and after its text are kept. A later event with the same
beginning and end whose middle is one JSON string means the same but for that text, so only the middle is parsed. The
reader decides what it learns: only events whose treatment depends on nothing else that may still change, or on state
that it looks at again for each of them.

Rules:
- a template is learned from an event in which the key stands once;
- of members that each reader names (``volatile``: padding, times, counts, numbers) the values may change: a run of
  digits where there was a number, of letters and digits where there was a string;
- a JSON string holds no line end: what matches as a whole read is exactly one event;
- a provider that varies more than that is given up after ``MAX_LEARNED`` templates none of which was ever used.
"""

import re
from dataclasses import dataclass
from typing import Any, Final

from orjson import dumps, loads

# Templates learned without one being used; two are kept at a time (text and reasoning alternate).
MAX_LEARNED: Final = 16
# Longest value of a volatile member (bytes).
MAX_HOLE_BYTES: Final = 64
BLANK: Final = b"\n\n"
# A read of more than this is looked at for further events before it is taken for one.
_LARGE_READ_BYTES: Final = 512
_STRING: Final = re.compile(rb'[ \t]*("(?:[^"\\]|\\.)*")', re.DOTALL)


def volatile(*members: str) -> re.Pattern[bytes]:
    """What finds the values of these members (regular expressions) in an event's bytes."""
    names = "|".join(members).encode()
    return re.compile(rb'"(' + names + rb')"[ \t]*:[ \t]*(?:"([A-Za-z0-9]+)"|([0-9]+)(?![0-9.eE]))')


# A value that may change, by what stands behind it (before the text) or before it (after the text); whether it is of
# digits only; whether it is the event's number.
_Hole = tuple[bytes, bool, bool]
_NUMBER: Final = b"sequence_number"
_DIGITS: Final = b"0123456789"


@dataclass(slots=True)
class TextTemplate:
    """What surrounds the text, as it comes (with the quotes) and (``new_head``, ``new_tail``: without) as it is sent.

    ``key`` is the text's member, ``owner`` what the reader wants to know of such events. ``head`` and ``tail`` are the
    bytes as they were last; ``before`` and ``after`` cut them at their volatile values, outer pieces first: ``first``
    and ``last`` are the outermost. ``is_steady``: what varies, does so now and then only.
    """

    head: bytes
    tail: bytes
    key: str
    owner: Any
    first: bytes = b""
    last: bytes = b""
    before: tuple[_Hole, ...] = ()
    after: tuple[_Hole, ...] = ()
    is_steady: bool = False
    # Where only the number varies: what the next one is expected to be; -1: another kind of event.
    next_number: int = -1
    # Where the number of the event that was matched last begins; counted from the event's end if below 0.
    number_at: int = 0
    # Where there are only digits behind the text: all from the first of them to the last, without any digit.
    counts: bytes = b""
    new_head: bytes = b""
    new_tail: bytes = b""
    read_tail: bytes = b""
    # Whether what is sent is what came; where the JSON string begins, and how far from the end it ends.
    is_same: bool = False
    start: int = 0
    rest: int = 0

    def place(self, head: bytes, tail: bytes) -> None:
        """The bytes around the text as they are expected next."""
        self.head, self.tail, self.read_tail = head, tail, tail + BLANK
        self.start, self.rest = len(head) - 1, 1 - len(tail)


# An event that fits a template: that, its JSON string as it came, its text, and its `sequence_number`; -1 where it has
# none.
TextMatch = tuple[TextTemplate, bytes, str, int]


_Span = tuple[int, int, int]


class TextTemplates:
    """The templates of one stream, the one used last first."""

    __slots__ = ("_first", "_learned", "_second", "_volatile")

    def __init__(self, volatile: re.Pattern[bytes] | None = None) -> None:
        self._first: TextTemplate | None = None
        self._second: TextTemplate | None = None
        self._learned = 0
        self._volatile = volatile

    def match(self, data: bytes, is_read: bool) -> TextMatch | None:
        """What ``data`` says if it fits a template. ``is_read``: it ends with a blank line and may be several events,
        which fit none.
        """
        template = self._first
        if template is None:
            return None
        if is_read and len(data) > _LARGE_READ_BYTES and data.find(BLANK) < len(data) - 2:
            return None
        if data.startswith(template.head) and data.endswith(template.read_tail if is_read else template.tail):
            quoted = data[template.start : template.rest - 2 if is_read else template.rest]
            if (number := template.next_number) >= 0:
                if template.after:
                    template.number_at = -len(template.last) - len(b"%d" % number)
                _expect(template, number + 1)
        else:
            span = self._search(data, len(data) - 2 if is_read else len(data))
            if span is None or self._first is None:
                return None
            template = self._first
            start, stop, number = span
            quoted = data[start - 1 : stop + 1]
        try:
            # It begins and ends with a quote: it is one string, or no JSON.
            text: str = loads(quoted)
        except ValueError:
            return None
        self._learned = 0
        return template, quoted, text, number

    def _search(self, data: bytes, end: int) -> _Span | None:
        """Where the text stands in an event that is not just like the last one, with its sequence number."""
        template = self._first
        if template is not None and (span := _span(template, data, end)) is not None:
            return span
        template = self._second
        if template is not None and (span := _span(template, data, end)) is not None:
            self._first, self._second = template, self._first
            return span
        return None

    def forget(self) -> None:
        """What was learned holds no longer."""
        self._first = self._second = None

    def learn(self, data: bytes, key: str, owner: Any = None, sent: bytes = b"") -> None:
        """Keep what surrounds the text of member ``key`` in the event ``data`` (without its blank line), and in
        ``sent``, which was made of it; without a key: nothing.
        """
        if not key or self._learned >= MAX_LEARNED:
            return
        self._learned += 1
        head, tail = _around(data, key)
        new_head, new_tail = _around(sent, key) if sent else (b"", b"")
        if not head or (sent and not new_head):
            return
        template = self._template(head, tail, key, owner)
        template.new_head, template.new_tail = new_head[:-1], new_tail[1:]
        template.is_same = sent == data + BLANK
        self._first, self._second = template, self._first

    def _template(self, head: bytes, tail: bytes, key: str, owner: Any) -> TextTemplate:
        template = TextTemplate(head, tail, key, owner, head, tail)
        template.place(head, tail)
        if self._volatile is None:
            return template
        heads, before = _cut(head, self._volatile)
        tails, after = _cut(tail, self._volatile)
        template.first, template.last = heads[0], tails[-1]
        template.before = tuple((piece, *hole) for piece, hole in zip(heads[1:], before, strict=True))
        # Looked for from the end on: so in reverse.
        template.after = tuple((piece, *hole) for piece, hole in zip(tails[:-1], after, strict=True))[::-1]
        template.is_steady = not after and not any(is_number for _, _, is_number in template.before)
        if not before and len(after) > 1 and all(is_digits for is_digits, _ in after):
            template.counts = tail[len(tails[0]) : len(tail) - len(tails[-1])].translate(None, _DIGITS)
        return template


def _around(data: bytes, key: str) -> tuple[bytes, bytes]:
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
        holes.append((is_digits, found.group(1) == _NUMBER))
        last = end
    return [*pieces, text[last:]], holes


def _span(template: TextTemplate, data: bytes, end: int) -> _Span | None:
    """Where the text stands between the volatile values around it, and the number; None if anything around it is not
    what it should be.
    """
    first, last = template.first, template.last
    if not (data.startswith(first) and data.endswith(last, 0, end)):
        return None
    start, stop = len(first), end - len(last)
    number = -1
    for literal, is_digits, is_number in template.before:
        at = data.find(literal, start, start + MAX_HOLE_BYTES + len(literal))
        hole = data[start:at]
        if at < 0 or (is_number and hole[:1] == b"0" < hole) or not (hole.isdigit() if is_digits else hole.isalnum()):
            return None
        if is_number:
            number = int(hole)
            template.number_at = start
        start = at + len(literal)
    if template.counts:
        literal = template.after[-1][0]
        at = data.rfind(literal, start, stop)
        if at < 0 or data[at + len(literal) : stop].translate(None, _DIGITS) != template.counts:
            return None
        return start, at, -1
    for literal, is_digits, is_number in template.after:
        at = data.rfind(literal, max(start, stop - MAX_HOLE_BYTES - len(literal)), stop)
        hole = data[at + len(literal) : stop]
        if at < 0 or (is_number and hole[:1] == b"0" < hole) or not (hole.isdigit() if is_digits else hole.isalnum()):
            return None
        if is_number:
            number = int(hole)
            template.number_at = at + len(literal) - end
        stop = at
    if number >= 0 and len(template.before) + len(template.after) == 1:
        _expect(template, number + 1)
    if template.is_steady:
        # A time, for example, changes now and then only: the next event is most likely just like this one.
        template.place(data[:start], template.tail)
    return start, stop, number


def _expect(template: TextTemplate, number: int) -> None:
    """The next event is most likely just like this one, with the next number."""
    template.next_number = number
    if template.before:
        head = template.head = b"%b%d%b" % (template.first, number, template.before[0][0])
        template.start = len(head) - 1
    else:
        template.place(template.head, b"%b%d%b" % (template.after[0][0], number, template.last))


def renumbered(template: TextTemplate, data: bytes, came: int, wanted: int) -> bytes:
    """An event that fits the template, with another number; ``data`` may end with its blank line."""
    size = len(b"%d" % came)
    start = template.number_at
    if start < 0:
        start += len(data) - len(BLANK) if data.endswith(BLANK) else len(data)
    return b"%b%d%b" % (data[:start], wanted, data[start + size :])
