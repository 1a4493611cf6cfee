"""Speech of Xiaomi MiMo, which makes it through Chat Completions: the text is the assistant's, the style the user's.

The answer is one JSON object with the audio in base64. Source: MiMo's pages on speech synthesis, read November 2026.
"""

from collections.abc import Mapping
from typing import Any, Final

import orjson

from adapters.media import MediaAdapter, MediaCall, MediaRequest, MediaStream, bare_type
from adapters.mimo.chat import speaks
from adapters.mimo.codes import CODES
from adapters.openai.speech import read_refusal
from freetheai.wire.audio.embedded import AudioInJson
from freetheai.wire.audio.speech import CONTENT_TYPES, demand_format, read_speech
from freetheai.wire.audio.streams import AudioEvents
from freetheai.wire.audio.wav import PcmOfWav
from freetheai.wire.formats import Target

DEFAULT_VOICE: Final = "mimo_default"
# Any other name, OpenAI's among them, is its default voice.
VOICES: Final = {
    name.lower(): name for name in (DEFAULT_VOICE, "冰糖", "茉莉", "苏打", "白桦", "Mia", "Chloe", "Milo", "Dean")
}


def build(request: MediaRequest, target: Target) -> MediaCall:
    """The chat that speaks; a speed has no place there and is left out."""
    speech = read_speech(request.fields)
    demand_format(speech, "mp3", "wav", "pcm")
    messages = [{"role": "assistant", "content": speech.input}]
    if speech.instructions:
        messages.insert(0, {"role": "user", "content": speech.instructions})
    # Its WAV holds OpenAI's pcm: 24 kHz, 16 bits, mono.
    audio: dict[str, Any] = {"format": "wav" if speech.response_format == "pcm" else speech.response_format}
    # A voice that is designed is described in the user's message.
    if "voicedesign" not in target.model:
        audio["voice"] = _voice(speech.voice)
    body = {"model": target.model, "messages": messages, "audio": audio, "stream": False}
    return MediaCall(path="/chat/completions", body=orjson.dumps(body), accept="application/json")


def open_stream(request: MediaRequest, headers: Mapping[str, str]) -> MediaStream | None:
    """The audio in the JSON; anything else is no answer."""
    if not bare_type(headers).endswith(("/json", "+json")):
        return None
    speech = read_speech(request.fields)
    audio: MediaStream = AudioInJson(CONTENT_TYPES[speech.response_format])
    if speech.response_format == "pcm":
        audio = PcmOfWav(audio, CONTENT_TYPES["pcm"])
    return AudioEvents(audio) if speech.wants_events else audio


def _voice(name: str) -> str:
    # A sample of the voice to be cloned.
    return name if name.startswith("data:audio/") else VOICES.get(name.strip().lower(), DEFAULT_VOICE)


ADAPTER = MediaAdapter(
    family="mimo", format="speech", build=build, read=read_refusal, open=open_stream, codes=CODES, speaks=speaks
)
