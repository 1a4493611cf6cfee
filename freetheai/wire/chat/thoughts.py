"""Signatures of thinking in ``reasoning_details``, each with the place of the words it signs.

A Chat Completions client holds the words of all thinking as one text. What signs a piece of it leaves us as
``at.<start>.<length>.<sum>.<calls>.<tagged>``: where its words stand in that text and how many they are (characters),
their check sum (CRC-32, hexadecimal), how many calls came before them, and the value as ``signature.tag`` made it.
Hidden thinking has no words: it stands where the entry before it stands.

Rules:
- the values go back only where every one of them still finds its own words; where the client changed them, or joined
  them otherwise, all go back as text that nobody signed;
- a client that sends the entries without any words gets the values back without words: some makers need no more;
- a lone value without a place signs the whole text;
- entries of a relayed answer keep their shape: their values are tagged, and all of them go back to their maker or none;
- to clients of other formats an upstream's entry goes as one opaque value, with its other members (``opaque_detail``),
  and comes back as the entry that it was (``returned_details``);
- clients can forge all of it, so it is only ever read as data.
"""

import re
import zlib
from dataclasses import dataclass
from typing import Any, Final, Literal

from freetheai.wire.request import Part, RedactedPart, ThinkingPart
from freetheai.wire.signature import packed_detail, tag, untag, untag_detail

# `format` of hidden thinking in the `reasoning_details` that our clients get.
REDACTED_FORMAT: Final = "freetheai-redacted"
# Members that hold a value of the maker's.
_VALUES: Final = ("data", "signature")
_PLACED: Final = re.compile(r"at\.(\d{1,9})\.(\d{1,9})\.([0-9a-f]{1,8})\.(\d{1,6})\.(.*)", re.DOTALL)


class ThoughtWriter:
    """Makes the entries of one answer: fed with its blocks in order, whole or in pieces."""

    __slots__ = ("_count", "_origin", "_size", "_start", "_sum")

    def __init__(self, origin: str) -> None:
        self._origin = origin
        self._count = self._start = self._size = self._sum = 0

    def add(self, text: str) -> None:
        """A piece of the open thinking block."""
        self._size += len(text)
        self._sum = zlib.crc32(text.encode("utf-8", "surrogatepass"), self._sum)

    def signed(self, signature: str, calls: int) -> dict[str, Any] | None:
        """The thinking block is complete: its entry, if it was signed. ``calls`` came before it."""
        place = f"at.{self._start}.{self._size}.{self._sum:x}.{calls}."
        self._start += self._size
        self._size = self._sum = 0
        return self._entry(place + tag(self._origin, signature)) if signature else None

    def hidden(self, data: str) -> dict[str, Any]:
        """The entry of hidden thinking."""
        return {**self._entry(tag(self._origin, data)), "format": REDACTED_FORMAT}

    def _entry(self, data: str) -> dict[str, Any]:
        self._count += 1
        return {"type": "reasoning.encrypted", "data": data, "index": self._count - 1}


def tagged_details(details: Any, origin: str) -> Any:
    """The entries of an upstream that has them too (OpenRouter), their values tagged; themselves if they hold none."""
    if not origin or not isinstance(details, list):
        return details
    sent = [_tagged(detail, origin) if isinstance(detail, dict) else detail for detail in details]
    return details if sent == details else sent


def _tagged(detail: dict[str, Any], origin: str) -> dict[str, Any]:
    found = {name: value for name in _VALUES if isinstance(value := detail.get(name), str) and value}
    return {**detail, **{name: tag(origin, value) for name, value in found.items()}}


def own_details(details: Any, origin: str) -> list[dict[str, Any]]:
    """The entries as ``origin`` gave them out; none where one is another's, or nobody tagged any."""
    out: list[dict[str, Any]] = []
    is_own = False
    for detail in details if isinstance(details, list) else ():
        if not isinstance(detail, dict):
            return []
        found = {name: value for name in _VALUES if isinstance(value := detail.get(name), str) and value}
        back = {name: untag(origin, value) for name, value in found.items()}
        if not all(back.values()):
            return []
        is_own = is_own or bool(back)
        out.append({**detail, **back})
    return out if is_own else []


