"""Tell a stream's parts as blocks: texts joined, all else whole, signatures where they belong.

Rules: at most one block is open, a text; a signature ends the part it came with. A text's own (``signed.py``), and one
that came alone, travels on thinking without words: it waits until something follows or the answer ends well, so that an
answer of nothing else stays one without output. Links are told behind the text that cites them, if nothing else began
meanwhile.
"""

from typing import Any, Literal

from freetheai.wire.events import BlockDelta, BlockEnd, BlockKind, BlockStart, Citations, Event
from freetheai.wire.gemini.links import MAX_SOURCES, links_of, sources_in
from freetheai.wire.gemini.signed import text_signature


class BlockWriter:
    """Parts in, events out. One a stream."""

    __slots__ = ("_alone", "_chars", "_index", "_open", "_said", "_sources", "_text_index", "has_output")

    def __init__(self) -> None:
        self._index = -1
        self._open: BlockKind | None = None
        self._alone = ""
        # All text so far: where links stand in it is told in bytes, at its end.
        self._said: list[str] = []
        self._chars = 0
        self._sources: list[dict[str, Any]] = []
        self._text_index = -1
        self.has_output = False

    def text(
        self,
        events: list[Event],
        kind: Literal["text", "thinking"],
        text: str,
        signature: str = "",
        logprobs: list[dict[str, Any]] | None = None,
    ) -> None:
        """A piece of text or thinking, perhaps the end of a signed one."""
        if text:
            if self._open != kind or self._alone:
                self._begin(events, BlockStart(0, kind))
                self._open = kind
            if kind == "text":
                self._said.append(text)
                self._chars += len(text)
            events.append(BlockDelta(self._index, text, logprobs))
        if not signature:
            return
        if kind == "text":
            self.carry(events, text_signature(self._chars - len(text), text, signature))
        elif self._open == kind and not self._alone:
            self._end(events, signature)
        else:
            self.carry(events, signature)

    def carry(self, events: list[Event], signature: str) -> None:
        """A signature that belongs to no block."""
        self._settle(events)
        self._alone = signature

    def call(self, events: list[Event], call_id: str, name: str, text: str, signature: str, *, custom: bool) -> None:
        """A whole call; ``text`` is its arguments' JSON, or its free text."""
        start = BlockStart(0, "tool_call", call_id, name, custom, signature)
        self._whole(events, start, "" if text == "{}" and not custom else text, signature)

    def media(self, events: list[Event], media_type: str, data: str, signature: str) -> None:
        """A whole image or other file, ``data`` in base64; without data only its signature counts."""
        if data:
            self._whole(events, BlockStart(0, "media", name=media_type), data, signature)
        elif signature:
            self.carry(events, signature)

    def cite(self, candidate: dict[str, Any]) -> None:
        """A candidate that says where its text is from."""
        if len(self._sources) < MAX_SOURCES:
            self._sources.append(sources_in(candidate))

    def close(self, events: list[Event]) -> None:
        """The answer is complete."""
        if not self.has_output:
            self._alone = ""
        self._settle(events)
        self._said.clear()
        self._chars = 0
        self._sources.clear()

    def _whole(self, events: list[Event], start: BlockStart, text: str, signature: str) -> None:
        self._begin(events, start)
        if text:
            events.append(BlockDelta(self._index, text))
        self._end(events, signature)

    def _begin(self, events: list[Event], start: BlockStart) -> None:
        self.has_output = True
        self._settle(events)
        self._index += 1
        start.index = self._index
        if start.kind == "text":
            self._text_index = self._index
        events.append(start)

    def _end(self, events: list[Event], signature: str) -> None:
        events.append(BlockEnd(self._index, signature))
        self._open = None

    def _settle(self, events: list[Event]) -> None:
        """Close the open block, tell what it cites, then the signature that came alone behind it."""
        if self._open is not None:
            self._end(events, "")
        if self._sources and self._text_index == self._index >= 0:
            cited, self._sources = links_of(self._sources, "".join(self._said)), []
            if cited:
                events.append(Citations(self._index, cited))
        if self._alone:
            self._index += 1
            events.extend((BlockStart(self._index, "thinking"), BlockEnd(self._index, self._alone)))
            self._alone = ""
