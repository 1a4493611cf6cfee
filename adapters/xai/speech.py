"""Speech of xAI: its own route without a model, its own names. Source: docs.x.ai "Text to Speech", November 2026."""

from typing import Any, Final

import orjson

from adapters.media import MediaAdapter, MediaCall, MediaRequest
from adapters.openai.speech import open_stream, read_refusal
from adapters.xai.codes import CODES
from freetheai import errors
from freetheai.errors import ApiError
from freetheai.wire import fields
from freetheai.wire.audio.speech import demand_format, read_speech
from freetheai.wire.formats import Target

MAX_INPUT_CHARS: Final = 15_000
MIN_SPEED: Final = 0.7
MAX_SPEED: Final = 1.5
DEFAULT_VOICE: Final = "eve"
# OpenAI's names, which clients have built in. Its own names and ids pass.
VOICES: Final = {"alloy": "eve", "echo": "leo", "fable": "ara", "onyx": "rex", "nova": "ara", "shimmer": "sal"}
# OpenAI's pcm is 24 kHz, 16 bits, mono.
_SAMPLE_RATE: Final = 24_000


def build(request: MediaRequest, target: Target) -> MediaCall:
    """The call; instructions have no place there and are left out."""
    del target  # There is one voice model, and no field for it.
    speech = read_speech(request.fields)
    demand_format(speech, "mp3", "wav", "pcm")
    if len(speech.input) > MAX_INPUT_CHARS:
        raise ApiError(
            errors.CONTEXT_LENGTH_EXCEEDED,
            f"prompt is too long: {len(speech.input)} characters > {MAX_INPUT_CHARS} maximum",
        )
    if not MIN_SPEED <= speech.speed <= MAX_SPEED:
        raise fields.complaint("speed", f"a number from {MIN_SPEED} to {MAX_SPEED} for this model")
    voice = speech.voice.strip().lower()
    language = request.fields.get("language")
    body: dict[str, Any] = {
        "text": speech.input,
        "voice_id": VOICES.get(voice, voice) or DEFAULT_VOICE,
        "language": language if isinstance(language, str) and language else "auto",
        "output_format": {"codec": speech.response_format, "sample_rate": _SAMPLE_RATE},
    }
    if speech.speed != 1.0:
        body["speed"] = speech.speed
    return MediaCall(path="/tts", body=orjson.dumps(body))


ADAPTER = MediaAdapter(family="xai", format="speech", build=build, read=read_refusal, open=open_stream, codes=CODES)
