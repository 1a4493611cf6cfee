"""Transcriptions of OpenAI and of every server that speaks it.

Strategy: the form passes, in its order, with the provider's name of the model. Where a model is known not to make the
asked form itself, another is asked for and the asked one made of it here.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from adapters.media import MediaAdapter, MediaAnswer, MediaCall, MediaRequest, MediaResult, MediaStream, bare_type
from adapters.openai.codes import CODES
from adapters.openai.speech import HIDDEN
from freetheai.wire import usage as counts
from freetheai.wire.audio.streams import EventRelay, stream_failure
from freetheai.wire.audio.transcripts import (
    JSON_TYPE,
    TEXT_TYPE,
    TranscriptionRequest,
    no_times,
    read_transcription,
    read_verbose,
    write,
)
from freetheai.wire.error_body import error_fields, failure_from, is_error_body, read_error
from freetheai.wire.events import UpstreamFailure
from freetheai.wire.formats import Target
from freetheai.wire.jsontext import try_loads
from freetheai.wire.multipart import FormPart, text_part, write_form

# Hosts of open models (Groq, vLLM, Mistral …) make json, verbose_json and mostly text, no subtitles.
_NO_SUBTITLES: Final = re.compile(r"whisper-large|distil-whisper|voxtral|parakeet|canary", re.IGNORECASE)
# OpenAI's newer ones make json alone, without times (the diarizing one has a form of its own).
_JSON_ONLY: Final = re.compile(r"gpt-\d.*-transcribe", re.IGNORECASE)
_MADE_HERE: Final = ("text", "srt", "vtt")


def build(request: MediaRequest, target: Target) -> MediaCall:
    """The client's form for this provider."""
    asked = read_transcription(request.fields)
    wire_format = _wire_format(asked, target.model)
    parts: list[FormPart] = []
    for part in request.parts:
        if part.filename is not None or part.name not in ("model", "response_format", *HIDDEN):
            parts.append(part)
        elif part.name == "model":
            parts.append(text_part("model", target.model))
        elif part.name == "response_format" and wire_format:
            parts.append(text_part("response_format", wire_format))
    return form_call("/audio/transcriptions", parts, request.boundary, streams=asked.wants_events)


def form_call(path: str, parts: list[FormPart], boundary: str, *, streams: bool = False) -> MediaCall:
    """A call whose body is a form."""
    return MediaCall(
        path=path,
        pieces=write_form(parts, boundary),
        content_type=f"multipart/form-data; boundary={boundary}",
        accept="text/event-stream" if streams else "*/*",
    )


def open_stream(request: MediaRequest, headers: Mapping[str, str]) -> MediaStream | None:
    """Events, where the provider sends them."""
    is_events = bare_type(headers) == "text/event-stream" and read_transcription(request.fields).wants_events
    return EventRelay() if is_events else None


def read(request: MediaRequest, answer: MediaAnswer) -> MediaResult | UpstreamFailure:
    """The answer as it came where it is in the asked form, else made anew."""
    asked = read_transcription(request.fields)
    value = try_loads(answer.body)
    if not isinstance(value, dict):
        return _plain_text(asked, answer)
    if is_error_body(value):
        return failure_from(error_fields(value), status=answer.status, headers=dict(answer.headers))
    if not isinstance(value.get("text"), str):
        return stream_failure("malformed", "a transcript without text")
    transcript = read_verbose(value)
    usage = counts.from_responses(value.get("usage"))
    if asked.wants_events or asked.response_format in _MADE_HERE:
        body, content_type = write(transcript, asked)
    else:
        body, content_type = answer.body, JSON_TYPE
    return MediaResult(body=body, content_type=content_type, has_output=bool(transcript.text.strip()), usage=usage)


def _plain_text(asked: TranscriptionRequest, answer: MediaAnswer) -> MediaResult | UpstreamFailure:
    is_text = answer.content_type.startswith(("text/plain", "text/vtt", "application/x-subrip")) or (
        answer.content_type in ("", JSON_TYPE, "application/octet-stream") and not answer.body.lstrip().startswith(b"<")
    )
    if asked.response_format not in _MADE_HERE or not is_text:
        found = read_error(answer.body)
        failure = failure_from(found, status=answer.status, headers=dict(answer.headers))
        return replace(failure, kind="malformed")
    return MediaResult(body=answer.body, content_type=TEXT_TYPE, has_output=bool(answer.body.strip()))


def _wire_format(asked: TranscriptionRequest, model: str) -> str:
    """The form to ask this model for; "" for its own default."""
    wanted = asked.response_format
    if _JSON_ONLY.search(model):
        if wanted in ("srt", "vtt"):
            raise no_times(wanted)
        return "json" if wanted == "text" else wanted
    if _NO_SUBTITLES.search(model) and wanted in _MADE_HERE:
        return "json" if wanted == "text" else "verbose_json"
    return wanted


ADAPTER = MediaAdapter(family="openai", format="transcriptions", build=build, read=read, open=open_stream, codes=CODES)
