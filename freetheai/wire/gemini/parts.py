"""Where things stand in a generateContent answer.

Rules: total; a value of the wrong type counts as absent; nothing is changed in what is read.
"""

from typing import Any, Final, Literal

from freetheai.wire.error_body import ErrorFields, error_fields, is_error_body
from freetheai.wire.template import volatile

Value = dict[str, Any]

# Counts, which grow with every chunk: only the last ones are read.
VOLATILE: Final = volatile("[a-zA-Z]*[tT]okenCount")


def word(value: Any) -> str:
    """A string, or "" for anything else."""
    return value if isinstance(value, str) else ""


def candidate_of(chunk: Value) -> Value | None:
    """The first candidate; None in chunks without one (usage, a blocked prompt)."""
    candidates = chunk.get("candidates")
    for candidate in candidates if isinstance(candidates, list) else ():
        # A zero is left out where Google writes it.
        if isinstance(candidate, dict) and candidate.get("index") in (0, None):
            return candidate
    return None


def answers_in(body: Value, wanted: int) -> list[Value]:
    """A plain answer as one for each candidate, in order, where several were wanted; else itself."""
    candidates = body.get("candidates")
    if wanted <= 1 or not isinstance(candidates, list) or len(candidates) <= 1:
        return [body]
    found = [candidate for candidate in candidates if isinstance(candidate, dict)]
    found.sort(key=lambda candidate: index if type(index := candidate.get("index")) is int else 0)
    return [{**body, "candidates": [{**candidate, "index": 0}]} for candidate in found] or [body]


def error_of(chunk: Value, candidate: Value | None) -> ErrorFields | None:
    """The error a chunk is; a blocked prompt is one, since it will have no answer."""
    if chunk.get("error"):
        return error_fields(chunk)
    if candidate is not None:
        return None
    feedback = chunk.get("promptFeedback")
    if isinstance(feedback, dict) and (reason := word(feedback.get("blockReason"))):
        return ErrorFields(code="content_filter", message=f"the prompt was blocked: {reason}")
    return error_fields(chunk) if is_error_body(chunk) else None


def parts_of(candidate: Value) -> list[Value]:
    """The parts of a candidate's content, which may be missing altogether."""
    content = candidate.get("content")
    parts = content.get("parts") if isinstance(content, dict) else None
    return [part for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []


def plain_text_kind(chunk: Value) -> Literal["", "text", "thinking"]:
    """What a chunk is a piece of that brings nothing else but counts; "" for other chunks."""
    candidates = chunk.get("candidates")
    candidate = candidates[0] if isinstance(candidates, list) and len(candidates) == 1 else None
    content = candidate.get("content") if isinstance(candidate, dict) else None
    parts = content.get("parts") if isinstance(content, dict) else None
    part = parts[0] if isinstance(parts, list) and len(parts) == 1 else None
    if not isinstance(candidate, dict) or not isinstance(part, dict) or not part.keys() <= {"text", "thought"}:
        return ""
    if candidate.get("finishReason") or candidate.get("logprobsResult") or candidate.get("index") not in (0, None):
        return ""
    if chunk.get("error") or not isinstance(part.get("text"), str):
        return ""
    return "thinking" if part.get("thought") else "text"


def logprobs_of(candidate: Value) -> list[Value] | None:
    """Log probabilities as the content entries of Chat Completions; None where there are none."""
    result = candidate.get("logprobsResult")
    if not isinstance(result, dict):
        return None
    chosen, top = _entries(result.get("chosenCandidates")), _entries(result.get("topCandidates"))
    entries: list[Value] = []
    for number, token in enumerate(chosen):
        others = top[number].get("candidates") if number < len(top) else None
        entries.append({**_token(token), "top_logprobs": [_token(other) for other in _entries(others)]})
    return entries or None


def _entries(value: Any) -> list[Value]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _token(entry: Value) -> Value:
    text, logprob = word(entry.get("token")), entry.get("logProbability")
    known = isinstance(logprob, int | float) and not isinstance(logprob, bool)
    return {"token": text, "logprob": logprob if known else 0.0, "bytes": list(text.encode("utf-8", "replace"))}
