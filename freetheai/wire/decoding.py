"""What decoders of event streams share: the loop from bytes to frames, past those that need not be read in full.

Rules:
- an event that fits a template goes to ``_matched``, every other is parsed: an object goes to ``_read``, an error ends
  the stream;
- after ``Finish`` or ``Failed`` nothing is read any more: ``_is_over``.
"""

import re
from typing import Any, Final

from freetheai.wire.error_body import ErrorFields, error_fields, failure_from
from freetheai.wire.events import Event, Failed, FailureKind, UpstreamFailure
from freetheai.wire.expected import LONG_READ_BYTES
from freetheai.wire.jsontext import loads
from freetheai.wire.sse import Frame, SseSplitter, read_frame
from freetheai.wire.template import BLANK, TextMatch, TextTemplates

DONE: Final = b"[DONE]"


class FrameDecoder:
    """The half of a ``formats.StreamDecoder`` that cuts events. ``volatile``: see ``template.py``."""

    def __init__(self, volatile: re.Pattern[bytes] | None = None) -> None:
        self._splitter = SseSplitter()
        self._templates = TextTemplates(volatile)
        self._is_over = False

    def feed(self, data: bytes) -> list[Event]:
        """Events completed by ``data``; nothing after the end."""
        events: list[Event] = []
        if self._is_over:
            return events
        match = self._templates.match
        if self._splitter.is_idle:
            if len(data) > LONG_READ_BYTES:
                if self._matched_run(data, events):
                    return events
            elif (known := match(data)) is not None:
                self._matched(known, events)
                return events
        for text in self._splitter.texts(data):
            if (known := match(text + BLANK)) is not None:
                self._matched(known, events)
            elif (frame := read_frame(text)) is not None:
                self._frame(frame, events)
        if self._splitter.is_overflowing:
            self._fail(events, "too_large", "an event is larger than can be read")
        return events

    def end(self) -> list[Event]:
        """The upstream closed: a good end if it said so, else ``Failed``."""
        events: list[Event] = []
        if self._is_over:
            return events
        for frame in self._splitter.end():
            self._frame(frame, events)
        if not self._is_over:
            self._ended(events, is_marked=False)
        return events

    def _frame(self, frame: Frame, events: list[Event]) -> None:
        """Read an event in full."""
        if self._is_over:
            return
        if frame.data.strip() == DONE:
            self._ended(events, is_marked=True)
            return
        try:
            value = loads(frame.data)
        except ValueError:
            # The last frame of a cut stream may be half an event: `_ended` judges by what came before.
            if not frame.is_cut:
                self._fail(events, "malformed", "an event is not JSON")
            return
        if frame.is_error or frame.event == b"error" or self._is_error(value):
            self._fail_as(events, self._error_fields(value))
        elif isinstance(value, dict):
            self._read(value, frame, events)
        elif isinstance(value, list):
            self._read_list(value, events)

    def _read(self, value: dict[str, Any], frame: Frame, events: list[Event]) -> None:
        """Read an event's object."""
        raise NotImplementedError

    def _read_list(self, value: list[Any], events: list[Event]) -> None:
        """Read an event that is a list: nothing, or an error."""
        if fields := error_fields(value):
            self._fail_as(events, fields)

    def _ended(self, events: list[Event], *, is_marked: bool) -> None:
        """Nothing more will come; ``is_marked``: ``[DONE]`` said so."""
        raise NotImplementedError

    def _is_error(self, value: Any) -> bool:
        """Whether an event is an error by what it holds; what its lines say is known already."""
        del value
        return False

    def _error_fields(self, value: Any) -> ErrorFields:
        return error_fields(value)

    def _matched(self, match: TextMatch, events: list[Event]) -> None:
        """Read an event like an earlier one."""
        raise NotImplementedError

    def _matched_run(self, data: bytes, events: list[Event]) -> bool:
        """Read a whole read of events like the last one; False if it is anything else."""
        template = self._templates.newest
        run = None if template is None else template.texts_in(data)
        if template is None or run is None:
            return False
        for text in run[1]:
            self._matched((template, b"", text, -1), events)
        return True

    def _fail(self, events: list[Event], kind: FailureKind, message: str) -> None:
        if not self._is_over:
            self._is_over = True
            events.append(Failed(UpstreamFailure(kind=kind, phase="stream", message=message)))

    def _fail_as(self, events: list[Event], fields: ErrorFields) -> None:
        if not self._is_over:
            self._is_over = True
            events.append(Failed(failure_from(fields)))
