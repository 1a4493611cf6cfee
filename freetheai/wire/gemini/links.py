"""Where a candidate's text is from: pages that a search found (`groundingMetadata`) and that it repeats
(`citationMetadata`).

Rules: total; places count bytes (UTF-8) of the text and are told as characters; a place whose words are told and stand
elsewhere is where those words are.

Format: https://ai.google.dev/api/generate-content#groundingmetadata
"""

from typing import Any, Final

from freetheai.wire.citations import MAX_CITATIONS, linked
from freetheai.wire.events import Citation

Value = dict[str, Any]

# Candidates of one stream that bring sources: usually the last one alone.
MAX_SOURCES: Final = 64
_MEMBERS: Final = ("groundingMetadata", "citationMetadata")


def has_sources(candidate: Value) -> bool:
    """Whether a candidate says where its text is from."""
    return any(candidate.get(name) for name in _MEMBERS)


def sources_in(candidate: Value) -> Value:
    """What of a candidate ``links_of`` reads."""
    return {name: candidate[name] for name in _MEMBERS if candidate.get(name)}


def links_of(candidates: list[Value], said: str) -> list[Citation]:
    """The links of what was kept of ``candidates``, each once, in order; ``said`` is all text so far."""
    text = _Text(said)
    found: dict[Citation, None] = {}
    for candidate in candidates:
        for citation in (*_repeated(candidate, text), *_grounding(candidate, text)):
            if citation is not None and len(found) < MAX_CITATIONS:
                found[citation] = None
    return list(found)


class _Text:
    """Text whose places are told in bytes."""

    def __init__(self, said: str) -> None:
        self._said = said
        self._data = b"" if said.isascii() else said.encode("utf-8", "replace")

    def place(self, segment: Value) -> tuple[int, int]:
        """Characters of a segment, as ``Citation`` has them; (-1, -1) where it names none that is there."""
        # A zero is left out where Google writes it.
        start, end, words = segment.get("startIndex", 0), segment.get("endIndex"), segment.get("text")
        if type(start) is int and type(end) is int and 0 <= start < end:
            if self._data:
                end = len(self._data[:end].decode("utf-8", "ignore"))
                start = len(self._data[:start].decode("utf-8", "ignore"))
            if not words or self._said[start:end] == words:
                return start, end
        at = self._said.find(words) if isinstance(words, str) and words else -1
        return (at, at + len(words)) if at >= 0 and isinstance(words, str) else (-1, -1)


def _grounding(candidate: Value, text: _Text) -> list[Citation | None]:
    metadata = _object(candidate.get("groundingMetadata"))
    chunks, supports = _objects(metadata.get("groundingChunks")), _objects(metadata.get("groundingSupports"))
    if not supports:
        return [_chunk_link(chunk, (-1, -1)) for chunk in chunks]
    out: list[Citation | None] = []
    for support in supports[:MAX_CITATIONS]:
        place = text.place(_object(support.get("segment")))
        numbers = support.get("groundingChunkIndices")
        for number in numbers if isinstance(numbers, list) else ():
            if type(number) is int and 0 <= number < len(chunks):
                out.append(_chunk_link(chunks[number], place))
    return out


def _chunk_link(chunk: Value, place: tuple[int, int]) -> Citation | None:
    source = next((_object(chunk[kind]) for kind in ("web", "retrievedContext", "maps") if chunk.get(kind)), {})
    return linked(source.get("uri"), source.get("title"), source.get("text"), place)


def _repeated(candidate: Value, text: _Text) -> list[Citation | None]:
    metadata = _object(candidate.get("citationMetadata"))
    sources = _objects(metadata.get("citationSources") or metadata.get("citations"))
    return [linked(source.get("uri"), source.get("title"), "", text.place(source)) for source in sources]


def _object(value: Any) -> Value:
    return value if isinstance(value, dict) else {}


def _objects(value: Any) -> list[Value]:
    """The objects of a list; what is none keeps its place, since they are told by number."""
    return [_object(item) for item in value] if isinstance(value, list) else []
