"""What relays of equal formats share: frames in, whole frames out, untouched wherever they are in order.

Strategy: a ``FrameRelay`` is fed by frames; the format's subclass looks at each once (``_frame``) and appends what the
client gets. Events that fit one of its templates are sent by ``_passed`` and never become frames; if the last one was
such an event, the next read is first looked at as one more of them, or several. ``HeadSplice`` exchanges the few values
that every chunk repeats (id, time, model) in the raw bytes, so that a chunk in order is never serialised again.

Rules:
- only whole frames are written, so an error event can always follow;
- what is expected is settled anew whenever an event was read in full, and nothing is once the stream has ended;
- bytes are exchanged only after the parsed chunk has shown where they stand; anything unexpected is serialised anew.
"""

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

import orjson
from orjson import loads

from freetheai.wire.error_body import ErrorFields, failure_from
from freetheai.wire.events import FailureKind, UpstreamFailure
from freetheai.wire.expected import LONG_READ_BYTES, LONG_TEXT_BYTES, TextRun, TextTemplate
from freetheai.wire.request import ChatRequest
from freetheai.wire.sse import Frame, SseSplitter, read_frame
from freetheai.wire.template import BLANK, TextTemplates
from freetheai.wire.translate import GuardedStream

_JSON_SPACE = b" \t\n\r"

Edit = Callable[[dict[str, Any]], dict[str, Any]]


class FrameRelay(GuardedStream):
    """The frame loop of a relay. A subclass implements ``_frame`` and ``_finish``, which append to ``out``."""

    def __init__(self, request: ChatRequest, volatile: re.Pattern[bytes] | None = None) -> None:
        super().__init__(request)
        self._splitter = SseSplitter()
        self._templates = TextTemplates(volatile)
        # What the next read is most likely one more of, and may then pass at once; None while that can't be known.
        self._expected: TextTemplate | None = None

    def feed(self, data: bytes) -> bytes:
        """See ``formats.ByteStream``. One more event like the last one is told right here: nearly all reads are one."""
        template, size = self._expected, len(data)
        if template is not None and size < LONG_READ_BYTES:
            # As in `TextTemplate.text_in`; calling that would cost a tenth of all this.
            body = data.removeprefix(template.head).removesuffix(template.end)
            length = len(body)
            if length + template.size == size and (length < LONG_TEXT_BYTES or b"\n" not in body):
                if template.gap and not (body := template.before_gap(body)):
                    return GuardedStream.feed(self, data)
                try:
                    text: str = loads(b'"%b"' % body)
                except ValueError:
                    return GuardedStream.feed(self, data)
                template.is_used = True
                if (number := template.next_number) >= 0:
                    template.count_on()
                if sent := self._passed(template, body, text, number, data):
                    return sent
        return GuardedStream.feed(self, data)

    def _feed(self, data: bytes) -> bytes:
        template, self._expected = self._expected, None
        if template is not None:
            number = template.next_number
            run = template.texts_in(data)
            if run is not None and (sent := self._passed_run(template, run, number, data)):
                self._expected = template if self.failure is None else None
                return sent
        sent = self._read(data)
        newest = self._templates.newest
        is_on = self._splitter.is_idle and self.failure is None and not self.is_finished
        if is_on and newest is not None and self._is_current(newest):
            self._expected = newest
        return sent

    def _read(self, data: bytes) -> bytes:
        """What is sent for a read that is not what was expected."""
        if self._splitter.is_idle and (sent := self._matched(data)):
            return sent
        out: list[bytes] = []
        for text in self._splitter.texts(data):
            if sent := self._matched(text + BLANK):
                out.append(sent)
                continue
            if (frame := read_frame(text)) is None:
                continue
            self._frame(frame, out)
            if self.is_finished or self.failure is not None:
                return b"".join(out)
        if self._splitter.is_overflowing:
            self._fail("too_large", "an event is larger than can be read")
        return b"".join(out)

    def _end(self) -> bytes:
        self._expected = None
        out: list[bytes] = []
        for frame in self._splitter.end():
            self._frame(frame, out)
        if not self.is_finished and self.failure is None:
            self._finish(out)
        return b"".join(out)

    def _matched(self, event: bytes) -> bytes:
        """What is sent for an event that fits a template; "" if it must be read in full."""
        match = self._templates.match(event)
        return self._passed(*match, event) if match is not None and self._is_current(match[0]) else b""

    def _is_current(self, template: TextTemplate) -> bool:
        """Whether events of this kind belong to something that still is what it was when the template was learned.

        It stays so until an event is read in full.
        """
        raise NotImplementedError

    def _passed(self, template: TextTemplate, body: bytes, text: str, number: int, event: bytes) -> bytes:
        """What is sent for an event that fits a template; "" if it must be read in full: then nothing may have been
        noted of it. ``body`` is ``text`` as it is written, ``number`` the event's; -1 if it has none.
        """
        raise NotImplementedError

    def _passed_run(self, template: TextTemplate, run: TextRun, number: int, data: bytes) -> bytes:
        """``_passed`` for several events, the first of which has this number; the others have the next ones."""
        raise NotImplementedError

    def _frame(self, frame: Frame, out: list[bytes]) -> None:
        raise NotImplementedError

    def _finish(self, out: list[bytes]) -> None:
        """The upstream closed without its end marker: the end if that is good enough, else ``_fail``."""
        raise NotImplementedError

    def _fail(self, kind: FailureKind, message: str) -> None:
        self._expected = None
        if self.failure is None:
            self.failure = UpstreamFailure(kind=kind, phase="stream", message=message)

    def _fail_as(self, fields: ErrorFields) -> None:
        if self.failure is None:
            self.failure = failure_from(fields)


