"""One kind of event: how it differs from an earlier one at most, and how the next one is expected to look.

Strategy: a template knows the bytes around the text as the next event of its kind should have them. Taking both off and
counting what is left costs less than looking at either, so ``text_in`` is all that most reads of a stream meet; a read
of several such events is parsed at once (``texts_in``). What varies in more ways is looked for (``search``).

Rules:
- what is recognised is proven to be whole events of this kind: all around the text is compared or stepped over by its
  own rule, and the text is one JSON string, which holds no line end;
- texts read together are joined by a line end, which no string may hold: none of them can end or begin another.
"""

import re
from dataclasses import dataclass
from typing import Any, Final

from orjson import loads

# Longest value of a volatile member (bytes).
MAX_HOLE_BYTES: Final = 64
# A text of more than this is looked at for line ends before it is parsed: it may be several events.
LONG_TEXT_BYTES: Final = 256
# A read of more than this is looked at as several events first.
LONG_READ_BYTES: Final = 1024
# How an event ends: of bytes that text hardly holds, so that finding it takes few steps.
_ENDING: Final = re.compile(rb'["{}\[\]]*\n\n\Z')
_NUMBER: Final = rb"(?:0|[1-9][0-9]{0,63})"
_WORD: Final = rb"[A-Za-z0-9]{1,64}"


# Texts read together: as they are written (without quotes), as they are meant, and their characters.
TextRun = tuple[list[bytes], list[str], int]


@dataclass(frozen=True, slots=True)
class Hole:
    """A value that may change, by what stands behind it (before the text) or before it (after the text).

    ``is_digits``: it is a JSON number, else the inside of a string. ``is_number``: it is the event's number.
    """

    literal: bytes
    is_digits: bool
    is_number: bool

    def fits(self, value: bytes) -> bool:
        """Whether ``value`` may stand here."""
        if len(value) > MAX_HOLE_BYTES:
            return False
        if not self.is_digits:
            return value.isalnum()
        return value.isdigit() and (value[0] != 48 or len(value) == 1)


