"""Pieces of a transcript with their times, gathered to subtitles and written as SubRip or WebVTT.

Rules for gathering words: a cue ends with a sentence, before a pause, where another speaks, and before it would be too
long to read.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

MAX_CUE_S: Final = 7.0
MAX_CUE_CHARS: Final = 80
_PAUSE_S: Final = 1.0
_SENTENCE_ENDS: Final = (".", "!", "?", "…", "。", "！", "？")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cue:
    """One piece; times in seconds from the start."""

    start_s: float
    end_s: float
    text: str
    speaker: str = ""


def cues_of_words(words: Sequence[Cue]) -> list[Cue]:
    """Words gathered to cues."""
    cues: list[Cue] = []
    gathered: list[Cue] = []
    for word in words:
        if gathered and _begins_anew(gathered, word):
            cues.append(_joined(gathered))
            gathered = []
        gathered.append(word)
    if gathered:
        cues.append(_joined(gathered))
    return cues


def srt(cues: Iterable[Cue]) -> str:
    """SubRip."""
    return "".join(
        f"{number}\n{_clock(cue.start_s, ',')} --> {_clock(cue.end_s, ',')}\n{_one_block(cue.text)}\n\n"
        for number, cue in enumerate(cues, 1)
    )


def vtt(cues: Iterable[Cue]) -> str:
    """WebVTT."""
    blocks = (
        f"{_clock(cue.start_s, '.')} --> {_clock(cue.end_s, '.')}\n{_one_block(cue.text).replace('-->', '->')}\n\n"
        for cue in cues
    )
    return "WEBVTT\n\n" + "".join(blocks)


def _begins_anew(gathered: Sequence[Cue], word: Cue) -> bool:
    first, last = gathered[0], gathered[-1]
    chars = sum(len(each.text) + 1 for each in gathered) + len(word.text)
    return (
        last.text.endswith(_SENTENCE_ENDS)
        or word.start_s - last.end_s > _PAUSE_S
        or word.speaker != last.speaker
        or word.end_s - first.start_s > MAX_CUE_S
        or chars > MAX_CUE_CHARS
    )


def _joined(words: Sequence[Cue]) -> Cue:
    return Cue(
        start_s=words[0].start_s,
        end_s=max(word.end_s for word in words),
        text=" ".join(word.text for word in words),
        speaker=words[0].speaker,
    )


def _clock(time_s: float, point: str) -> str:
    ms = round(time_s * 1000)
    return f"{ms // 3_600_000:02d}:{ms // 60_000 % 60:02d}:{ms // 1000 % 60:02d}{point}{ms % 1000:03d}"


def _one_block(text: str) -> str:
    # A blank line would end the cue.
    return "\n".join(line for line in text.splitlines() if line.strip())
