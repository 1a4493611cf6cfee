"""Why an answer ended: every upstream's words to ``FinishReason``, and that to every client format's words.

Rules:
- a word nobody knows is a plain stop: new words appear without a version change;
- a reason that names a breakdown is no finish at all (``is_breakdown``): the decoder makes ``Failed`` of it;
- ``tool_calls`` goes by what was seen, not by the word (``settled``), but a length or filter stop stays what it is:
  a call that was cut must not look complete.
"""

from collections.abc import Mapping
from typing import Final

from freetheai.wire.events import FinishReason, UpstreamFailure, Usage

# Chat Completions' own words, and what compatible servers write instead.
FROM_CHAT: Final[Mapping[str, FinishReason]] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
    "sensitive": "content_filter",
    "safety": "content_filter",
    "refusal": "content_filter",
    "model_context_window_exceeded": "context_window",
    "max_tokens": "length",
    "max_output_tokens": "length",
    "model_length": "length",
    "repetition_truncation": "length",
    "tool_use": "tool_calls",
    "stop_sequence": "stop",
    "end": "stop",
    "eos": "stop",
    "end_turn": "stop",
    "load": "stop",
}

FROM_MESSAGES: Final[Mapping[str, FinishReason]] = {
    "end_turn": "stop",
    "stop_sequence": "stop_sequence",
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "pause_turn": "pause",
    "refusal": "content_filter",
    "model_context_window_exceeded": "context_window",
}

# `incomplete_details.reason` of a Responses answer.
FROM_RESPONSES_INCOMPLETE: Final[Mapping[str, FinishReason]] = {
    "max_output_tokens": "length",
    "content_filter": "content_filter",
}

FROM_GEMINI: Final[Mapping[str, FinishReason]] = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "CONTINUATION": "length",
    "SAFETY": "content_filter",
    "RECITATION": "content_filter",
    "BLOCKLIST": "content_filter",
    "PROHIBITED_CONTENT": "content_filter",
    "SPII": "content_filter",
    "IMAGE_SAFETY": "content_filter",
    "IMAGE_PROHIBITED_CONTENT": "content_filter",
    "IMAGE_RECITATION": "content_filter",
    "IMAGE_OTHER": "content_filter",
    "MODEL_ARMOR": "content_filter",
    "LANGUAGE": "content_filter",
}

# Words of a good form that mean the provider broke down on the way.
BREAKDOWNS: Final = frozenset(
    {
        "error",
        "network_error",
        "insufficient_system_resource",
        "abort",
        "aborted",
        "MALFORMED_FUNCTION_CALL",
        "UNEXPECTED_TOOL_CALL",
        "TOO_MANY_TOOL_CALLS",
        "MISSING_THOUGHT_SIGNATURE",
        "MALFORMED_RESPONSE",
    }
)

TO_CHAT: Final[Mapping[FinishReason, str]] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "content_filter": "content_filter",
    "stop_sequence": "stop",
    "context_window": "length",
    "pause": "stop",
}

TO_MESSAGES: Final[Mapping[FinishReason, str]] = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
    "stop_sequence": "stop_sequence",
    "context_window": "model_context_window_exceeded",
    "pause": "pause_turn",
}

# Status of a Responses answer, and the reason inside `incomplete_details` ("" for a completed one).
TO_RESPONSES: Final[Mapping[FinishReason, tuple[str, str]]] = {
    "stop": ("completed", ""),
    "length": ("incomplete", "max_output_tokens"),
    "tool_calls": ("completed", ""),
    "content_filter": ("incomplete", "content_filter"),
    "stop_sequence": ("completed", ""),
    "context_window": ("incomplete", "max_output_tokens"),
    "pause": ("completed", ""),
}

# Ends after which a call's arguments may rightly be incomplete.
CUTTING: Final[frozenset[FinishReason]] = frozenset({"length", "content_filter", "context_window"})


def is_breakdown(word: str) -> bool:
    """Whether a finish word reports a failure."""
    return word in BREAKDOWNS


def settled(reason: FinishReason, *, has_calls: bool) -> FinishReason:
    """The reason that fits what was seen: calls make any ordinary end ``tool_calls``, none make ``tool_calls`` a
    stop.
    """
    if has_calls:
        return reason if reason in CUTTING or reason == "pause" else "tool_calls"
    return "stop" if reason == "tool_calls" else reason


def empty_failure(reason: FinishReason, usage: Usage | None) -> UpstreamFailure | None:
    """What a good end *without any output* really is; None where that can be (a limit met, tokens spent unseen)."""
    if reason == "content_filter":
        return UpstreamFailure(kind="answer", phase="stream", code="content_filter")
    if reason == "context_window":
        return UpstreamFailure(kind="answer", phase="stream", code="context_length_exceeded")
    if reason == "length" or (usage is not None and usage.out_total > 0):
        return None
    return UpstreamFailure(kind="empty", phase="stream", message="the answer has no output")
