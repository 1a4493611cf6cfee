"""The ordered groups: sentences of real providers, and sentences that must not be taken for them."""

import re

import pytest

from adapters import rules
from adapters.base import NO_CODES, CodeRule
from adapters.classify import classify
from adapters.patterns import GROUPS, failure_text, find_group, without_quotes
from freetheai import errors
from freetheai.wire.events import UpstreamFailure

NOW_S = 1_795_000_000.0

SAMPLES = [
    pytest.param(
        "C",
        400,
        "This model's maximum prompt length is 131072 but the request contains 179111 tokens.",
        id="xai names both numbers",
    ),
    pytest.param("C", 400, "prompt is too long: 213462 tokens > 200000 maximum", id="anthropic"),
    pytest.param(
        "C",
        400,
        "This model's maximum context length is 65536 tokens."
        " However, you requested 70214 tokens (62022 in the messages, 8192 in the completion)."
        " Please reduce the length of the messages or completion.",
        id="deepseek with parts in brackets",
    ),
    pytest.param(
        "C",
        400,
        "Prompt contains 40046 tokens and 0 draft tokens, too large for model with 32768 maximum context length",
        id="mistral",
    ),
    pytest.param(
        "C", 400, "The input token count (1196265) exceeds the maximum number of tokens allowed (1048575).", id="gemini"
    ),
    pytest.param(
        "C",
        400,
        "the request exceeds the available context size, try increasing it exceed_context_size_error",
        id="llama.cpp with its type",
    ),
    pytest.param(
        "C",
        500,
        "The number of tokens to keep from the initial prompt is greater than the context length",
        id="lm studio answers 500",
    ),
    pytest.param("C", 400, "1261 Prompt exceeds max length", id="zai with its code in the text"),
    pytest.param(
        "C",
        400,
        "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000",
        id="anthropic adds max_tokens",
    ),
    pytest.param("C", 400, "Your request exceeded model token limit: 262144 (requested: 300000)", id="moonshot"),
    pytest.param("C", 400, "Range of input length should be [1, 129024]", id="qwen gives a range"),
    pytest.param("C", 400, "Current length is 70000 while limit is 65536", id="cerebras"),
    pytest.param("C", 400, "prompt too long; exceeded max context length by 4 tokens", id="ollama"),
    pytest.param(
        "C",
        400,
        "This endpoint's maximum context length is 131072 tokens. However, you requested about 200000 tokens",
        id="openrouter",
    ),
    pytest.param(
        "C", 400, "Input length 265330 exceeds the maximum allowed input length of 262144 tokens", id="together"
    ),
    pytest.param("C", 400, "tokens in request more than max tokens allowed", id="a relay without numbers"),
    pytest.param(
        "C",
        400,
        "context_length_exceeded Your input exceeds the context window of this model",
        id="openai code and text",
    ),
    pytest.param("C", 400, "invalid params, context window exceeds limit", id="minimax"),
    pytest.param(
        "C",
        413,
        "Request too large: prompt token count of 200000 exceeds the limit of 128000",
        id="copilot answers 413",
    ),
    pytest.param("C", 400, "输入内容超长 上下文过长", id="chinese"),
    pytest.param("P", 400, "Content Exists Risk invalid_request_error", id="deepseek risk sentence"),
    pytest.param("P", 400, "系统检测到输入或生成内容可能包含不安全或敏感内容", id="chinese unsafe or sensitive"),
    pytest.param(
        "P", 403, "Content violates usage guidelines. Failed check: SAFETY_CHECK_TYPE_BIO", id="xai failed check is 403"
    ),
    pytest.param(
        "P", 400, "data_inspection_failed Output data may contain inappropriate content.", id="qwen inspection"
    ),
    pytest.param(
        "P",
        421,
        "Moderation Block The request was rejected because it was considered high risk content_filter",
        id="mimo moderation block is 421",
    ),
    pytest.param("P", 400, "Generated image rejected by content moderation.", id="xai image"),
    pytest.param(
        "P",
        400,
        "The response was filtered due to the prompt triggering Azure OpenAI's"
        " content management policy ResponsibleAIPolicyViolation",
        id="azure",
    ),
    pytest.param(
        "P",
        400,
        "Invalid prompt: your prompt was flagged as potentially violating our usage policy. invalid_prompt",
        id="openai usage policy",
    ),
    pytest.param(
        "P",
        403,
        'meta/llama requires moderation on X. Your input was flagged for "violence"',
        id="openrouter flagged is 403",
    ),
    pytest.param(
        "Z", 429, "Usage limit reached for 5 hour. Your limit will reset at 2026-09-10 04:24:36", id="zai window"
    ),
    pytest.param(
        "Z", 429, "已达到 5 小时的使用上限。您的限额将在 2025-12-21 15:00:05 重置。", id="zai window in chinese"
    ),
    pytest.param("Z", 402, "Insufficient Balance", id="deepseek balance is 402"),
    pytest.param(
        "Z",
        429,
        "You exceeded your current quota, please check your plan and billing details insufficient_quota",
        id="openai quota",
    ),
    pytest.param(
        "Z",
        403,
        "Your team X has either used all available credits or reached its monthly spending limit.",
        id="xai credits are 403",
    ),
    pytest.param("Z", 429, "FreeUsageLimitError Rate limit exceeded. Please try again later.", id="zen free allowance"),
    pytest.param("Z", 429, "GoUsageLimitError 5 hour usage limit reached", id="go window"),
    pytest.param("Z", 400, "Your credit balance is too low to access the Anthropic API", id="anthropic balance is 400"),
    pytest.param(
        "R",
        429,
        "Rate limit reached for model `llama` on tokens per minute (TPM): Limit 12000,"
        " Used 4437, Requested 9854. Please try again in 11.455s. rate_limit_exceeded tokens",
        id="groq tokens per minute",
    ),
    pytest.param(
        "R",
        429,
        "Requests per minute limit exceeded - too many requests sent."
        " too_many_requests_error quota request_quota_exceeded",
        id="cerebras requests",
    ),
    pytest.param("R", 429, "Tokens per minute limit exceeded - too many tokens processed.", id="cerebras tokens"),
    pytest.param("R", 429, "Resource has been exhausted (e.g. check quota).", id="gemini exhausted"),
    pytest.param("R", 429, '{"status":429,"title":"Too Many Requests"}', id="nim json as text"),
    pytest.param("R", 429, "您的账户已达到速率限制，请您控制请求频率", id="chinese rate"),
    pytest.param(
        "R",
        429,
        "High concurrency usage of this API, please reduce concurrency: concurrency limit exceeded",
        id="zai concurrency",
    ),
    pytest.param("O", 503, "The model is overloaded. Please try again later. UNAVAILABLE", id="gemini overloaded"),
    pytest.param("O", 400, "DEGRADED function cannot be invoked", id="nim degraded is 400"),
    pytest.param("O", 529, "Overloaded overloaded_error", id="anthropic 529"),
    pytest.param("O", 429, "Service tier capacity exceeded for this model.", id="mistral tier"),
    pytest.param("O", 503, "No available channel for model x", id="relay has no channel"),
    pytest.param("O", 404, "No endpoints found for x", id="openrouter has no endpoint"),
    pytest.param(
        "O", 429, "The service may be temporarily overloaded, please try again later", id="zai overloaded is 429"
    ),
    pytest.param("A", 400, "Incorrect API key provided: ab***yz.", id="xai bad key is 400"),
    pytest.param("A", 400, "API key not valid. Please pass a valid API key.", id="gemini bad key is 400"),
    pytest.param("A", 401, "令牌已过期或验证不正确", id="zai token in chinese"),
    pytest.param(
        "M",
        404,
        "The model `x` does not exist or you do not have access to it. model_not_found",
        id="openai model is missing",
    ),
    pytest.param("M", 404, "404 Function 'abc': Not found for account", id="nim function is missing"),
    pytest.param("M", 401, "Model abc is not supported for format openai", id="zen wrong format is 401"),
    pytest.param("T", 504, "Gateway Time-out", id="proxy page"),
    pytest.param("T", 504, "DEADLINE_EXCEEDED", id="google deadline"),
    pytest.param("-", 400, "Unrecognized request argument supplied: foo", id="unknown argument"),
    pytest.param("-", 400, "Invalid type for 'messages[0].content': expected string", id="wrong type"),
    pytest.param("-", 400, "tool_use_failed Failed to call a function.", id="groq bad tool call"),
    pytest.param("-", 400, "Param Incorrect", id="mimo without its reason"),
    pytest.param("-", 400, "temperature must be between 0 and 2", id="temperature out of range"),
    pytest.param(
        "-",
        400,
        "max_tokens: 100000 > 64000, which is the maximum allowed number of output tokens",
        id="max_tokens over the output limit",
    ),
    pytest.param(
        "-",
        400,
        "Invalid 'user': string too long. Expected a string with maximum length 64 string_above_max_length",
        id="openai user too long",
    ),
    pytest.param(
        "-",
        400,
        "messages with role 'tool' must be a response to a preceeding message with 'tool_calls'.",
        id="tool message without its call",
    ),
    pytest.param("-", 400, "Invalid schema for function 'f': 'type' is not valid", id="bad schema"),
    pytest.param("-", 400, "Invalid token in JSON at position 3", id="bad json token"),
]

