"""Put an upstream's blocks into order: for decoders of formats that let them interleave.

Strategy: the first block that is not finished is live and its pieces become events at once; a block that opens while
the live one can't be closed is held back with its pieces, and told when its turn comes. Text can always be closed; a
call only when its owner says that it is complete, because its later pieces may still come.

Rules:
- held pieces are bounded (``MAX_HELD_CHARS``); beyond it a live call that never got arguments is taken for one without,
  anything else makes ``is_overflowing`` true;
- a piece for a block already told is refused (``add`` returns False);
- what text cites is told once, behind its end; what came before any text belongs to the next one.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from freetheai.wire.citations import MAX_CITATIONS
from freetheai.wire.events import BlockDelta, BlockEnd, BlockKind, BlockStart, Citation, Citations, Event

# Held pieces of a stream (characters): what a provider may interleave before it counts as broken.
MAX_HELD_CHARS: Final = 256 * 1024


@dataclass(slots=True)
class OpenBlock:
    """A block on its way. ``can_close`` is asked of a live call when another block waits."""

    kind: BlockKind
    name: str = ""
    call_id: str = ""
    custom: bool = False
    can_close: Callable[[], bool] | None = None
    signature: str = ""
    index: int = -1
    is_closed: bool = False
    has_pieces: bool = False
    held: list[tuple[str, list[dict[str, Any]] | None]] = field(default_factory=list)
    # In order, each once.
    cited: dict[Citation, None] = field(default_factory=dict)


class BlockQueue:
    """Blocks in, events in order out."""

    __slots__ = ("_early", "_held", "_held_chars", "_live", "_next_index", "has_output", "is_overflowing")

    def __init__(self) -> None:
        self._early: list[Citation] = []
        self._live: OpenBlock | None = None
        self._held: deque[OpenBlock] = deque()
        self._held_chars = 0
        self._next_index = 0
        self.has_output = False
        self.is_overflowing = False

    def text(
        self, events: list[Event], kind: BlockKind, text: str, logprobs: list[dict[str, Any]] | None = None
    ) -> None:
        """A piece of text, thinking or refusal: continues the newest block of its kind or opens one."""
        live = self._live
        if live is not None and not self._held and live.kind == kind:
            events.append(BlockDelta(live.index, text, logprobs))
            return
        newest = self._held[-1] if self._held else live
        if newest is None or newest.kind != kind or newest.signature:
            newest = OpenBlock(kind)
            self.open(events, newest)
        self.add(events, newest, text, logprobs)

    def open(self, events: list[Event], block: OpenBlock) -> None:
        """A block begins; it is told now or when those before it are closed."""
        # Hidden thinking alone is no answer.
        self.has_output = self.has_output or block.kind != "redacted"
        self._held.append(block)
        if self._early and block.kind == "text":
            block.cited.update(dict.fromkeys(self._early))
            self._early = []
        self._advance(events)

    def add(
        self, events: list[Event], block: OpenBlock, text: str, logprobs: list[dict[str, Any]] | None = None
    ) -> bool:
        """A piece of an open block; False if the block was closed already."""
        if block.is_closed:
            return False
        if not block.has_pieces and block.kind == "tool_call" and not block.custom and text.isspace():
            # White space before any argument: a call without arguments may be told so.
            return True
        block.has_pieces = True
        if block is self._live:
            events.append(BlockDelta(block.index, text, logprobs))
            return True
        block.held.append((text, logprobs))
        self._held_chars += len(text)
        if self._held_chars > MAX_HELD_CHARS:
            self._make_room(events)
        return True

    def sign(self, events: list[Event], kind: BlockKind, signature: str) -> None:
        """The newest block, if it is of this kind, was signed: it is complete."""
        newest = self._held[-1] if self._held else self._live
        if newest is None or newest.kind != kind:
            return
        newest.signature = signature
        if newest is self._live:
            self._close_live(events)

    def cite(self, citation: Citation, block: OpenBlock | None = None) -> None:
        """The newest text, or this one, cites a link; left out where that text was told already."""
        newest = block or (self._held[-1] if self._held else self._live)
        if newest is None or newest.kind != "text":
            if len(self._early) < MAX_CITATIONS:
                self._early.append(citation)
        elif len(newest.cited) < MAX_CITATIONS:
            newest.cited[citation] = None

    @property
    def newest_kind(self) -> BlockKind | None:
        """What the newest block is that is not told in full; None if there is none."""
        newest = self._held[-1] if self._held else self._live
        return None if newest is None else newest.kind

    def advance(self, events: list[Event]) -> None:
        """A block became complete: tell what waited for it."""
        self._advance(events)

    def close_all(self, events: list[Event]) -> None:
        """The answer is complete: tell everything."""
        while self._live is not None or self._held:
            self._close_live(events)
            self._begin_next(events)

    def _advance(self, events: list[Event]) -> None:
        while self._held:
            live = self._live
            if live is not None and live.can_close is not None and not live.can_close():
                return
            self._close_live(events)
            self._begin_next(events)

    def _make_room(self, events: list[Event]) -> None:
        live = self._live
        if live is not None and not live.has_pieces:
            self._close_live(events)
            self._begin_next(events)
            self._advance(events)
        self.is_overflowing = self._held_chars > MAX_HELD_CHARS

    def _close_live(self, events: list[Event]) -> None:
        if self._live is not None:
            self._live.is_closed = True
            events.append(BlockEnd(self._live.index, self._live.signature))
            if self._live.cited:
                events.append(Citations(self._live.index, list(self._live.cited)))
            self._live = None

    def _begin_next(self, events: list[Event]) -> None:
        if not self._held:
            return
        block = self._live = self._held.popleft()
        block.index = self._next_index
        self._next_index += 1
        signature = block.signature if block.kind == "tool_call" else ""
        events.append(BlockStart(block.index, block.kind, block.call_id, block.name, block.custom, signature))
        for text, logprobs in block.held:
            self._held_chars -= len(text)
            events.append(BlockDelta(block.index, text, logprobs))
        block.held.clear()
