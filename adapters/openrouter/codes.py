"""OpenRouter's failures, and those of gateways that answer like it (Kilo). Source: its page "Errors", November 2026.

``code`` is the HTTP status as a number; ``metadata.error_type`` is its own name for what happened. 402 and 403 have
two meanings each, told by ``metadata``.
"""

import re
from typing import Any

from adapters import rules
from adapters.base import CodeRule, CodeTable, PatternRule
from freetheai.wire.events import UpstreamFailure


def _special(failure: UpstreamFailure) -> CodeRule | None:
    """402 and 403 by their metadata."""
    metadata = failure.details.get("metadata")
    fields: dict[str, Any] = metadata if isinstance(metadata, dict) else {}
    statuses = {str(failure.status), failure.code}
    if "402" in statuses:
        # What is in flight has reserved the budget: it comes back by itself.
        return rules.RATE if fields.get("limit_source") else rules.ACCOUNT
    if "403" in statuses and (fields.get("reasons") or fields.get("flagged_input")):
        return rules.POLICY
    return None


_ERROR_TYPES = {
    **dict.fromkeys(
        (
            "context_length_exceeded",
            "max_tokens_exceeded",
            "token_limit_exceeded",
            "string_too_long",
            "payload_too_large",
        ),
        rules.CONTEXT,
    ),
    **dict.fromkeys(("content_policy_violation", "refusal", "invalid_prompt"), rules.POLICY),
    **dict.fromkeys(("authentication", "permission_denied", "payment_required"), rules.ACCOUNT),
    "rate_limit_exceeded": rules.RATE,
    **dict.fromkeys(("provider_overloaded", "provider_unavailable"), rules.OVERLOADED),
    "timeout": rules.TIMED_OUT,
    **dict.fromkeys(("invalid_request", "unprocessable", "precondition_failed", "invalid_image"), rules.REJECTED),
    "not_found": rules.MODEL_GONE,
    **dict.fromkeys(("server", "unmapped"), rules.BROKEN),
}

CODES = CodeTable(
    codes=_ERROR_TYPES,
    patterns=(
        # An account setting forbids what was asked for; with `reasons` it would be the prompt.
        PatternRule(pattern=re.compile(r"guardrail"), rule=rules.ACCOUNT, statuses=frozenset({403})),
        PatternRule(pattern=re.compile(r"free-models-per-(day|min)"), rule=rules.RATE),
        PatternRule(
            pattern=re.compile(r"no endpoints found.{0,40}support.{0,60}(image|tool|audio|file|vision)"),
            rule=rules.REJECTED,
            statuses=frozenset({404}),
        ),
        PatternRule(pattern=re.compile(r"no endpoints found"), rule=rules.MODEL_GONE, statuses=frozenset({404})),
    ),
    special=_special,
)
