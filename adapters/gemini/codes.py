"""Google's status names and reasons. Source: Gemini's page "Troubleshooting", google.rpc error details.

``code`` is the HTTP status as a number; what tells more is ``status`` and ``details[].reason``. A status name that
comes with several HTTP statuses is a pattern. ``INVALID_ARGUMENT`` is left to the groups: overflow, a bad key and a
bad request all carry it.
"""

import re

from adapters import rules
from adapters.base import CodeRule, CodeTable, PatternRule
from adapters.retry_after import detail_entries, retry_after, until_pacific_midnight
from freetheai import errors
from freetheai.wire.events import UpstreamFailure


def _quota_wait_s(failure: UpstreamFailure, now_s: float) -> float | None:
    """A day's quota ends at midnight in California, whatever ``retryDelay`` says; else what is named."""
    return until_pacific_midnight(now_s) if _is_daily(failure) else retry_after(failure, now_s)


def _is_daily(failure: UpstreamFailure) -> bool:
    for entry in detail_entries(failure):
        violations = entry.get("violations")
        for violation in violations if isinstance(violations, list) else ():
            if isinstance(violation, dict) and "PerDay" in str(violation.get("quotaId", "")):
                return True
    return False


# Quotas are counted by project and model.
_QUOTA = CodeRule(row=errors.RATE_LIMIT, scope="model", retry_after=_quota_wait_s)
# `limit: 0`: the model is not in the free tier at all.
_NO_QUOTA = CodeRule(
    row=errors.PROVIDER_UNAVAILABLE,
    scope="model",
    needs_staff=True,
    default_retry_after_s=rules.STAFF_WAIT_S,
)

_EXHAUSTED = re.compile(r"resource_exhausted")

CODES = CodeTable(
    codes={
        "API_KEY_INVALID": rules.ACCOUNT,
        "UNAUTHENTICATED": rules.ACCOUNT,
        "PERMISSION_DENIED": rules.ACCOUNT,
        # No free tier in our region, or billing is not set up.
        "FAILED_PRECONDITION": rules.ACCOUNT,
        "NOT_FOUND": rules.MODEL_GONE,
        "UNAVAILABLE": rules.OVERLOADED,
        "DEADLINE_EXCEEDED": rules.TIMED_OUT,
        "INTERNAL": rules.BROKEN,
        "CANCELLED": rules.UNLUCKY,
        # Finish and block reasons without any output.
        **dict.fromkeys(
            (
                "MALFORMED_FUNCTION_CALL",
                "UNEXPECTED_TOOL_CALL",
                "TOO_MANY_TOOL_CALLS",
                "MISSING_THOUGHT_SIGNATURE",
                "MALFORMED_RESPONSE",
            ),
            rules.UNLUCKY,
        ),
        **dict.fromkeys(("SAFETY", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "IMAGE_SAFETY"), rules.POLICY),
    },
    patterns=(
        # Prepaid credits are used up.
        PatternRule(pattern=_EXHAUSTED, rule=rules.ACCOUNT, statuses=frozenset({402})),
        PatternRule(pattern=re.compile(r"\blimit: 0\b"), rule=_NO_QUOTA, statuses=frozenset({429})),
        # Its sentence for a minute's quota speaks of "plan and billing details".
        PatternRule(pattern=_EXHAUSTED, rule=_QUOTA),
        PatternRule(pattern=re.compile(r"exceeded your current quota"), rule=_QUOTA, statuses=frozenset({429})),
    ),
)
