"""OpenCode Zen's and Go's error types. Source: the console's public source and its documentation, read November 2026.

``{"type": "error", "error": {"type": T, "message": M}, "metadata"?}``; a text of the provider behind it begins with
`Error from provider (X):` and may hold one of these types. Headers are scrubbed: waits come from the table.
"""

import re

from adapters import rules
from adapters.base import CodeRule, CodeTable, PatternRule
from adapters.retry_after import retry_after, until_utc_midnight
from freetheai import errors
from freetheai.wire.events import UpstreamFailure


def _free_wait_s(failure: UpstreamFailure, now_s: float) -> float:
    return retry_after(failure, now_s) or until_utc_midnight(now_s)


def _plan_wait_s(failure: UpstreamFailure, now_s: float) -> float | None:
    """What is named; else a used-up week or month is asked again in an hour, five hours by the rule's default."""
    wait_s = retry_after(failure, now_s)
    metadata = failure.details.get("metadata")
    name = metadata.get("limitName") if isinstance(metadata, dict) else None
    return rules.STAFF_WAIT_S if wait_s is None and name in ("weekly", "monthly") else wait_s


# Our address' allowance of the UTC day for all free models. Not the key's scope: its paid models go on.
_FREE = CodeRule(row=errors.RATE_LIMIT, scope="model", retry_after=_free_wait_s)
_PLAN = CodeRule(
    row=errors.PROVIDER_UNAVAILABLE,
    scope="key",
    is_window=True,
    retry_after=_plan_wait_s,
    default_retry_after_s=rules.WINDOW_WAIT_S,
)
# Counted by key, model and minute.
_MINUTE = CodeRule(row=errors.RATE_LIMIT, scope="model", default_retry_after_s=60.0)
# The session header was not sent: our mistake, and another provider does not ask for it.
_NO_SESSION = CodeRule(row=errors.SERVER_ERROR, scope="request", needs_staff=True)
# The balance of the provider behind Zen: nothing that our operator could mend.
_INNER_BALANCE = CodeRule(row=errors.PROVIDER_UNAVAILABLE, scope="model", default_retry_after_s=rules.STAFF_WAIT_S)

CODES = CodeTable(
    types={
        "MissingSessionID": _NO_SESSION,
        "AuthError": rules.ACCOUNT,
        "CreditsError": rules.ACCOUNT,
        "MonthlyLimitError": rules.ACCOUNT,
        "UserLimitError": rules.ACCOUNT,
        "RegionError": rules.ACCOUNT,
        # Unknown, disabled or asked for in the wrong format. Comes as 401.
        "ModelError": rules.MODEL_GONE,
        "RateLimitError": _MINUTE,
        "FreeUsageLimitError": _FREE,
        "GoUsageLimitError": _PLAN,
        "BlackUsageLimitError": _PLAN,
    },
    patterns=(
        # Inside the text of a provider behind it.
        PatternRule(pattern=re.compile(r"freeusagelimiterror"), rule=_FREE, statuses=frozenset({429, 500})),
        PatternRule(pattern=re.compile(r"(go|black)usagelimiterror"), rule=_PLAN, statuses=frozenset({429, 500})),
        PatternRule(pattern=re.compile(""), rule=_INNER_BALANCE, statuses=frozenset({402})),
    ),
)
