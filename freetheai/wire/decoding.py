"""What decoders of event streams share: the loop from bytes to frames, past those that need not be read in full.

Rules:
- an event that fits a template goes to ``_matched``, every other becomes a frame for ``_frame``;
- after ``Finish`` or ``Failed`` nothing is read any more: ``_is_over``.
"""

import re

from freetheai.wire.error_body import ErrorFields, failure_from
from freetheai.wire.events import Event, Failed, FailureKind, UpstreamFailure
from freetheai.wire.sse import Frame, SseSplitter, read_frame
from freetheai.wire.template import TextMatch, TextTemplates


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
        if self._splitter.is_idle and (whole := match(data, True)) is not None:
            self._matched(whole, events)
            return events
        for text in self._splitter.texts(data):
            if (found := match(text, False)) is not None:
                self._matched(found, events)
            elif (frame := read_frame(text)) is not None:
                self._frame(frame, events)
        if self._splitter.is_overflowing:
            self._fail(events, "too_large", "an event is larger than can be read")
        return events

    def _frame(self, frame: Frame, events: list[Event]) -> None:
        """Read an event in full."""
        raise NotImplementedError

    def _matched(self, match: TextMatch, events: list[Event]) -> None:
        """Read an event like an earlier one."""
        raise NotImplementedError

    def _fail(self, events: list[Event], kind: FailureKind, message: str) -> None:
        if not self._is_over:
            self._is_over = True
            events.append(Failed(UpstreamFailure(kind=kind, phase="stream", message=message)))

    def _fail_as(self, events: list[Event], fields: ErrorFields) -> None:
        if not self._is_over:
            self._is_over = True
            events.append(Failed(failure_from(fields)))
