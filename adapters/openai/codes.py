"""OpenAI's failure codes, and those of servers spoken to as OpenAI-compatible that have no family of their own.

Groq, Cerebras, Mistral, DeepSeek, NVIDIA NIM, Cloudflare Workers AI, MiniMax, vLLM, LM Studio, Ollama: their own codes
do not collide here (Zhipu's numbers would). Sources: each provider's page on errors, read November 2026.

Left to the groups and the status on purpose: ``invalid_request_error`` and ``server_error``, which say less than the
message beside them, and ``rate_limit_exceeded`` as a code, which Groq also gives to a request that is too large.
"""

import re

from adapters import rules
from adapters.base import CodeRule, CodeTable, PatternRule
from adapters.retry_after import retry_after, until_utc_midnight
from freetheai import errors
from freetheai.wire.events import UpstreamFailure

_SLOW_DOWN_S = 60.0


def _at_least_a_minute(failure: UpstreamFailure, now_s: float) -> float:
    return max(_SLOW_DOWN_S, retry_after(failure, now_s) or 0)


def _until_tomorrow(failure: UpstreamFailure, now_s: float) -> float:
    del failure
    return until_utc_midnight(now_s)


# OpenAI asks to ramp up slowly after this, not to wait a moment.
_SLOW_DOWN = CodeRule(row=errors.RATE_LIMIT, scope="key", retry_after=_at_least_a_minute)
# Cloudflare: the day's 10,000 neurons are used; they return at 00:00 UTC.
_NEURONS = CodeRule(row=errors.PROVIDER_UNAVAILABLE, scope="key", is_window=True, retry_after=_until_tomorrow)

_OPENAI = {
    "invalid_api_key": rules.ACCOUNT,
    "account_deactivated": rules.ACCOUNT,
    "unsupported_country_region_territory": rules.ACCOUNT,
    "insufficient_quota": rules.ACCOUNT,
    "billing_hard_limit_reached": rules.ACCOUNT,
    "model_not_found": rules.MODEL_GONE,
    "context_length_exceeded": rules.CONTEXT,
    "content_policy_violation": rules.POLICY,
    "content_filter": rules.POLICY,
    "invalid_prompt": rules.POLICY,
    "moderation_blocked": rules.POLICY,
    "unsupported_parameter": rules.REJECTED,
    "unsupported_value": rules.REJECTED,
    "invalid_value": rules.REJECTED,
    "string_above_max_length": rules.REJECTED,
    "slow_down": _SLOW_DOWN,
    "server_is_overloaded": rules.OVERLOADED,
}

# The model wrote a bad tool call or bad JSON: chance, so another try may do.
_GROQ = {"tool_use_failed": rules.UNLUCKY, "json_validate_failed": rules.UNLUCKY}

_CEREBRAS = {
    "request_quota_exceeded": rules.RATE,
    "token_quota_exceeded": rules.RATE,
    "queue_exceeded": rules.OVERLOADED,
}

_MISTRAL = {"1300": rules.RATE}

# DeepSeek's finish reason under load, and the ones others end a broken answer with.
_FINISH = {
    "insufficient_system_resource": rules.OVERLOADED,
    "network_error": rules.BROKEN,
}

_CLOUDFLARE = {
    **dict.fromkeys(("5007", "3042"), rules.MODEL_GONE),
    **dict.fromkeys(("5004", "3003", "5019", "5005"), rules.REJECTED),
    **dict.fromkeys(("5018", "5016", "3023", "3041"), rules.ACCOUNT),
    "3006": rules.CONTEXT,
    **dict.fromkeys(("3007", "3008"), rules.TIMED_OUT),
    "3036": _NEURONS,
    "3040": rules.OVERLOADED,
}

_MINIMAX = {
    **dict.fromkeys(("1000", "1013", "1024", "1033"), rules.BROKEN),
    "1001": rules.TIMED_OUT,
    **dict.fromkeys(("1002", "1039"), rules.RATE),
    **dict.fromkeys(("1004", "1008"), rules.ACCOUNT),
    **dict.fromkeys(("1026", "1027"), rules.POLICY),
    "2056": rules.WINDOW,
}


def _special(failure: UpstreamFailure) -> CodeRule | None:
    """Cerebras says nothing at all when the context overflows; its day and minute headers tell that it is Cerebras."""
    says_something = failure.message or failure.code or failure.type or failure.param
    if failure.status != 400 or says_something:
        return None
    names = failure.headers.keys()
    is_cerebras = any(name.startswith("x-ratelimit-") and name.endswith("-requests-day") for name in names)
    return rules.CONTEXT if is_cerebras else None


CODES = CodeTable(
    codes={**_OPENAI, **_GROQ, **_CEREBRAS, **_MISTRAL, **_FINISH, **_CLOUDFLARE, **_MINIMAX},
    types={
        "insufficient_quota": rules.ACCOUNT,
        "rate_limited": rules.RATE,
    },
    patterns=(
        # Groq: larger than a minute's tokens. Waiting would not help, a smaller request does.
        PatternRule(pattern=re.compile(r"request too large"), rule=rules.CONTEXT, statuses=frozenset({413})),
        # OpenAI's and Groq's limits are the model's own; their messages mention billing pages.
        PatternRule(
            pattern=re.compile(r"^rate_limit_exceeded$|^rate limit reached for", re.MULTILINE),
            rule=rules.RATE_OF_MODEL,
            statuses=frozenset({403, 429, 500, 503}),
        ),
        # MiniMax puts overflow under its number for bad parameters.
        PatternRule(pattern=re.compile(r"\A2013\b[\s\S]{0,200}context window exceeds"), rule=rules.CONTEXT),
        PatternRule(pattern=re.compile(r"\A2013$", re.MULTILINE), rule=rules.REJECTED),
        # vLLM was started without its tool parser; LM Studio without a model.
        PatternRule(pattern=re.compile(r"--enable-auto-tool-choice|--tool-call-parser"), rule=rules.MODEL_GONE),
        PatternRule(pattern=re.compile(r"no models? loaded"), rule=rules.OVERLOADED),
    ),
    special=_special,
)
