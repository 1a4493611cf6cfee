"""Gemini's image models: generateContent with images as parts, in the request (edits) and in the answer.

Rules:
- ``size`` becomes the nearest aspect ratio; of OpenAI's other fields none is known there, all are dropped;
- refused: several images, a mask, partial images, addresses instead of bytes.

Format: https://ai.google.dev/gemini-api/docs/image-generation
"""

from typing import Any, Final
from urllib.parse import quote

from adapters.gemini.codes import CODES
from adapters.images import (
    aspect_ratio,
    base64_of,
    files_named,
    images_of,
    json_call,
    refuse,
    refuse_several,
    refuse_stream,
    type_of,
)
from adapters.media import MediaAdapter, MediaAnswer, MediaCall, MediaRequest, MediaResult
from freetheai.wire.error_body import error_fields, failure_from, is_error_body
from freetheai.wire.events import UpstreamFailure, Usage
from freetheai.wire.formats import Target
from freetheai.wire.images import MAX_COUNT
from freetheai.wire.jsontext import try_loads

_RATIOS: Final = ("1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9")
_HELD_BACK: Final = ("SAFETY", "PROHIBITED_CONTENT", "BLOCKLIST", "RECITATION", "SPII", "MODEL_ARMOR")


def build(request: MediaRequest, target: Target) -> MediaCall:
    """The prompt and its images as one turn.

    Raises:
        ApiError: INVALID_REQUEST: see the rules above.
    """
    refuse_stream(request)
    refuse_several(request)
    if files_named(request, "mask") or request.fields.get("mask") is not None:
        raise refuse("mask", "this model edits whole images; leave it out.")
    if request.fields.get("response_format") == "url":
        raise refuse("response_format", "this model answers bytes; send b64_json or leave it out.")
    parts: list[dict[str, Any]] = [{"text": str(request.fields.get("prompt", ""))}]
    parts += [{"inlineData": {"mimeType": type_of(part), "data": base64_of(part)}} for part in images_of(request)]
    config: dict[str, Any] = {"responseModalities": ["TEXT", "IMAGE"]}
    ratio = request.fields.get("aspect_ratio") or aspect_ratio(request.fields.get("size"), _RATIOS)
    if ratio is not None:
        config["imageConfig"] = {"aspectRatio": ratio}
    path = f"/models/{quote(target.model, safe='')}:generateContent"
    return json_call(path, {"contents": [{"role": "user", "parts": parts}], "generationConfig": config})


def read(request: MediaRequest, answer: MediaAnswer) -> MediaResult | UpstreamFailure:
    """The images among the answer's parts, the text beside them left out."""
    del request
    value = try_loads(answer.body)
    if not isinstance(value, dict) or is_error_body(value):
        return failure_from(error_fields(value), phase="body", status=answer.status)
    candidates = [one for one in _list(value.get("candidates")) if isinstance(one, dict)]
    images = [
        {"b64_json": data["data"]}
        for candidate in candidates
        for part in _parts(candidate)
        if isinstance(data := part.get("inlineData"), dict) and data.get("data") and not part.get("thought")
    ]
    if not images:
        return _why_none(value, candidates, answer.status)
    counts = value.get("usageMetadata")
    usage = _usage(counts) if isinstance(counts, dict) else None
    result: dict[str, Any] = {"data": images}
    if usage is not None:
        result["usage"] = {
            "input_tokens": usage.in_total,
            "output_tokens": usage.out_total,
            "total_tokens": usage.in_total + usage.out_total,
        }
    return MediaResult(body=b"", value=result, usage=usage)


def _why_none(value: dict[str, Any], candidates: list[dict[str, Any]], status: int) -> UpstreamFailure:
    feedback = value.get("promptFeedback")
    reasons = [str(candidate.get("finishReason", "")) for candidate in candidates]
    is_blocked = isinstance(feedback, dict) and bool(feedback.get("blockReason"))
    if is_blocked or any(held in reason for reason in reasons for held in _HELD_BACK):
        return UpstreamFailure(kind="answer", phase="body", status=status, code="content_policy_violation")
    return UpstreamFailure(kind="empty", phase="body", status=status, message=f"no image {' '.join(reasons)}".strip())


def _parts(candidate: dict[str, Any]) -> list[dict[str, Any]]:
    content = candidate.get("content")
    parts = _list(content.get("parts")) if isinstance(content, dict) else []
    return [part for part in parts if isinstance(part, dict)]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _usage(counts: dict[str, Any]) -> Usage:
    def count(name: str) -> int:
        value = counts.get(name)
        return value if type(value) is int and 0 <= value < MAX_COUNT else 0

    return Usage(
        in_total=count("promptTokenCount"),
        out_total=count("candidatesTokenCount") + count("thoughtsTokenCount"),
        in_cached=count("cachedContentTokenCount"),
        out_reasoning=count("thoughtsTokenCount"),
    )


ADAPTER = MediaAdapter(family="gemini", format="images", build=build, read=read, auth="x-goog-api-key", codes=CODES)