@dataclass(slots=True)
class TextTemplate:
    """What surrounds the text, as it comes and (``new_head``, ``new_tail``) as it is sent; all with its quotes.

    ``key`` is the text's member, ``owner`` what the reader wants to know of such events. ``before`` and ``after`` cut
    the bytes around the text at their volatile values, outer pieces first: ``first`` and ``last`` are the outermost;
    ``last`` and whatever else ends an event here does so with its blank line.
    """

    key: str
    owner: Any
    first: bytes
    last: bytes
    before: tuple[Hole, ...] = ()
    after: tuple[Hole, ...] = ()
    new_head: bytes = b""
    new_tail: bytes = b""
    # Whether what is sent is what came; whether an event was recognised by this template.
    is_same: bool = False
    is_used: bool = False
    # What the next event should begin and end with; both together (bytes).
    head: bytes = b""
    end: bytes = b""
    size: int = 0
    # Where something other than the number varies behind the text: what stands before that, and how it is written;
    # None: as one word.
    gap: bytes = b""
    values: re.Pattern[bytes] | None = None
    # The number the next event should have; -1: not known, or there is none.
    next_number: int = -1
    # Whether nothing but the number varies before the text, and it stands there; or behind it.
    counts_before: bool = False
    counts_behind: bool = False
    numbered: bytes = b""
    # Where the number of the event that was recognised last begins; counted from its end if below 0.
    number_at: int = 0
    # What each event in a read of several ends with; b"": they are read one by one.
    ending: bytes = b""

    def prepare(self, head: bytes, tail: bytes) -> None:
        """Work out what follows from the parts; ``head`` and ``tail`` are those of the event it was made of."""
        is_number_behind = any(hole.is_number for hole in self.after)
        self.counts_before = len(self.before) == 1 and self.before[0].is_number and not is_number_behind
        self.counts_behind = not self.before and len(self.after) == 1 and is_number_behind
        if self.counts_before or self.counts_behind:
            outer = (self.first, self.before[0].literal) if self.before else (self.after[0].literal, self.last)
            self.numbered = b"%d".join(piece.replace(b"%", b"%%") for piece in outer)
        if self.after and not is_number_behind:
            # Looked for from the end on: so the literal right behind the text is the last one.
            self.gap, tail = self.after[-1].literal, self.last
            if len(self.after) > 1 or self.after[0].is_digits:
                self.values = _values(self.after)
        self._place(head, tail)
        if not self.counts_behind and (found := _ENDING.search(tail)) is not None:
            self.ending = found.group()

    def text_in(self, event: bytes) -> tuple[bytes, str] | None:
        """The text, as it is written and as it is meant, if ``event`` is the one expected next with its blank line."""
        body = event.removeprefix(self.head).removesuffix(self.end)
        length = len(body)
        if length + self.size != len(event) or (length > LONG_TEXT_BYTES and b"\n" in body):
            return None
        if self.gap and not (body := self.before_gap(body)):
            return None
        try:
            # Between quotes it is one string, or no JSON.
            text: str = loads(b'"%b"' % body)
        except ValueError:
            return None
        self.is_used = True
        if self.next_number >= 0:
            self.count_on()
        return body, text

    def texts_in(self, data: bytes) -> TextRun | None:
        """The texts of several events, each as it is expected then. See ``text_in``."""
        if not (self.ending and data.startswith(self.head)):
            return None
        pieces = data.split(self.ending)
        if pieces.pop():
            return None
        head, tail, number, count = self.head, self.end.removesuffix(self.ending), self.next_number, len(pieces)
        if number < 0:
            around = self.size * count
            bodies = [piece.removeprefix(head).removesuffix(tail) for piece in pieces]
        else:
            heads = [self.numbered % (number + place) for place in range(count)]
            around = sum(map(len, heads)) + len(self.end) * count
            bodies = [piece.removeprefix(head).removesuffix(tail) for piece, head in zip(pieces, heads, strict=True)]
        if sum(map(len, bodies)) + around != len(data):
            return None
        if self.gap and not all(bodies := [self.before_gap(body) for body in bodies]):
            return None
        try:
            texts = loads(b'["%b"]' % b'",\n"'.join(bodies))
            chars = len("".join(texts))
        except (ValueError, TypeError):
            return None
        if len(texts) != count:
            return None
        self.is_used = True
        if number >= 0:
            self._expect(number + count)
        return bodies, texts, chars

    def search(self, event: bytes) -> tuple[bytes, str, int] | None:
        """The text as in ``text_in``, and the number, -1 where there is none, whatever the volatile values are.

        The next event is expected to look like this one.
        """
        start, stop = len(self.first), len(event) - len(self.last)
        if stop < start or not (event.startswith(self.first) and event.endswith(self.last)):
            return None
        if stop - start > LONG_TEXT_BYTES and event.find(b"\n", start, stop) >= 0:
            return None
        if (before := self._stepped_over(event, start, stop)) is None:
            return None
        start, number, number_at = before
        head = event[:start]
        for hole in self.after:
            at = event.rfind(hole.literal, max(start, stop - MAX_HOLE_BYTES - len(hole.literal)), stop)
            value = event[at + len(hole.literal) : stop]
            if at < 0 or not hole.fits(value):
                return None
            if hole.is_number:
                number, number_at = int(value), stop - len(value) - len(event)
            stop = at
        body = event[start:stop]
        try:
            text: str = loads(b'"%b"' % body)
        except ValueError:
            return None
        self.is_used = True
        self.number_at = number_at
        if number < 0:
            # A time, for example, changes now and then only.
            self._place(head, self.end)
        elif self.counts_before or self.counts_behind:
            self._expect(number + 1)
        return body, text, number

    def _stepped_over(self, event: bytes, start: int, stop: int) -> tuple[int, int, int] | None:
        """Where the text begins, behind all that may vary before it; the number among that, and where it stands."""
        number, number_at = -1, 0
        for hole in self.before:
            at = event.find(hole.literal, start, min(start + MAX_HOLE_BYTES + len(hole.literal), stop))
            if at < 0 or not hole.fits(event[start:at]):
                return None
            if hole.is_number:
                number, number_at = int(event[start:at]), start
            start = at + len(hole.literal)
        return start, number, number_at

    def written(self, bodies: list[bytes]) -> bytes:
        """Events as they are sent with these texts."""
        return self.new_head + (self.new_tail + self.new_head).join(bodies) + self.new_tail

    def renumbered(self, event: bytes, came: int, wanted: int) -> bytes:
        """The event that was recognised last, with another number."""
        start = self.number_at if self.number_at >= 0 else len(event) + self.number_at
        return b"%b%d%b" % (event[:start], wanted, event[start + len(b"%d" % came) :])

    def count_on(self) -> None:
        """The event with the expected number came."""
        self.next_number = number = self.next_number + 1
        if self.counts_before:
            # Where it has one digit more, `size` is set by whatever recognises that event.
            self.head = self.numbered % number
        else:
            self.number_at = -len(self.last) - len(b"%d" % (number - 1))
            self._expect(number)

    def before_gap(self, body: bytes) -> bytes:
        """What stands before the values that vary behind the text; b"" if they are not what they should be."""
        body, _, values = body.rpartition(self.gap)
        if self.values is not None:
            return body if self.values.fullmatch(values) else b""
        return body if values.isalnum() and len(values) <= MAX_HOLE_BYTES else b""

    def _expect(self, number: int) -> None:
        """The next event is most likely just like this one, with this number."""
        self.next_number = number
        if self.counts_before:
            self._place(self.numbered % number, self.end)
        else:
            self._place(self.head, self.numbered % number)

    def _place(self, head: bytes, end: bytes) -> None:
        self.head, self.end = head, end
        self.size = len(head) + len(end)


def _values(holes: tuple[Hole, ...]) -> re.Pattern[bytes]:
    """How what varies behind the text is written, from the first of its values to the last."""
    pattern = b""
    for hole in holes:
        pattern = re.escape(hole.literal) + (_NUMBER if hole.is_digits else _WORD) + pattern
    return re.compile(pattern.removeprefix(re.escape(holes[-1].literal)))
