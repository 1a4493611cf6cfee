"""Speech of OpenAI and of every server that speaks it: the request passes, the answer passes."""

from collections.abc import Mapping
from typing import Any, Final

import orjson

from adapters.media import MediaAdapter, MediaAnswer, MediaCall, MediaRequest, MediaStream, bare_type
from adapters.openai.codes import CODES
from freetheai.wire.audio.speech import content_type_for, read_speech
from freetheai.wire.audio.streams import AudioEvents, EventRelay, RawAudio, stream_failure
from freetheai.wire.error_body import failure_from, read_error
from freetheai.wire.events import UpstreamFailure
from freetheai.wire.formats import Target

# What names the client's users or stores content; as for generations.
HIDDEN: Final = frozenset({"user", "metadata", "safety_identifier", "store"})
# A field the format demands and clients forget.
DEFAULT_VOICE: Final = "alloy"


def build(request: MediaRequest, target: Target) -> MediaCall:
    """The client's body with the provider's name of the model."""
    speech = read_speech(request.fields)
    body: dict[str, Any] = {name: value for name, value in request.fields.items() if name not in HIDDEN}
    # Explicit, since servers differ in their default and the client is told what it gets.
    body |= {"model": target.model, "response_format": speech.response_format}
    if body.get("voice") is None:
        body["voice"] = DEFAULT_VOICE
    return MediaCall(path="/audio/speech", body=orjson.dumps(body))


def open_stream(request: MediaRequest, headers: Mapping[str, str]) -> MediaStream | None:
    """Bytes or events by what the provider sends; JSON is no audio."""
    speech, provider_type = read_speech(request.fields), bare_type(headers)
    if provider_type == "text/event-stream":
        return EventRelay() if speech.wants_events else None
    if provider_type.startswith("text/") or provider_type.endswith(("/json", "+json")):
        return None
    audio = RawAudio(content_type_for(speech.response_format, provider_type))
    return AudioEvents(audio) if speech.wants_events else audio


def read_refusal(request: MediaRequest, answer: MediaAnswer) -> UpstreamFailure:
    """What came in place of audio: an error in a good status, or nothing that can be used."""
    del request
    found = read_error(answer.body)
    if not found:
        return stream_failure("malformed", f"{answer.content_type or 'nothing'} in place of audio")
    return failure_from(found, status=answer.status, headers=dict(answer.headers))


ADAPTER = MediaAdapter(family="openai", format="speech", build=build, read=read_refusal, open=open_stream, codes=CODES)
