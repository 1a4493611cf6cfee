"""Part reasoning from an answer that carries it as ``<think>…</think>`` at its beginning.

Rules:
- only for providers marked so (``Quirks.raw_think``), and only at the very beginning: further on a model may be talking
  about the tag;
- what could be the beginning of a tag is held back, at most one tag long.
"""

from typing import Final, Literal

_OPEN: Final = "<think>"
_CLOSE: Final = "</think>"

Piece = tuple[Literal["thinking", "text"], str]


class ThinkSplitter:
    """Text pieces in, pieces told apart out. One a stream."""

    __slots__ = ("_held", "_state")

    def __init__(self) -> None:
        self._state: Literal["before", "opened", "thinking", "after", "text"] = "before"
        self._held = ""

    def feed(self, text: str) -> list[Piece]:
        """The pieces that ``text`` completed."""
        if self._state == "text":
            return [("text", text)]
        pieces: list[Piece] = []
        text = self._held + text
        self._held = ""
        if self._state == "before":
            text = self._begin(text)
        if self._state == "opened" and (text := text.lstrip("\r\n")):
            self._state = "thinking"
        if self._state == "thinking" and text:
            text = self._think(text, pieces)
        if self._state == "after":
            text = text.lstrip("\r\n")
            if text:
                self._state = "text"
        if self._state == "text" and text:
            pieces.append(("text", text))
        return pieces

    def end(self) -> list[Piece]:
        """The answer is over: what was held back is what it looks like."""
        held, self._held = self._held, ""
        if not held:
            return []
        return [("thinking" if self._state == "thinking" else "text", held)]

    def _begin(self, text: str) -> str:
        start = text.lstrip()
        if start.startswith(_OPEN):
            self._state = "opened"
            return start[len(_OPEN) :]
        if _OPEN.startswith(start):
            self._held = text
            return ""
        self._state = "text"
        return text

    def _think(self, text: str, pieces: list[Piece]) -> str:
        thought, closed, rest = text.partition(_CLOSE)
        if closed:
            self._state = "after"
        else:
            keep = next((n for n in range(len(_CLOSE) - 1, 0, -1) if text.endswith(_CLOSE[:n])), 0)
            thought, self._held = text[: len(text) - keep], text[len(text) - keep :]
        if thought:
            pieces.append(("thinking", thought))
        return rest
