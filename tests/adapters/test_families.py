"""Every code and type of every family: what it becomes, and what it keeps out of service."""

import pytest

from adapters import rules
from adapters.anthropic.codes import CODES as ANTHROPIC
from adapters.base import CodeRule
from adapters.gemini.codes import CODES as GEMINI
from adapters.llamacpp.codes import CODES as LLAMACPP
from adapters.mimo.codes import CODES as MIMO
from adapters.openai.codes import CODES as OPENAI
from adapters.opencode.codes import CODES as OPENCODE
from adapters.openrouter.codes import CODES as OPENROUTER
from adapters.xai.codes import CODES as XAI
from adapters.zai.codes import CODES as ZAI
from freetheai import errors
from support.failures import HOUR, answer, judged, means

FAMILIES = {
    "openai": OPENAI,
    "anthropic": ANTHROPIC,
    "gemini": GEMINI,
    "opencode": OPENCODE,
    "zai": ZAI,
    "xai": XAI,
    "mimo": MIMO,
    "openrouter": OPENROUTER,
    "llamacpp": LLAMACPP,
}


# What the providers' pages say, by judgement: the tables of the code the other way round.
ZAI_CODES = {
    rules.ACCOUNT: "1000 1001 1002 1003 1004 1110 1111 1112 1113 1120 1121 1300 1309 1313 401",
    rules.REJECTED: "1200 1210 1212 1213 1214 1215",
    rules.MODEL_GONE: "1211 1311",
    rules.BROKEN: "1230 1234 network_error",
    rules.UNLUCKY: "1231",
    rules.CONTEXT: "1261",
    rules.POLICY: "1301 sensitive",
    rules.RATE: "1302 1303",
    rules.OVERLOADED: "1305 1312",
    CodeRule(row=errors.PROVIDER_UNAVAILABLE, scope="model", default_retry_after_s=HOUR): "1220 1221 1222",
    CodeRule(row=errors.RATE_LIMIT, scope="key", default_retry_after_s=17 * HOUR): "1304",
    CodeRule(row=errors.GLM_DEPLETED, scope="key", default_retry_after_s=300): "1308 1316 1318 1320",
    CodeRule(row=errors.GLM_DEPLETED, scope="key", default_retry_after_s=HOUR): "1310 1317 1319 1321",
}
OPENAI_CODES = {
    rules.ACCOUNT: "invalid_api_key account_deactivated unsupported_country_region_territory insufficient_quota"
    " billing_hard_limit_reached 5018 5016 3023 3041 1004 1008",
    rules.MODEL_GONE: "model_not_found 5007 3042",
    rules.CONTEXT: "context_length_exceeded 3006",
    rules.POLICY: "content_policy_violation content_filter invalid_prompt moderation_blocked 1026 1027",
    rules.REJECTED: "unsupported_parameter unsupported_value invalid_value string_above_max_length 5004 3003 5019 5005",
    rules.OVERLOADED: "server_is_overloaded queue_exceeded insufficient_system_resource 3040",
    rules.UNLUCKY: "tool_use_failed json_validate_failed",
    rules.RATE: "request_quota_exceeded token_quota_exceeded 1300 1002 1039",
    rules.BROKEN: "network_error 1000 1013 1024 1033",
    rules.TIMED_OUT: "3007 3008 1001",
    rules.WINDOW: "2056",
    CodeRule(row=errors.RATE_LIMIT, scope="key", default_retry_after_s=60): "slow_down",
    CodeRule(row=errors.PROVIDER_UNAVAILABLE, scope="key", default_retry_after_s=HOUR): "3036",
}
GEMINI_CODES = {
    rules.ACCOUNT: "API_KEY_INVALID UNAUTHENTICATED PERMISSION_DENIED FAILED_PRECONDITION",
    rules.MODEL_GONE: "NOT_FOUND",
    rules.OVERLOADED: "UNAVAILABLE",
    rules.TIMED_OUT: "DEADLINE_EXCEEDED",
    rules.BROKEN: "INTERNAL",
    rules.UNLUCKY: "CANCELLED MALFORMED_FUNCTION_CALL UNEXPECTED_TOOL_CALL TOO_MANY_TOOL_CALLS"
    " MISSING_THOUGHT_SIGNATURE MALFORMED_RESPONSE",
    rules.POLICY: "SAFETY BLOCKLIST PROHIBITED_CONTENT SPII IMAGE_SAFETY",
}
OPENROUTER_CODES = {
    rules.CONTEXT: "context_length_exceeded max_tokens_exceeded token_limit_exceeded string_too_long payload_too_large",
    rules.POLICY: "content_policy_violation refusal invalid_prompt",
    rules.ACCOUNT: "authentication permission_denied payment_required",
    rules.RATE: "rate_limit_exceeded",
    rules.OVERLOADED: "provider_overloaded provider_unavailable",
    rules.TIMED_OUT: "timeout",
    rules.REJECTED: "invalid_request unprocessable precondition_failed invalid_image",
    rules.MODEL_GONE: "not_found",
    rules.BROKEN: "server unmapped",
}
CODE_TABLES = {
    "openai": OPENAI_CODES,
    "anthropic": {rules.ACCOUNT: "enforced_spend_limit_reached"},
    "gemini": GEMINI_CODES,
    "opencode": {},
    "zai": ZAI_CODES,
    "xai": {},
    "mimo": {
        rules.ACCOUNT: "401 402 403",
        rules.POLICY: "421",
        rules.RATE: "429",
        rules.BROKEN: "500",
        rules.OVERLOADED: "503",
    },
    "openrouter": OPENROUTER_CODES,
    "llamacpp": {},
}
TYPE_TABLES = {
    "openai": {rules.ACCOUNT: "insufficient_quota", rules.RATE: "rate_limited"},
    "anthropic": {
        rules.ACCOUNT: "authentication_error billing_error permission_error",
        rules.MODEL_GONE: "not_found_error",
        rules.CONTEXT: "request_too_large",
        rules.RATE: "rate_limit_error",
        rules.TIMED_OUT: "timeout_error",
        rules.OVERLOADED: "overloaded_error",
    },
    "opencode": {
        CodeRule(row=errors.SERVER_ERROR, scope="request"): "MissingSessionID",
        rules.ACCOUNT: "AuthError CreditsError MonthlyLimitError UserLimitError RegionError",
        rules.MODEL_GONE: "ModelError",
        CodeRule(row=errors.RATE_LIMIT, scope="model", default_retry_after_s=60): "RateLimitError",
        CodeRule(row=errors.RATE_LIMIT, scope="model", default_retry_after_s=HOUR): "FreeUsageLimitError",
        rules.WINDOW: "GoUsageLimitError BlackUsageLimitError",
    },
    "mimo": {rules.ACCOUNT: "insufficient_balance", rules.POLICY: "content_filter"},
    "llamacpp": {
        rules.CONTEXT: "exceed_context_size_error",
        rules.OVERLOADED: "unavailable_error",
        rules.ACCOUNT: "authentication_error permission_error",
        rules.MODEL_GONE: "not_found_error",
        rules.REJECTED: "not_supported_error",
    },
}


