"""What a speech request asks for, read and checked once for all providers.

Format: https://platform.openai.com/docs/api-reference/audio/createSpeech
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from freetheai import errors
from freetheai.errors import ApiError
from freetheai.wire import fields

# response_format -> the type clients are told.
CONTENT_TYPES: Final[Mapping[str, str]] = {
    "mp3": "audio/mpeg",
    "opus": "audio/opus",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": "audio/pcm",
}
# What providers call the same.
_SYNONYMS: Final[Mapping[str, frozenset[str]]] = {
    "mp3": frozenset({"audio/mpeg", "audio/mp3", "audio/x-mpeg"}),
    "opus": frozenset({"audio/opus", "audio/ogg"}),
    "aac": frozenset({"audio/aac", "audio/aacp", "audio/x-aac"}),
    "flac": frozenset({"audio/flac", "audio/x-flac"}),
    "wav": frozenset({"audio/wav", "audio/x-wav", "audio/wave", "audio/vnd.wave"}),
    "pcm": frozenset({"audio/pcm", "audio/l16", "audio/raw", "audio/x-raw"}),
}
DEFAULT_FORMAT: Final = "mp3"
MIN_SPEED: Final = 0.25
MAX_SPEED: Final = 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechRequest:
    """``voice`` "" where none was named; ``speed`` 1.0 likewise. ``wants_events``: base64 in events, not bytes."""

    input: str
    voice: str
    instructions: str
    response_format: str
    speed: float
    wants_events: bool


def read_speech(body: Mapping[str, Any]) -> SpeechRequest:
    """The request in a JSON body.

    Raises:
        ApiError: MISSING_PROMPT, or INVALID_REQUEST naming the field.
    """
    text = body.get("input")
    if text is not None and not isinstance(text, str):
        raise fields.complaint("input", "a string")
    if not text or not text.strip():
        raise ApiError(errors.MISSING_PROMPT, f"{errors.MISSING_PROMPT.text}: `input` is the text to speak.")
    instructions = body.get("instructions")
    if instructions is not None and not isinstance(instructions, str):
        raise fields.complaint("instructions", "a string")
    return SpeechRequest(
        input=text,
        voice=_voice(body.get("voice")),
        instructions=instructions or "",
        response_format=_one_of(body, "response_format", tuple(CONTENT_TYPES), DEFAULT_FORMAT),
        speed=_speed(body.get("speed")),
        wants_events=_one_of(body, "stream_format", ("audio", "sse"), "audio") == "sse",
    )


def content_type_for(response_format: str, provider_type: str) -> str:
    """The type to tell the client: that of the format, unless the provider says that it sent another."""
    is_other = provider_type.startswith("audio/") and provider_type not in _SYNONYMS[response_format]
    return provider_type if is_other else CONTENT_TYPES[response_format]


def demand_format(request: SpeechRequest, *made: str) -> None:
    """Refuse a format that the provider can't make: never another one under its name.

    Raises:
        ApiError: INVALID_REQUEST naming ``response_format``.
    """
    if request.response_format not in made:
        raise ApiError(
            errors.INVALID_REQUEST,
            f"unsupported response_format {request.response_format!r}: this model makes {', '.join(made)}.",
        )


def _voice(value: Any) -> str:
    if isinstance(value, Mapping):
        value = value.get("id")
    if value is not None and not isinstance(value, str):
        raise fields.complaint("voice", "a string, or an object with an id")
    return value or ""


def _speed(value: Any) -> float:
    if value is None:
        return 1.0
    if isinstance(value, bool) or not isinstance(value, int | float) or not MIN_SPEED <= value <= MAX_SPEED:
        raise fields.complaint("speed", f"a number from {MIN_SPEED} to {MAX_SPEED:.0f}")
    return float(value)


def _one_of(body: Mapping[str, Any], name: str, known: tuple[str, ...], default: str) -> str:
    value = body.get(name)
    if value is None:
        return default
    if value not in known:
        raise fields.complaint(name, f"one of {', '.join(known)}")
    return str(value)
