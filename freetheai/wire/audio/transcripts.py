"""Transcripts: what is asked for, and every answer OpenAI's clients know, made of text, words and segments.

Strategy: a provider of the same format is relayed; of any other, and where it can't make the asked form itself, its
answer is read as a ``Transcript`` and written anew.

Rules:
- subtitles need times: without words or segments there are none, and the client is told so (400);
- numbers that a provider does not give (log probabilities …) are 0 in a `verbose_json`: typed clients demand them.

Format: https://platform.openai.com/docs/api-reference/audio/createTranscription
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from freetheai import errors
from freetheai.errors import ApiError
from freetheai.wire import fields
from freetheai.wire.audio.cues import Cue, cues_of_words, srt, vtt
from freetheai.wire.audio.streams import DONE_EVENT, EVENT_STREAM, event

FORMATS: Final = ("json", "text", "srt", "verbose_json", "vtt", "diarized_json")
JSON_TYPE: Final = "application/json"
TEXT_TYPE: Final = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True, kw_only=True)
class TranscriptionRequest:
    """``granularities``: of `word` and `segment`; empty where none were named."""

    response_format: str
    granularities: tuple[str, ...]
    wants_events: bool


@dataclass(slots=True, kw_only=True)
class Transcript:
    """What was said. Times in seconds; ``duration_s`` 0 where unknown. ``words`` and ``segments`` as far as given."""

    text: str
    language: str = ""
    duration_s: float = 0.0
    words: list[Cue] = field(default_factory=list)
    segments: list[Cue] = field(default_factory=list)


def read_transcription(form: Mapping[str, Any]) -> TranscriptionRequest:
    """The request in a form's texts.

    Raises:
        ApiError: INVALID_REQUEST naming the field.
    """
    response_format = form.get("response_format") or "json"
    if response_format not in FORMATS:
        raise fields.complaint("response_format", f"one of {', '.join(FORMATS)}")
    asked = form.get("timestamp_granularities[]", form.get("timestamp_granularities", ()))
    return TranscriptionRequest(
        response_format=response_format,
        granularities=tuple(asked) if isinstance(asked, list) else (asked,) if asked else (),
        wants_events=_flag(form, "stream"),
    )


def read_verbose(answer: Mapping[str, Any]) -> Transcript:
    """A provider's `json` or `verbose_json`."""
    return Transcript(
        text=_text(answer.get("text")),
        language=_text(answer.get("language")),
        duration_s=_seconds(answer.get("duration")) or 0.0,
        words=_cues(answer.get("words"), ("word", "text")),
        segments=_cues(answer.get("segments"), ("text",)),
    )


def write(transcript: Transcript, request: TranscriptionRequest) -> tuple[bytes, str]:
    """The answer's body and content type, in the asked form.

    Raises:
        ApiError: INVALID_REQUEST: subtitles of a transcript without times, or speakers nobody told apart.
    """
    if request.wants_events:
        return _events(transcript), EVENT_STREAM
    match request.response_format:
        case "text":
            return transcript.text.encode("utf-8", "replace") + b"\n", TEXT_TYPE
        case "srt":
            return srt(_timed(transcript, "srt")).encode("utf-8", "replace"), TEXT_TYPE
        case "vtt":
            return vtt(_timed(transcript, "vtt")).encode("utf-8", "replace"), TEXT_TYPE
        case "verbose_json":
            return orjson.dumps(_verbose(transcript, request)), JSON_TYPE
        case "diarized_json":
            return orjson.dumps(_diarized(transcript)), JSON_TYPE
    return orjson.dumps({"text": transcript.text, **_usage(transcript)}), JSON_TYPE


def no_times(response_format: str) -> ApiError:
    """The 400 for subtitles that can't be made."""
    return ApiError(
        errors.INVALID_REQUEST,
        f"unsupported response_format {response_format!r}: this model tells no times. Ask for json or text.",
    )


def _timed(transcript: Transcript, response_format: str) -> list[Cue]:
    cues = transcript.segments or cues_of_words(transcript.words)
    if not cues and transcript.text.strip():
        raise no_times(response_format)
    return cues


def _events(transcript: Transcript) -> bytes:
    delta = event({"type": "transcript.text.delta", "delta": transcript.text}) if transcript.text else b""
    return delta + event({"type": "transcript.text.done", "text": transcript.text, **_usage(transcript)}) + DONE_EVENT


def _usage(transcript: Transcript) -> dict[str, Any]:
    if not transcript.duration_s:
        return {}
    return {"usage": {"type": "duration", "seconds": math.ceil(transcript.duration_s)}}


def _verbose(transcript: Transcript, request: TranscriptionRequest) -> dict[str, Any]:
    body: dict[str, Any] = {
        "task": "transcribe",
        "language": transcript.language,
        "duration": transcript.duration_s,
        "text": transcript.text,
    }
    wanted = request.granularities or ("segment",)
    if "word" in wanted:
        body["words"] = [{"word": word.text, "start": word.start_s, "end": word.end_s} for word in transcript.words]
    if "segment" in wanted:
        segments = transcript.segments or cues_of_words(transcript.words)
        body["segments"] = [_segment(number, cue) for number, cue in enumerate(segments)]
    return {**body, **_usage(transcript)}


def _segment(number: int, cue: Cue) -> dict[str, Any]:
    return {
        "id": number,
        "seek": 0,
        "start": cue.start_s,
        "end": cue.end_s,
        "text": cue.text,
        "tokens": [],
        "temperature": 0.0,
        "avg_logprob": 0.0,
        "compression_ratio": 0.0,
        "no_speech_prob": 0.0,
    }


def _diarized(transcript: Transcript) -> dict[str, Any]:
    cues = transcript.segments or cues_of_words(transcript.words)
    if transcript.text.strip() and not any(cue.speaker for cue in cues):
        raise ApiError(
            errors.INVALID_REQUEST,
            "unsupported response_format 'diarized_json': this model does not tell speakers apart.",
        )
    segments = [
        {
            "type": "transcript.text.segment",
            "id": f"seg_{number}",
            "start": cue.start_s,
            "end": cue.end_s,
            "text": cue.text,
            "speaker": cue.speaker,
        }
        for number, cue in enumerate(cues)
    ]
    return {
        "task": "transcribe",
        "duration": transcript.duration_s,
        "text": transcript.text,
        "segments": segments,
        **_usage(transcript),
    }


def _cues(entries: Any, names: tuple[str, ...]) -> list[Cue]:
    cues = []
    for entry in entries if isinstance(entries, list) else ():
        if not isinstance(entry, dict):
            continue
        start_s, end_s = _seconds(entry.get("start")), _seconds(entry.get("end"))
        text = next((_text(entry[name]) for name in names if entry.get(name)), "")
        if start_s is None or end_s is None or not text.strip():
            continue
        speaker = entry.get("speaker")
        cues.append(
            Cue(
                start_s=start_s,
                end_s=max(start_s, end_s),
                text=text.strip(),
                speaker="" if speaker is None else str(speaker),
            )
        )
    return cues


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _seconds(value: Any) -> float | None:
    """A time; OpenAI has given durations as text."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and math.isfinite(value) and 0 <= value < 1e7 else None


def _flag(form: Mapping[str, Any], name: str) -> bool:
    value = form.get(name)
    text = value.strip().lower() if isinstance(value, str) else value
    if text in (None, "", "false", "0", False):
        return False
    if text in ("true", "1", True):
        return True
    raise fields.complaint(name, "true or false")
