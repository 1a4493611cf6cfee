"""What signs a text that is not thinking: to the client, and back on the very part it came on.

No client format has a field for it. It leaves us on thinking without words, behind the text, as
``text.<start>.<length>.<sum>.<signature>``: where the part's words stand in all text of the answer, how many they are
(characters), and their check sum (CRC-32, hexadecimal). A part may have no words at all.

Rules:
- a signed part goes back as it was, apart from the text around it: Gemini wants such parts unjoined;
- its words are looked for where they stood in all text, then at the end of the text before it, for clients that keep
  blocks in order and show more than was said; a signature whose words are in neither place is left out;
- clients can forge all of it, so it is only ever read as data.
"""

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from freetheai.wire.request import Part, RefusalPart, TextPart, ThinkingPart
from freetheai.wire.signature import untag

_PLACED: Final = re.compile(r"text\.(\d{1,9})\.(\d{1,9})\.([0-9a-f]{1,8})\.(.+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class SignedText:
    """A text as Gemini signed it."""

    text: str
    signature: str


@dataclass(frozen=True, slots=True)
class _Entry:
    """A value that came back: behind so many parts, the newest text among them at ``place`` (-1: none)."""

    behind: int
    place: int
    start: int
    size: int
    checked: int
    signature: str

    def fits(self, text: str, at: int) -> bool:
        """Whether its words stand there."""
        return 0 <= at <= len(text) - self.size and _sum(text[at : at + self.size]) == self.checked


def text_signature(start: int, text: str, signature: str) -> str:
    """The value for a part with these words, which begin behind ``start`` characters of text."""
    return f"text.{start}.{len(text)}.{_sum(text):x}.{signature}"


def with_signed_texts(parts: Sequence[Part], origin: str) -> list[Part | SignedText]:
    """The parts of an answer, its texts cut where ``origin`` signed them; what carried the signatures is gone."""
    kept: list[Part] = []
    entries: list[_Entry] = []
    place = -1
    for part in parts:
        if (found := _placed(part, origin)) is not None:
            entries.append(_Entry(len(kept), place, *found))
            continue
        if isinstance(part, TextPart | RefusalPart):
            place = len(kept)
        kept.append(part)
    return _cut(kept, entries) if entries else [*kept]


def _placed(part: Part, origin: str) -> tuple[int, int, int, str] | None:
    """Start, length, check sum and signature, where a part carries them."""
    if not isinstance(part, ThinkingPart) or part.text:
        return None
    found = _PLACED.fullmatch(untag(origin, part.signature))
    return None if found is None else (int(found[1]), int(found[2]), int(found[3], 16), found[4])


def _cut(parts: list[Part], entries: list[_Entry]) -> list[Part | SignedText]:
    """The parts, each entry at its words; one without words where it is, unless it went before all text."""
    texts = {place: part.text for place, part in enumerate(parts) if isinstance(part, TextPart | RefusalPart)}
    inside: dict[int, list[tuple[int, _Entry]]] = {}
    between: dict[int, list[SignedText]] = {}
    for entry in entries:
        stays = not entry.size and (entry.place >= 0 or not entry.start)
        found = None if stays else _found(texts, entry)
        if found is not None:
            inside.setdefault(found[0], []).append((found[1], entry))
        elif not entry.size:
            between.setdefault(entry.behind, []).append(SignedText("", entry.signature))
    out: list[Part | SignedText] = []
    for place, part in enumerate(parts):
        out += between.get(place, ())
        out += _pieces(texts[place], inside[place]) if place in inside else [part]
    return [*out, *between.get(len(parts), ())]


def _found(texts: dict[int, str], entry: _Entry) -> tuple[int, int] | None:
    """Which text holds the entry's words, and where in it."""
    at = entry.start
    for place, text in texts.items():
        if entry.fits(text, at):
            return place, at
        at -= len(text)
    last = texts.get(entry.place, "")
    at = len(last) - entry.size
    return (entry.place, at) if last and entry.fits(last, at) else None


def _pieces(text: str, cuts: list[tuple[int, _Entry]]) -> list[Part | SignedText]:
    """A text as the signed parts it holds, and what stands around them."""
    out: list[Part | SignedText] = []
    done = 0
    for at, entry in sorted(cuts, key=lambda cut: (cut[0] + cut[1].size, not cut[1].size)):
        if at < done:
            continue
        if at > done:
            out.append(TextPart(text[done:at]))
        out.append(SignedText(text[at : at + entry.size], entry.signature))
        done = at + entry.size
    return [*out, TextPart(text[done:])] if done < len(text) else out


def _sum(text: str) -> int:
    return zlib.crc32(text.encode("utf-8", "surrogatepass"))