# What a sample's letter means to the client; "-" is the status table's, "Z" has several.
ROWS = {
    "C": errors.CONTEXT_LENGTH_EXCEEDED,
    "P": errors.CONTENT_POLICY_VIOLATION,
    "R": errors.RATE_LIMIT,
    "O": errors.PROVIDER_UNAVAILABLE,
    "A": errors.PROVIDER_UNAVAILABLE,
    "M": errors.PROVIDER_ERROR,
    "T": errors.PROVIDER_TIMEOUT,
    "-": errors.PAYLOAD_REJECTED,
}


def failure(status: int, message: str) -> UpstreamFailure:
    return UpstreamFailure(kind="answer", phase="headers", status=status, message=message)


def letter(status: int, message: str, *, in_band: bool = False) -> str:
    group = find_group(failure_text(failure(status, message)), status, in_band=in_band)
    return group.name if group else "-"


@pytest.mark.parametrize(("expected", "status", "message"), SAMPLES)
def test_sentence_belongs_to_group(expected, status, message):
    assert letter(status, message) == expected


@pytest.mark.parametrize(("expected", "status", "message"), [row for row in SAMPLES if row.values[0] != "Z"])
def test_sentence_becomes_row(expected, status, message):
    verdict = classify(failure(status, message), NO_CODES, NOW_S)
    assert verdict.row is ROWS[expected]
    is_request = expected in "CP-"
    assert (verdict.scope == "request") is is_request
    assert verdict.retry_elsewhere is not is_request
    assert verdict.needs_staff is (expected in "AM")
    assert re.fullmatch(r"|prompt is too long: \d+ tokens > \d+ maximum", verdict.text)