def opaque_detail(detail: Any) -> tuple[Literal["thinking", "redacted"], str] | None:
    """An upstream's entry as the signature of a thinking block, or as hidden thinking; None for mere text."""
    if not isinstance(detail, dict):
        return None
    if signature := _word(detail.get("signature")):
        kept = {name: value for name, value in detail.items() if name not in ("signature", "text", "summary")}
        return "thinking", packed_detail(kept, signature)
    if detail.get("type") != "reasoning.encrypted" or not (data := _word(detail.get("data"))):
        return None
    return "redacted", packed_detail({name: value for name, value in detail.items() if name != "data"}, data)


def signed_pieces(details: Any) -> list[tuple[str, Any]]:
    """The entries of a whole message with the words of each, where all that sign something tell what; else none."""
    listed = [detail for detail in details if isinstance(detail, dict)] if isinstance(details, list) else []
    pieces = [(_word(detail.get("text")) or _word(detail.get("summary")), detail) for detail in listed]
    signed = [text for text, detail in pieces if _word(detail.get("signature"))]
    return pieces if signed and all(signed) else []


def returned_details(parts: list[Part], origin: str) -> list[dict[str, Any]]:
    """The entries that ``origin`` gave a client of another format, in order; empty if they are another's."""
    out: list[dict[str, Any]] = []
    for part in parts:
        if isinstance(part, RedactedPart) and (found := untag_detail(origin, part.data)) is not None:
            out.append({**found[0], "data": found[1]})
        elif isinstance(part, ThinkingPart) and (found := untag_detail(origin, part.signature)) is not None:
            # Clients that keep no thinking send the signature alone: it signs nothing then.
            out.extend([{**found[0], "text": part.text, "signature": found[1]}] if part.text else [])
    return out


@dataclass(slots=True)
class Thought:
    """A part of earlier thinking, and how many of the answer's calls stood before it."""

    part: Part
    calls: int = 0


@dataclass(slots=True)
class _Entry:
    """One value that came back; ``start`` is -1 where it names no place."""

    value: str
    is_hidden: bool
    start: int = -1
    stop: int = -1
    checked: int = 0
    calls: int = 0


def read_thoughts(text: str, details: Any) -> list[Thought]:
    """Earlier thinking of a message: its words (``text``), and the values that ``reasoning_details`` gives back."""
    entries = [
        entry for detail in (details if isinstance(details, list) else ()) if (entry := _read(detail)) is not None
    ]
    signed = [entry for entry in entries if not entry.is_hidden]
    if len(signed) == 1 and signed[0].start < 0:
        signed[0].start, signed[0].stop, signed[0].checked = 0, len(text), _sum(text)
    if signed and not text and all(entry.start >= 0 for entry in signed):
        for entry in signed:
            entry.start = entry.stop = entry.checked = 0
    if not _fit(signed, text):
        entries = [entry for entry in entries if entry.is_hidden]
    return _placed(entries, text)


def _placed(entries: list[_Entry], text: str) -> list[Thought]:
    """The entries in order, with the words between those that have some."""
    out: list[Thought] = []
    at = calls = 0
    for entry in entries:
        if entry.is_hidden:
            out.append(Thought(RedactedPart(entry.value), calls))
            continue
        if entry.start > at:
            out.append(Thought(ThinkingPart(text[at : entry.start]), calls))
        calls = max(calls, entry.calls)
        out.append(Thought(ThinkingPart(text[entry.start : entry.stop], entry.value), calls))
        at = entry.stop
    rest = text[at:]
    if not rest:
        return out
    if at:
        return [*out, Thought(ThinkingPart(rest), calls)]
    # Nothing was signed: the words come first, as they were shown.
    return [Thought(ThinkingPart(rest)), *out]


def _read(detail: Any) -> _Entry | None:
    if not isinstance(detail, dict):
        return None
    value = _word(detail.get("data")) or _word(detail.get("signature"))
    if not value:
        return None
    if detail.get("format") == REDACTED_FORMAT:
        return _Entry(value, is_hidden=True)
    if (found := _PLACED.fullmatch(value)) is None:
        return _Entry(value, is_hidden=False)
    start, size, calls = int(found[1]), int(found[2]), int(found[4])
    return _Entry(found[5], False, start, start + size, int(found[3], 16), calls)


def _fit(entries: list[_Entry], text: str) -> bool:
    """Whether each finds its own words, one behind the other."""
    at = 0
    for entry in entries:
        if entry.start < at or entry.stop > len(text) or _sum(text[entry.start : entry.stop]) != entry.checked:
            return False
        at = entry.stop
    return True


def _sum(text: str) -> int:
    return zlib.crc32(text.encode("utf-8", "surrogatepass"))


def _word(value: Any) -> str:
    return value if isinstance(value, str) else ""
