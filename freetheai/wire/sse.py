r"""Cut a byte stream into server-sent events, whatever its line ends and wherever it was cut.

Strategy: line ends are made one kind at the door (JSON never holds a raw CR), then blank lines are all that is searched
for, and only in what is new. What waits for its blank line grows in one buffer and is copied out once, so the work is
linear for one-byte reads and for 16 MiB events alike. A frame of one ``data: `` line, nearly all of them, never meets
the line parser.

Rules:
- several ``data:`` lines are joined with LF; one space after the colon is dropped; comments and other fields ignored;
- an ``error:`` field (old llama.cpp) is an error frame; a frame that opens with ``{`` or ``[`` has no field names at
  all (a bare JSON body in a stream) and is its own data;
- the rest without a blank line is a frame at the end of the stream, marked as possibly cut;
- an event over ``max_event_bytes`` sets ``is_overflowing`` and ends the splitting.

Format: https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from dataclasses import dataclass
from typing import Final

# Base64 audio and images arrive in one event; beyond this a provider is broken (or hostile).
MAX_EVENT_BYTES: Final = 16 * 1024 * 1024

_BOM: Final = b"\xef\xbb\xbf"


@dataclass(slots=True)
class Frame:
    r"""One event. ``raw`` is its text with LF line ends and without its blank line; ``data`` the joined data lines.

    ``is_error``: it came as an ``error:`` field. ``is_bare``: it had no field names. ``is_cut``: the stream ended
    before its blank line, so it may be only a part.
    """

    raw: bytes
    data: bytes
    event: bytes = b""
    is_error: bool = False
    is_bare: bool = False
    is_cut: bool = False


class SseSplitter:
    """Bytes in, whole frames out. One a stream.

    ``is_idle``: nothing waits, so that what is fed next begins an event.
    """

    __slots__ = ("_ends_in_cr", "_ends_in_lf", "_max_event_bytes", "_waiting", "is_idle", "is_overflowing")

    def __init__(self, max_event_bytes: int = MAX_EVENT_BYTES) -> None:
        self._max_event_bytes = max_event_bytes
        self._waiting = bytearray()
        self._ends_in_cr = False
        self._ends_in_lf = False
        self.is_idle = True
        self.is_overflowing = False

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that ``data`` completed; the rest waits for the next call."""
        return [frame for text in self.texts(data) if (frame := read_frame(text)) is not None]

    def texts(self, data: bytes) -> list[bytes]:
        """What ``data`` completed, for ``read_frame``: an event each, or nothing that is one."""
        if self._ends_in_cr or b"\r" in data:
            data = self._with_lf(data)
        if not data or self.is_overflowing:
            return []
        starts_next = self._ends_in_lf and data[0] == 10
        self._ends_in_lf = data[-1] == 10
        if self._waiting:
            if not starts_next and b"\n\n" not in data:
                self._keep(data)
                return []
            self._waiting += data
            data = bytes(self._waiting)
            self._waiting.clear()
        texts = data.split(b"\n\n")
        rest = texts.pop()
        self.is_idle = not rest and not self._ends_in_cr
        if len(data) > self._max_event_bytes:
            texts = self._within_bound(texts)
        if rest:
            self._keep(rest)
        return texts

    def end(self) -> list[Frame]:
        """The stream is over: what still waits, as a frame that may be cut."""
        text = bytes(self._waiting)
        self._waiting.clear()
        frame = None if self.is_overflowing else _parse(text)
        if frame is None:
            return []
        frame.is_cut = True
        return [frame]

    def _within_bound(self, texts: list[bytes]) -> list[bytes]:
        """The texts before the first that is too large."""
        for place, text in enumerate(texts):
            if len(text) > self._max_event_bytes:
                self.is_overflowing = True
                return texts[:place]
        return texts

    def _keep(self, data: bytes) -> None:
        self.is_idle = False
        self._waiting += data
        if len(self._waiting) > self._max_event_bytes:
            self.is_overflowing = True
            self._waiting.clear()

    def _with_lf(self, data: bytes) -> bytes:
        if self._ends_in_cr and data.startswith(b"\n"):
            data = data[1:]
            self._ends_in_cr = False
        if data:
            self._ends_in_cr = data.endswith(b"\r")
        return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def read_frame(text: bytes) -> Frame | None:
    """An event's frame; None where nothing in it is data."""
    if text.startswith(b"data: ") and b"\n" not in text:
        return Frame(text, text[6:])
    return (_named(text) or _parse(text)) if text else None


def _named(text: bytes) -> Frame | None:
    """A frame of just an ``event: `` and a ``data: `` line, as Messages and Responses send nearly all; else None."""
    head, _, rest = text.partition(b"\n")
    if head.startswith(b"event: ") and rest.startswith(b"data: ") and len(rest) > 6 and b"\n" not in rest:
        return Frame(text, rest[6:], head[7:].strip())
    return None


def _parse(text: bytes) -> Frame | None:
    """A frame from its lines; None where nothing in it is data."""
    text = text.removeprefix(_BOM).strip(b"\n")
    if text.lstrip()[:1] in (b"{", b"["):
        return Frame(text, text.strip(), is_bare=True)
    frame = Frame(text, b"")
    data: list[bytes] = []
    for line in text.split(b"\n"):
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            data.append(value)
        elif name == b"event":
            frame.event = value.strip()
        elif name == b"error":
            frame.is_error = True
            data.append(value)
    frame.data = b"\n".join(data)
    return frame if frame.data else None