Z_RULES = {
    "zai window": rules.WINDOW,
    "zai window in chinese": rules.WINDOW,
    "zen free allowance": rules.WINDOW,
    "go window": rules.WINDOW,
    "deepseek balance is 402": rules.ACCOUNT,
    "openai quota": rules.ACCOUNT,
    "xai credits are 403": rules.ACCOUNT,
    "anthropic balance is 400": rules.ACCOUNT,
}


@pytest.mark.parametrize(
    ("rule", "status", "message"),
    [pytest.param(Z_RULES[str(row.id)], *row.values[1:], id=str(row.id)) for row in SAMPLES if row.values[0] == "Z"],
)
def test_used_up_plan_is_told_from_an_empty_account(rule: CodeRule, status, message):
    verdict = classify(failure(status, message), NO_CODES, NOW_S)
    assert (verdict.row, verdict.scope, verdict.needs_staff) == (rule.row, "key", rule.needs_staff)


NOT_IN_GROUP = [
    # C: a rate is not a size, and neither is a field of ours.
    pytest.param("C", 429, "Rate limit: too many tokens, prompt is too long for your tier", id="C rate not size"),
    pytest.param("C", 400, "Input too long: tokens per minute limit", id="C tokens per minute"),
    pytest.param("C", 400, "'user' string_too_long, too long for the field", id="C user field"),
    pytest.param("C", 503, "Service unavailable: context length exceeded queue", id="C service away"),
    pytest.param("C", 401, "prompt is too long", id="C not on 401"),
    pytest.param("C", 400, "max_tokens must be at most the model's maximum", id="C output limit"),
    # P: our account, not the prompt.
    pytest.param("P", 403, "Your account was suspended for breaking our terms of service", id="P account suspended"),
    pytest.param("P", 401, "content policy", id="P not on 401"),
    pytest.param("P", 402, "usage policy", id="P not on 402"),
    pytest.param("P", 429, "Rate limited, see https://x.test/terms of service-limits/usage-policy", id="P in a link"),
    pytest.param("P", 400, "content must be a string", id="P the word content"),
    # Z: words that name fields or pages.
    pytest.param("Z", 429, "Rate limit reached. Upgrade at https://x.test/settings/billing", id="Z billing in a link"),
    pytest.param("Z", 400, "Unrecognized request argument supplied: billing", id="Z billing as a field"),
    pytest.param("Z", 400, "Unexpected field per_day or per day", id="Z per day as a field"),
    pytest.param("Z", 400, "Invalid schema for function 'insufficient_quota'", id="Z quoted name"),
    pytest.param("Z", 413, "Request too large: limit 10 per day", id="Z too large is no plan"),
    # R
    pytest.param("R", 400, "Unrecognized request argument supplied: rate_limit", id="R rate_limit as a field"),
    pytest.param("R", 400, "参数 frequency_penalty 频率 不合法", id="R frequency as a field"),
    pytest.param("R", 400, "Invalid schema for function 'rate_limited'", id="R quoted name"),
    pytest.param("R", 413, "Request too large on tokens per minute: Limit 12000", id="R too large for the minute"),
    # O
    pytest.param("O", 400, 'Invalid tool name "overloaded"', id="O quoted name"),
    pytest.param("O", 404, "Available capacity is described in the docs", id="O the word capacity"),
    # A
    pytest.param("A", 400, "Unrecognized request argument supplied: authentication", id="A field"),
    pytest.param("A", 400, "Invalid schema for function 'authentication'", id="A quoted function"),
    pytest.param("A", 422, "Extra inputs are not permitted: api_key", id="A api_key as a field"),
    pytest.param("A", 400, "Invalid token in JSON: location format not supported", id="A location as a field"),
    pytest.param("A", 400, "tools[0].`invalid_api_key` is not a tool", id="A quoted in backticks"),
    pytest.param("A", 429, "Too many tokens", id="A the word tokens"),
    # M
    pytest.param("M", 400, "Messages: tool_call_id not found", id="M something else is missing"),
    pytest.param("M", 500, "model x not found", id="M not on 500"),
    pytest.param("M", 400, "Function 'model' has an invalid parameter", id="M quoted"),
    # T
    pytest.param("T", 400, "Unrecognized request argument supplied: timeout", id="T timeout as a field"),
    pytest.param("T", 422, "time_out is not permitted: timed out", id="T not on 422"),
    pytest.param("T", 500, "Sometimes outputs fail", id="T inside words"),
    # F
    pytest.param("F", 400, "Attention Required! | Cloudflare", id="F not on 400"),
    pytest.param("F", 503, "We need just a moment", id="F not a title"),
]


