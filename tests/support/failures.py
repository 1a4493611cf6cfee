"""Upstream failures in a line, and what a judgement comes to."""

from datetime import UTC, datetime
from typing import Any

from adapters.base import CodeRule, CodeTable
from adapters.classify import classify
from freetheai.errors import ErrorSpec
from freetheai.wire.events import UpstreamFailure

HOUR = 3600

# 23:00 UTC: an hour to midnight in UTC, seventeen in China, nine in California.
NOW_S = datetime(2026, 11, 22, 23, tzinfo=UTC).timestamp()


def answer(status: int, message: str = "", **fields: Any) -> UpstreamFailure:
    """The provider said so, with this status; further fields as in ``UpstreamFailure``."""
    phase = fields.pop("phase", "headers")
    return UpstreamFailure(kind="answer", phase=phase, status=status, message=message, **fields)


def judged(failure: UpstreamFailure, table: CodeTable) -> tuple[ErrorSpec, str, float | None]:
    """Row, scope and wait (seconds) at ``NOW_S``."""
    verdict = classify(failure, table, NOW_S)
    return verdict.row, verdict.scope, verdict.retry_after_s


def means(rule: CodeRule) -> tuple[ErrorSpec, str, float | None]:
    """The same of a rule, when the provider names no wait."""
    return rule.row, rule.scope, rule.default_retry_after_s
