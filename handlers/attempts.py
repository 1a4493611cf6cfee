"""Tries a plan's attempts until one answers, and judges those that failed.

Rules:
- the provider's place is taken before an attempt and given back after it, however it ends;
- an attempt that was interrupted (the client left, the process drains) says nothing about the provider;
- a further attempt only if the verdict allows it, the client has got nothing, and there is time left;
- a fallback that can't carry the request (``ApiError`` while its call is made) is passed over: the member did not ask
  for it, so its 400 is none of theirs.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Container
from typing import Final, TypeVar

from adapters.base import Verdict
from adapters.classify import classify
from freetheai import clock, errors, ids
from freetheai.errors import ApiError
from freetheai.log import RequestRecord
from freetheai.metrics import Metrics
from freetheai.routing import AnyAttempt, Plan
from freetheai.wire.events import UpstreamFailure

# How a verdict names the parameter that a provider complained of.
_PARAMETER: Final = re.compile(r"\(parameter: ([A-Za-z0-9_]+)")

Made = TypeVar("Made", bound=AnyAttempt)
# Runs one attempt and tells how the provider failed, None when it answered well.
RunAttempt = Callable[[Made], Awaitable[UpstreamFailure | None]]


class Attempts:
    """The attempts of one request."""

    def __init__(
        self,
        record: RequestRecord,
        metrics: Metrics,
        *,
        own_fields: Container[str],
        deadline_s: float,
        is_interrupted: Callable[[], bool],
    ) -> None:
        """``own_fields``: top-level names of the client's request. ``deadline_s``: monotonic time after which nothing
        new is begun.
        """
        self._own_fields = own_fields
        self._record = record
        self._metrics = metrics
        self._deadline_s = deadline_s
        self._is_interrupted = is_interrupted

    async def run(self, plan: Plan[Made], run: RunAttempt[Made], has_begun: Callable[[], bool]) -> ApiError | None:
        """None when one answered (or all was interrupted); else the last one's error.

        Raises:
            NothingToTry: the plan was empty.
            ApiError: what the client asked for can't be made of this request.
        """
        error: ApiError | None = None
        is_empty = True
        for attempt in plan:
            try:
                failure = await self._run_one(attempt, run)
            except ApiError:
                if attempt.model.id == self._record.alias:
                    raise
                plan.refused()
                continue
            is_empty = False
            if failure is None or self._is_interrupted():
                return None
            verdict = classify(failure, attempt.codes, clock.now_s())
            error = self._judge(attempt, failure, verdict)
            plan.failed(verdict)
            if has_begun() or not verdict.retry_elsewhere or clock.monotonic_s() > self._deadline_s:
                break
        if is_empty:
            raise NothingToTry
        return error

    async def _run_one(self, attempt: Made, run: RunAttempt[Made]) -> UpstreamFailure | None:
        record, provider = self._record, attempt.provider
        before = record.attempts, record.provider, record.upstream_format
        record.attempts += 1
        record.provider = provider.prefix
        record.upstream_format = attempt.format
        place = provider.begin(attempt.credential, clock.monotonic_s())
        try:
            failure = await run(attempt)
        except ApiError:
            record.attempts, record.provider, record.upstream_format = before
            raise
        finally:
            provider.end(place)
        if self._is_interrupted():
            self._metrics.attempt_ended(provider.prefix, "canceled")
        elif failure is None:
            provider.succeeded(place, attempt.model.upstream_model, attempt.model.id)
            # An attempt before it may have failed: the line keeps how, but nobody was told an id.
            record.error_id = ""
            self._metrics.attempt_ended(provider.prefix, "success")
        else:
            self._metrics.attempt_ended(provider.prefix, failure.kind)
        return failure

    def _judge(self, attempt: AnyAttempt, failure: UpstreamFailure, verdict: Verdict) -> ApiError:
        """Tell the provider's health, note the failure for the log, and make the client's error of it."""
        model, now_s = attempt.model.upstream_model, clock.monotonic_s()
        attempt.provider.failed(attempt.credential, model, verdict, now_s, attempt.model.id)
        row, wait_s = verdict.row, verdict.retry_after_s
        if verdict.is_window:
            # One credential's plan is used up: the member is told so only if that is so of all that could serve.
            row, wait_s = attempt.provider.refusal(model, now_s)
        error_id = ids.error_id(attempt.provider.prefix) if row.has_error_id else ""
        if row is errors.SERVER_ERROR:
            error_id = ids.error_id("gw")
        record = self._record
        record.error_id = error_id
        record.provider_status = failure.status or None
        record.provider_error = describe(failure)
        text = verdict.text if self._names_own_field(verdict.text) else ""
        return ApiError(row, text, retry_after_s=wait_s, error_id=error_id)

    def _names_own_field(self, text: str) -> bool:
        """Whether a parameter that ``text`` names, if it names one, stands in the client's own request."""
        named = _PARAMETER.search(text)
        return named is None or named.group(1) in self._own_fields


class NothingToTry(Exception):
    """No provider may serve this alias now."""


def describe(failure: UpstreamFailure) -> str:
    """A failure in one line for the log: its kind and the provider's own fields (the log redacts them)."""
    fields = (failure.kind, failure.phase, failure.code, failure.type, failure.param, failure.message, failure.trace)
    return " | ".join(field for field in fields if field)