@pytest.mark.parametrize(("name", "status", "message"), NOT_IN_GROUP)
def test_sentence_does_not_belong_to_group(name, status, message):
    assert letter(status, message) != name


def test_every_group_has_samples_for_and_against():
    names = {group.name for group in GROUPS}
    assert names <= {row.values[0] for row in NOT_IN_GROUP}
    assert names - {"F"} <= {row.values[0] for row in SAMPLES}


@pytest.mark.parametrize(
    "title", ["Attention Required! | Cloudflare", "Just a moment…", "Sorry, you have been blocked"]
)
def test_wall_in_front_of_the_provider_takes_all_of_it_away(title):
    verdict = classify(failure(403, title), NO_CODES, NOW_S)
    assert (verdict.row, verdict.scope) == (errors.PROVIDER_UNAVAILABLE, "provider")
    assert verdict.needs_staff


@pytest.mark.parametrize(
    ("expected", "message"),
    [
        pytest.param("C", "prompt is too long: 9000 tokens > 8000 maximum", id="context"),
        pytest.param("P", "blocked by safety", id="policy"),
        pytest.param("O", "overloaded_error: Overloaded", id="overload"),
        pytest.param("A", "permission denied", id="credential"),
        pytest.param("-", "tool 'overloaded' failed", id="quoted"),
    ],
)
def test_error_inside_a_good_answer_is_read_as_server_trouble(expected, message):
    assert letter(500, message, in_band=True) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("the model's key isn't valid", "the model's key isn't valid", id="apostrophes quote nothing"),
        pytest.param("bad 'a b' here", "bad   here", id="single"),
        pytest.param('bad "a\'s b" here', "bad   here", id="an apostrophe inside"),
        pytest.param("bad `x`, `y`", "bad  ,  ", id="backticks"),
        pytest.param("bad 'open", "bad 'open", id="never closed"),
    ],
)
def test_quoted_parts_are_dropped(text, expected):
    assert without_quotes(text) == expected


def test_text_has_a_line_a_field_and_no_links():
    text = failure_text(
        UpstreamFailure(
            kind="answer",
            phase="headers",
            status=400,
            code="A  B",
            type="T",
            message="See HTTPS://x.test/billing\n now",
            param="p",
            details={"status": "NOT_FOUND", "metadata": {"flagged_input": "the prompt"}},
        )
    )
    assert text == "a b\nt\nnot_found\nsee  now\np"


def test_text_is_bounded_and_takes_no_objects():
    text = failure_text(
        UpstreamFailure(
            kind="answer", phase="headers", status=400, message="x" * 100_000, details={"status": {"prompt": "y"}}
        )
    )
    assert text == "x" * 4096
