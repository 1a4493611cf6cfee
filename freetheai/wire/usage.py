"""Token counts of every format, read and written.

Rules:
- read: anything that is not a count of at least 0 counts as 0; no counts at all give None, which is not zero;
- kept: cached and written are parts of the input, reasoning is a part of the output;
- written: totals are sums of what is written beside them; prices and other fields of a provider never.
"""

from typing import Any

from freetheai.wire.events import Usage


def from_chat(usage: Any) -> Usage | None:
    """Usage of Chat Completions, in all the spellings compatible servers use."""
    if not isinstance(usage, dict):
        return None
    prompt, completion, total = usage.get("prompt_tokens"), usage.get("completion_tokens"), usage.get("total_tokens")
    if prompt is None and completion is None and total is None:
        return None
    prompt, completion, total = _count(prompt), _count(completion), _count(total)
    # xAI has reported reasoning beside completion_tokens: the total tells.
    completion = max(completion, total - prompt)
    details = _object(usage.get("prompt_tokens_details")) or _object(usage.get("input_tokens_details"))
    cached = _first_count(
        details.get("cached_tokens"), usage.get("prompt_cache_hit_tokens"), usage.get("cached_tokens")
    )
    reasoning = _count(_object(usage.get("completion_tokens_details")).get("reasoning_tokens"))
    return _bounded(prompt, completion, cached, _count(details.get("cache_write_tokens")), reasoning)


def from_messages(usage: Any) -> Usage | None:
    """Usage of Messages, whose input count leaves cached and cache-written tokens out."""
    if not isinstance(usage, dict) or (usage.get("input_tokens") is None and usage.get("output_tokens") is None):
        return None
    cached = _count(usage.get("cache_read_input_tokens"))
    written = _count(usage.get("cache_creation_input_tokens"))
    reasoning = _count(_object(usage.get("output_tokens_details")).get("thinking_tokens"))
    total = _count(usage.get("input_tokens")) + cached + written
    return _bounded(total, _count(usage.get("output_tokens")), cached, written, reasoning)


def from_responses(usage: Any) -> Usage | None:
    """Usage of Responses."""
    if not isinstance(usage, dict) or (usage.get("input_tokens") is None and usage.get("output_tokens") is None):
        return None
    details = _object(usage.get("input_tokens_details"))
    reasoning = _count(_object(usage.get("output_tokens_details")).get("reasoning_tokens"))
    return _bounded(
        _count(usage.get("input_tokens")),
        _count(usage.get("output_tokens")),
        _count(details.get("cached_tokens")),
        _count(details.get("cache_write_tokens")),
        reasoning,
    )


def from_gemini(usage: Any) -> Usage | None:
    """Gemini's ``usageMetadata``."""
    if not isinstance(usage, dict) or "promptTokenCount" not in usage:
        return None
    reasoning = _count(usage.get("thoughtsTokenCount"))
    return _bounded(
        _count(usage.get("promptTokenCount")) + _count(usage.get("toolUsePromptTokenCount")),
        _count(usage.get("candidatesTokenCount")) + reasoning,
        _count(usage.get("cachedContentTokenCount")),
        0,
        reasoning,
    )


def to_chat(usage: Usage) -> dict[str, Any]:
    """The ``usage`` object of Chat Completions."""
    prompt_details = {"cached_tokens": usage.in_cached, "audio_tokens": 0}
    if usage.in_written:
        prompt_details["cache_write_tokens"] = usage.in_written
    return {
        "prompt_tokens": usage.in_total,
        "completion_tokens": usage.out_total,
        "total_tokens": usage.in_total + usage.out_total,
        "prompt_tokens_details": prompt_details,
        "completion_tokens_details": {
            "reasoning_tokens": usage.out_reasoning,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def to_messages(usage: Usage) -> dict[str, Any]:
    """The ``usage`` object of Messages."""
    return {
        "input_tokens": usage.in_total - usage.in_cached - usage.in_written,
        "cache_creation_input_tokens": usage.in_written,
        "cache_read_input_tokens": usage.in_cached,
        "output_tokens": usage.out_total,
    }


def to_responses(usage: Usage) -> dict[str, Any]:
    """The ``usage`` object of Responses."""
    return {
        "input_tokens": usage.in_total,
        "input_tokens_details": {"cached_tokens": usage.in_cached, "cache_write_tokens": usage.in_written},
        "output_tokens": usage.out_total,
        "output_tokens_details": {"reasoning_tokens": usage.out_reasoning},
        "total_tokens": usage.in_total + usage.out_total,
    }


def _bounded(in_total: int, out_total: int, cached: int, written: int, reasoning: int) -> Usage:
    cached = min(cached, in_total)
    return Usage(
        in_total=in_total,
        out_total=out_total,
        in_cached=cached,
        in_written=min(written, in_total - cached),
        out_reasoning=min(reasoning, out_total),
    )


def _count(value: Any) -> int:
    # A count beyond any context is noise; bounding it keeps sums writable as JSON.
    if type(value) is int and 0 <= value < 10**15:
        return value
    if value is None or isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e15:
        return 0
    return int(value)


def _first_count(*values: Any) -> int:
    for value in values:
        if value is not None:
            return _count(value)
    return 0


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
