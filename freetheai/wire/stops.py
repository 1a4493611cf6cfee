"""Stop sequences for upstreams that know none, or fewer than the client gave: cut here, in the text.

Strategy: ``StopDecoder`` stands around a decoder and looks at its text pieces. What could be the beginning of a stop
string is held back, at most one string less a character long; at the first match the text ends and so does the answer.

Rules:
- only text is looked at, neither reasoning nor arguments; text blocks with nothing between them are one text, since a
  stop string that a model writes across two of them is one to the client, and the answer ends in the block where it
  begins; a block of another kind parts them;
- the stop string that is complete first counts, as for a model that writes on; of two that end together the longer;
- after a match nothing more is read: the transfer is ended by whoever sees that the stream is finished;
- of a plain answer the counts stay, and of several answers each is cut by itself.
"""

from collections.abc import Sequence

from freetheai.wire.events import BlockDelta, BlockEnd, BlockStart, Citations, Event, Finish, NextAnswer, Usage
from freetheai.wire.formats import StreamDecoder


class StopDecoder:
    """A decoder whose answer ends at the first of ``stops``. See ``formats.StreamDecoder``."""

    __slots__ = ("_cutter", "_decoder")

    def __init__(self, decoder: StreamDecoder, stops: Sequence[str]) -> None:
        self._decoder = decoder
        self._cutter = _Cutter(stops)

    def feed(self, data: bytes) -> list[Event]:
        """Events completed by ``data``; nothing after a stop string."""
        return [] if self._cutter.is_over else self._cutter.cut(self._decoder.feed(data))

    def end(self) -> list[Event]:
        """The upstream closed."""
        return [] if self._cutter.is_over else self._cutter.cut(self._decoder.end())


def cut_answer(events: Sequence[Event], stops: Sequence[str]) -> list[Event]:
    """The events of a plain answer, cut as its stream would be; each of several answers by itself."""
    out: list[Event] = []
    answer: list[Event] = []
    for event in events:
        answer.append(event)
        if isinstance(event, NextAnswer):
            out += _cut_one(answer, stops)
            answer = []
    return out + _cut_one(answer, stops)


def _cut_one(answer: list[Event], stops: Sequence[str]) -> list[Event]:
    cutter = _Cutter(stops)
    out = cutter.cut(answer)
    if not cutter.is_over:
        return out
    if isinstance(answer[-1], NextAnswer):
        return [*out[:-1], NextAnswer("stop_sequence")]
    return [*out[:-1], *(event for event in answer if isinstance(event, Usage)), out[-1]]


class _Cutter:
    """Takes the events of one answer; ``is_over`` after a stop string."""

    __slots__ = ("_held", "_index", "_stops", "_tail", "is_over")

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = tuple(stop for stop in stops if stop)
        # What is not told yet: pieces of text that may begin a stop string, first of all, with the ends and beginnings
        # of blocks between them. `_tail` is their text.
        self._held: list[Event] = []
        self._tail = ""
        self._index = -1
        self.is_over = False

    def cut(self, events: Sequence[Event]) -> list[Event]:
        """``events`` up to the first stop string in their text, less what may be the beginning of one."""
        out: list[Event] = []
        for event in events:
            if isinstance(event, BlockDelta) and event.index == self._index:
                self._text(event, out)
                if self.is_over:
                    return out
                continue
            if isinstance(event, BlockStart):
                self._index = event.index if event.kind == "text" else -1
            if self._held and self._goes_on(event):
                self._held.append(event)
                continue
            out += self._held
            self._held, self._tail = [], ""
            out.append(event)
        return out

    def _goes_on(self, event: Event) -> bool:
        """Whether text may go on after this: its own end, or the beginning of the next."""
        return isinstance(event, BlockEnd | Citations) or (isinstance(event, BlockStart) and self._index >= 0)

    def _text(self, delta: BlockDelta, out: list[Event]) -> None:
        text = self._tail + delta.text
        self._held.append(delta)
        found = [(at, stop) for stop in self._stops if (at := text.find(stop)) >= 0]
        if found:
            at, stop = min(found, key=lambda match: (match[0] + len(match[1]), match[0]))
            index = self._release(at, out)
            out.extend((BlockEnd(index), Finish("stop_sequence", stop)))
            self.is_over = True
            return
        keep = max((_overlap(text, stop) for stop in self._stops), default=0)
        self._release(len(text) - keep, out)
        self._tail = text[len(text) - keep :]

    def _release(self, size: int, out: list[Event]) -> int:
        """Tell so many characters of what is held, and what stands before the rest; the block where they end."""
        held, self._held = self._held, []
        index = self._index
        for number, event in enumerate(held):
            if not isinstance(event, BlockDelta):
                out.append(event)
                continue
            index = event.index
            if len(event.text) > size:
                if size:
                    out.append(BlockDelta(index, event.text[:size], event.logprobs))
                    event = BlockDelta(index, event.text[size:])
                self._held = [event, *held[number + 1 :]]
                break
            size -= len(event.text)
            if event.text:
                out.append(event)
        return index


def _overlap(text: str, stop: str) -> int:
    """How many characters at the end of ``text`` are the beginning of ``stop``, short of all of it."""
    longest = min(len(text), len(stop) - 1)
    return next((size for size in range(longest, 0, -1) if text.endswith(stop[:size])), 0)
