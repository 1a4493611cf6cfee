"""Transcriptions of xAI: its own route, its own names, the file last. Source: docs.x.ai "Speech to Text", Nov. 2026.

Its one answer is text with words and their times: every form is made of it here.
"""

from typing import Any, Final

from adapters.media import MediaAdapter, MediaAnswer, MediaCall, MediaRequest, MediaResult
from adapters.openai.transcriptions import form_call
from adapters.xai.codes import CODES
from freetheai.wire.audio.streams import stream_failure
from freetheai.wire.audio.transcripts import read_transcription, read_verbose, write
from freetheai.wire.error_body import error_fields, failure_from, is_error_body
from freetheai.wire.events import UpstreamFailure
from freetheai.wire.formats import Target
from freetheai.wire.jsontext import try_loads
from freetheai.wire.multipart import FormPart, text_part

# Its own fields, for clients that know it.
_OWN_FIELDS: Final = (
    "language",
    "audio_format",
    "sample_rate",
    "format",
    "multichannel",
    "channels",
    "diarize",
    "filler_words",
    "keyterm",
)
_KEYWORDS: Final = ("keywords", "keywords[]")


def build(request: MediaRequest, target: Target) -> MediaCall:
    """The form it takes; prompt, temperature and granularities have no place there and are left out."""
    del target  # There is one such model, and no field for it.
    asked = read_transcription(request.fields)
    parts = [part for part in request.parts if part.filename is None and part.name in _OWN_FIELDS]
    for name in _KEYWORDS:
        parts += [text_part("keyterm", word) for word in _listed(request.fields.get(name))]
    if asked.response_format == "diarized_json" and "diarize" not in request.fields:
        parts.append(text_part("diarize", "true"))
    return form_call("/stt", [*parts, _file(request)], request.boundary)


def read(request: MediaRequest, answer: MediaAnswer) -> MediaResult | UpstreamFailure:
    """The asked form, made of text and words."""
    value = try_loads(answer.body)
    if not isinstance(value, dict):
        return stream_failure("malformed", f"{answer.content_type or 'nothing'} in place of a transcript")
    if is_error_body(value):
        return failure_from(error_fields(value), status=answer.status, headers=dict(answer.headers))
    if not isinstance(value.get("text"), str):
        return stream_failure("malformed", "a transcript without text")
    transcript = read_verbose(value)
    body, content_type = write(transcript, read_transcription(request.fields))
    return MediaResult(body=body, content_type=content_type, has_output=bool(transcript.text.strip()))


def _file(request: MediaRequest) -> FormPart:
    return next(part for part in request.parts if part.filename is not None and part.name == "file")


def _listed(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value] if isinstance(value, str) and value else []


ADAPTER = MediaAdapter(family="xai", format="transcriptions", build=build, read=read, codes=CODES)