class HeadSplice:
    """Exchange top-level values around one big member of a JSON object, in its bytes.

    ``member`` is the key whose value passes untouched (``choices``). ``edit`` gets the other members and returns what
    they shall be; it is asked once for each new pair of head and tail, not for each chunk.
    """

    __slots__ = ("_head", "_key", "_member", "_new_head", "_new_tail", "_size", "_tail", "_tries")

    # How many different heads are learned before the upstream counts as one that varies them.
    MAX_TRIES = 16

    def __init__(self, member: str) -> None:
        self._member = member
        self._key = b'"' + member.encode() + b'":'
        self._head = self._tail = self._new_head = self._new_tail = b""
        self._size = 0
        self._tries = 0

    def splice(self, text: bytes, value: Mapping[str, Any], edit: Edit) -> bytes:
        """``text``, which is ``value`` as JSON, with its head and tail exchanged; b"" if it must be serialised."""
        head, tail = self._head, self._tail
        # The same head, the same tail and as many members: between them stands exactly the one member.
        if head and len(value) == self._size and text.startswith(head) and text.endswith(tail):
            return self._new_head + text[len(head) : len(text) - len(tail)] + self._new_tail
        if self._tries >= self.MAX_TRIES:
            return b""
        self._tries += 1
        return self._learn(text, value, edit)

    def _learn(self, text: bytes, value: Mapping[str, Any], edit: Edit) -> bytes:
        start = text.find(self._key)
        end = _value_end(text, start + len(self._key), value[self._member])
        if start < 0 or end < 0:
            return b""
        head, tail = text[: start + len(self._key)], text[end:]
        rest = {key: item for key, item in value.items() if key != self._member}
        try:
            is_clear = orjson.loads(head + b"null" + tail) == {**rest, self._member: None}
        except ValueError:
            return b""
        if not is_clear:
            return b""
        edited = edit(rest)
        new_head, new_tail = _exchanged(head, tail, rest, edited, self._key)
        if orjson.loads(new_head + b"null" + new_tail) != {**edited, self._member: None}:
            return b""
        self._head, self._tail, self._size = head, tail, len(value)
        self._new_head, self._new_tail = new_head, new_tail
        return new_head + text[start + len(self._key) : end] + new_tail


def _value_end(text: bytes, start: int, value: Any) -> int:
    """Where the array or object that begins at ``start`` ends; -1 if that can't be told."""
    closer = b"]" if isinstance(value, list) else b"}"
    end = len(text)
    for _ in range(64):
        end = text.rfind(closer, start, end)
        if end < 0:
            return -1
        try:
            if orjson.loads(text[start : end + 1]) == value:
                return end + 1
        except ValueError:
            continue
    return -1


def _exchanged(
    head: bytes, tail: bytes, old: Mapping[str, Any], new: Mapping[str, Any], key: bytes
) -> tuple[bytes, bytes]:
    """Head and tail with the new values; written anew only where members come or go."""
    if old.keys() != new.keys():
        return orjson.dumps(dict(new))[:-1] + (b"," if new else b"") + key, b"}"
    for name in [name for name in new if new[name] != old[name]]:
        quoted = orjson.dumps(name) + b":"
        value = orjson.dumps(new[name])
        head = _with_value(head, quoted, orjson.dumps(old[name]), value)
        tail = _with_value(tail, quoted, orjson.dumps(old[name]), value)
    return head, tail


def _with_value(text: bytes, quoted_key: bytes, old: bytes, new: bytes) -> bytes:
    at = text.find(quoted_key)
    if at < 0:
        return text
    start = at + len(quoted_key)
    while text[start : start + 1] and text[start] in _JSON_SPACE:
        start += 1
    return text[:start] + new + text[start + len(old) :] if text.startswith(old, start) else text


def without(value: dict[str, Any], keys: Collection[str]) -> dict[str, Any]:
    """A copy of an object without some of its members."""
    return {key: item for key, item in value.items() if key not in keys}
