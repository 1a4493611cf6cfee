"""Read what a provider says of a deferred job: that it took it, how far it is, what came of it.

Strategy: providers differ in names, not in kind. An answer with an id and without a result is a job; a poll is a status
word, a result, or an error, wherever they stand. What is particular (a word, a path) an adapter's ``Deferral`` says.

Rules:
- total: any JSON value gives a ``Progress``; one that says nothing is a failure of this poll, not of the job;
- a result that the provider's own moderation holds back (``respect_moderation`` false) is a failed job;
- nothing of a result is kept here; its address at the provider is the content and passes as it is.

Sources: docs.x.ai "Video Generation" and "Deferred Chat Completions", platform.openai.com "Videos", docs.z.ai "Retrieve
Result", read November 2026.
"""

from dataclasses import dataclass, field
from typing import Any, Final, Literal

from freetheai.wire.error_body import error_fields, failure_from, is_error_body
from freetheai.wire.events import UpstreamFailure
from freetheai.wire.jsontext import is_deep

Status = Literal["pending", "done", "failed", "expired"]

# Each provider's words for the four states; compared in lower case.
_STATUSES: Final[dict[str, Status]] = {
    **dict.fromkeys(
        ("pending", "queued", "in_progress", "processing", "running", "submitted", "created", "starting"), "pending"
    ),
    **dict.fromkeys(("done", "completed", "complete", "succeeded", "success", "finished"), "done"),
    **dict.fromkeys(("failed", "fail", "failure", "error", "cancelled", "canceled", "rejected"), "failed"),
    "expired": "expired",
}
_STATUS_KEYS: Final = ("status", "task_status", "state")
_MAX_UPSTREAM_ID_CHARS: Final = 512


@dataclass(slots=True, kw_only=True)
class Progress:
    """Where a job stands. ``percent``: 0 to 100, None where the provider does not tell. ``result``: the provider's own
    objects, once ``done``: images, or one video. ``failure``: why it failed, or why this poll told nothing (then
    ``status`` is ``pending``).
    """

    status: Status
    percent: int | None = None
    result: list[dict[str, Any]] = field(default_factory=list)
    usage: dict[str, Any] | None = None
    failure: UpstreamFailure | None = None


def find_job_id(answer: Any, id_keys: tuple[str, ...]) -> str:
    """The provider's id of the job it took; "" where the answer is none of a job."""
    if not isinstance(answer, dict):
        return ""
    for key in id_keys:
        value = answer.get(key)
        text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
        # Dots alone would climb in the path that it becomes a part of, however they are written.
        if isinstance(text, str) and text.strip(".") and len(text) <= _MAX_UPSTREAM_ID_CHARS and text.isprintable():
            return text
    return ""


def read_progress(answer: Any, http_status: int, result_keys: tuple[str, ...]) -> Progress:
    """What a 2xx answer to a poll says; ``result_keys`` name where the result may stand."""
    if not isinstance(answer, dict):
        # An empty 202 is all that some say while they work.
        return Progress(status="pending") if http_status == 202 else _unreadable(http_status)
    if is_deep(answer):
        return _unreadable(http_status)
    result, status = _result_of(answer, result_keys), _status_of(answer)
    if status is None and is_error_body(answer):
        # Of the poll: one that speaks of the job says that it failed.
        return Progress(status="pending", failure=_failure_of(answer, http_status))
    if status is None:
        status = _implied_status(result, http_status)
    if status == "failed":
        return Progress(status="failed", failure=_failure_of(answer, http_status))
    if status != "done":
        return Progress(status=status, percent=_percent_of(answer)) if status else _unreadable(http_status)
    if not result:
        return _unreadable(http_status)
    shown = [item for item in result if item.get("respect_moderation") is not False]
    if not shown:
        return Progress(status="failed", failure=_held_back(http_status))
    usage = answer.get("usage")
    return Progress(status="done", result=shown, usage=usage if isinstance(usage, dict) else None)


def _status_of(answer: dict[str, Any]) -> Status | None:
    for key in _STATUS_KEYS:
        word = answer.get(key)
        if isinstance(word, str) and word.lower() in _STATUSES:
            return _STATUSES[word.lower()]
    return None


def _implied_status(result: list[dict[str, Any]], http_status: int) -> Status | None:
    if result:
        return "done"
    return "pending" if http_status == 202 else None


def _result_of(answer: dict[str, Any], keys: tuple[str, ...]) -> list[dict[str, Any]]:
    """The objects of the first key that holds any; an object counts for a list of itself."""
    for key in keys:
        value = answer.get(key)
        items = value if isinstance(value, list) else [value]
        if found := [item for item in items if isinstance(item, dict) and item]:
            return found
    return []


def _percent_of(answer: dict[str, Any]) -> int | None:
    value = answer.get("progress")
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 100:
        return None
    return int(value)


def _failure_of(answer: dict[str, Any], http_status: int) -> UpstreamFailure:
    return failure_from(error_fields(answer), phase="body", status=http_status)


def _held_back(http_status: int) -> UpstreamFailure:
    return UpstreamFailure(kind="answer", phase="body", status=http_status, code="content_policy_violation")


def _unreadable(http_status: int) -> Progress:
    failure = UpstreamFailure(kind="malformed", phase="body", status=http_status, message="no state of a job")
    return Progress(status="pending", failure=failure)
