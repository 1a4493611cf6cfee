"""Anthropic's error types, and servers that answer like it. Source: its page "Errors", read November 2026.

Left to the groups and the status: ``invalid_request_error`` (context, policy and an empty balance all come so) and
``api_error`` (other servers use it for anything).
"""

from adapters import rules
from adapters.base import CodeTable

CODES = CodeTable(
    # `details.error_code`: our own spending limit. A 429 without Retry-After, which no wait of seconds ends.
    codes={"enforced_spend_limit_reached": rules.ACCOUNT},
    types={
        "authentication_error": rules.ACCOUNT,
        "billing_error": rules.ACCOUNT,
        "permission_error": rules.ACCOUNT,
        "not_found_error": rules.MODEL_GONE,
        "request_too_large": rules.CONTEXT,
        "rate_limit_error": rules.RATE,
        "timeout_error": rules.TIMED_OUT,
        # Often inside a 200, before the first content.
        "overloaded_error": rules.OVERLOADED,
    },
)