def spread(tables):
    """(family, name, judgement) of each name in the tables above."""
    return [
        pytest.param(family, name, rule, id=f"{family} {name}")
        for family, table in tables.items()
        for rule, names in table.items()
        for name in names.split()
    ]


# Statuses that would mean something else: a code is a surer sign than the status.
@pytest.mark.parametrize("status", [200, 429, 500])
@pytest.mark.parametrize(("family", "code", "rule"), spread(CODE_TABLES))
def test_code(family, code, rule, status):
    assert judged(answer(status, code=code), FAMILIES[family]) == means(rule)


@pytest.mark.parametrize("status", [200, 429, 500])
@pytest.mark.parametrize(("family", "name", "rule"), spread(TYPE_TABLES))
def test_type(family, name, rule, status):
    assert judged(answer(status, type=name), FAMILIES[family]) == means(rule)


@pytest.mark.parametrize("family", FAMILIES)
def test_no_code_goes_untested(family):
    tested = {row.values[1] for row in spread(CODE_TABLES) if row.values[0] == family}
    assert tested == FAMILIES[family].codes.keys()
    tested = {row.values[1] for row in spread(TYPE_TABLES) if row.values[0] == family}
    assert tested == FAMILIES[family].types.keys()


@pytest.mark.parametrize("family", FAMILIES)
def test_only_the_operator_is_told_of_what_only_he_can_mend(family):
    table = FAMILIES[family]
    for rule in (*table.codes.values(), *table.types.values(), *(entry.rule for entry in table.patterns)):
        if rule.scope == "key" and rule.row is errors.PROVIDER_UNAVAILABLE and rule.default_retry_after_s == HOUR:
            assert rule.needs_staff
        if rule.row in {errors.CONTEXT_LENGTH_EXCEEDED, errors.CONTENT_POLICY_VIOLATION, errors.PAYLOAD_REJECTED}:
            assert (rule.scope, rule.retry_elsewhere, rule.needs_staff) == ("request", False, False)
