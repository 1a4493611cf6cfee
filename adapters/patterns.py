"""Ordered expressions for what a provider gives no code for: the error's words to a judgement.

Strategy: the extracted error fields become one bounded, lower-case text, a line a field; the groups are searched in
order and the first that matches decides. Letters are those of the samples in the tests: C context, P policy, Z plan
and balance, R rate, O overload, A our credential, M our model id, T timeout; F is a wall in front of the provider.

Rules:
- never a whole body or a stream's text: it may quote the prompt;
- a member's words must not take a credential or model out of service. Providers quote requests in what they say of
  bad ones, so there quoted parts are dropped before the groups that cool something are asked, and single words
  (``authentication``, ``billing``, ``timeout``) count for nothing: any of them may be the name of a field;
- addresses of web pages are dropped everywhere: rate messages end in links to billing pages;
- a line never matches together with its neighbour (``.`` stops there), and no expression repeats without a bound.
"""

import re
from dataclasses import dataclass
from typing import Final

from adapters import rules
from adapters.base import CodeRule
from freetheai.wire.events import UpstreamFailure

# How much of an error is looked at (characters).
MAX_TEXT: Final = 4096

# Statuses by which a provider says that the request is wrong, and may quote it.
REQUEST_FAULT: Final = frozenset({400, 404, 405, 406, 413, 415, 422})
_OUR_ACCOUNT: Final = frozenset({401, 402, 407})
# Too large for the minute: waiting does not help, a smaller request does.
_TOO_LARGE: Final = frozenset({413})
_SERVER: Final = frozenset(range(500, 600))
_CLIENT: Final = frozenset(range(300, 500))

_LINK = re.compile(r"https?://\S+")
_QUOTED = re.compile(r"(?<!\w)(['\"`]).{0,400}?\1(?!\w)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Expressions with one meaning. ``only``: statuses it is asked for (empty: any); ``but``: never for these.

    ``guard`` keeps it from being asked at all; ``in_band``: asked for any error inside a good answer;
    ``reads_quotes``: what the provider quotes counts too, since nothing is cooled by it.
    """

    name: str
    pattern: re.Pattern[str]
    rule: CodeRule
    only: frozenset[int] = frozenset()
    but: frozenset[int] = frozenset()
    guard: re.Pattern[str] | None = None
    in_band: bool = False
    reads_quotes: bool = False


def _any_of(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.MULTILINE)


_NOT_CONTEXT = _any_of(
    r"rate.?limit|too many requests|tokens per (min|day|hour)|per minute|throttl|quota|service (is )?unavailable",
    r"string_above_max_length|'?user'?.{0,20}too long",
)
_CONTEXT = _any_of(
    r"context[_ -]?(length|window)[_ -]?(is )?exceed|exceed(s|ed|ing)?.{0,40}context[_ -]?(length|window|size|limit)",
    r"prompt (is )?too long|prompt exceeds max|input is too long|input too long|request_too_large",
    r"exceeds? (the )?(model'?s )?maximum (context length|allowed input length)",
    r"maximum (context|prompt|input) length is \d",
    r"maximum number of (input )?tokens allowed|input token count.{0,60}exceeds the maximum",
    r"reduce (the length|your prompt|the input)",
    r"longer than the model'?s context length|greater than the context length",
    r"exceeds the available context size|exceed_context_size_error|n_ctx",
    r"too large for model with \d{1,12} maximum context length",
    r"exceeded model token limit|token limit exceeded|too many (input )?tokens",
    r"tokens in request more than max tokens allowed|context length is only \d{1,12} tokens",
    r"range of input length should be|input length.{0,40}exceed",
    r"current length is \d{1,12} while limit is \d",
    r"prompt has [\d,]{1,15} tokens,? but",
    r"exceeds the limit of [\d,]{1,15}( tokens)?$|prompt token count of \d{1,12} exceeds",
    r"model_context_window_exceeded|context_window_exceeded|max_tokens_exceeded|string_too_long",
    r"(输入|上下文|提示词).{0,12}(超|过长)|请求.{0,6}过长",
)

# An account blocked for breaking the terms of service is our trouble, not this prompt's.
_BLOCKED_ACCOUNT = r"account.{0,30}(suspended|disabled|locked|banned|deactivated|restricted)"
_POLICY = _any_of(
    r"content[_ -]?policy|content[_ -]?filter|contentfilter|responsibleaipolicyviolation",
    r"content exists risk|data_?inspection_?failed|inappropriate content",
    r"(unsafe|sensitive|prohibited|harmful) content|不安全|敏感|违规",
    r"violates? (our )?usage guidelines|safety_check_type|usage polic(y|ies)|terms of service",
    r"moderation (block|endpoint)|flagged (by|as)|requires moderation|considered high risk",
    r"rejected by content moderation",
    r"safety system|blocked by (the )?(safety|content)|output blocked by content filtering",
    r"invalid_prompt|cybersecurity risk|new_sensitive|sensitive_words_detected|model produced invalid content",
    r"block_?reason|prohibited_content|image_safety|jailbreak",
)

# Money: only the operator can mend it.
_BALANCE = _any_of(
    r"insufficient[_ ]?(quota|balance|credits|funds)|余额不足|欠费|credit balance is too low|no payment method",
    r"creditserror|out of (budget|credits|quota)|ran out of credits|available credits|prepayment credits",
    r"exceeded your current quota|monthly spending limit|enforced_spend_limit",
)
PLAN_WINDOW = _any_of(
    r"usage limit reached|usage_limit|gousagelimiterror|freeusagelimiterror|blackusagelimiterror|monthly usage limit",
    r"\b(5|five)[ -]?hour|5 ?小时|weekly (usage )?limit|使用上限|限额将在",
)
_QUOTA_WORDS = _any_of(r"quota exceeded|limit_source")
_BILLING_WORDS = _any_of(r"\bbilling\b")
_DAY = _any_of(r"daily (request )?limit|\bper ?day\b")

_RATE = _any_of(
    r"rate.?limit(ed| reached| exceeded|_exceeded|_error)|too many requests|too_many_requests",
    r"request_quota_exceeded|token_quota_exceeded",
)
_RATE_WORDS = _any_of(
    r"rate.?limit|resource[_ ]?(has been )?exhausted",
    r"concurren(cy|t).{0,30}(limit|exceed|too)|requests per (second|minute|hour)|tokens per (minute|hour)",
    r"slow_down|throttl|并发|频率|请求过多|速率限制",
)
_OVERLOAD = _any_of(
    r"overloaded|server_?(is_)?(busy|overloaded)|high (demand|traffic|load)|temporarily (unavailable|overloaded)",
    r"at capacity|capacity (exceeded|temporarily)|no capacity|tier capacity exceeded|capacity_exceeded",
    r"queue_exceeded|queue is full|model is (loading|warming|busy)|loading model|degraded function",
    r"no (available|healthy) (channel|provider|endpoint)|no endpoints found",
    r"service (is )?(temporarily |currently )?unavailable|upstream connect error",
    r"worker.{0,20}(unavailable|limit)|繁忙|过载|稍后",
)
_CREDENTIAL = _any_of(
    r"\b(incorrect|invalid|wrong|expired|revoked) (api key|credentials?)\b|invalid_api_key|api_key_invalid",
    r"api key (not valid|not found|(is |has )?(invalid|expired|revoked))",
    _BLOCKED_ACCOUNT,
    r"user location is not supported|country, region,? or territory not supported",
)
_CREDENTIAL_WORDS = _any_of(
    r"(invalid|incorrect|wrong|missing|expired|revoked).{0,20}"
    r"(api[_ -]?key|(auth|access|bearer|id)[_ -]?token|credential)",
    r"authentication|unauthori[sz]ed|not authorized|autherror|permission[_ -]?(denied|error)",
    r"(region|country|location).{0,40}not (supported|available)|令牌|密钥|身份验证",
)
_MODEL = _any_of(
    r"model[_ ]?not[_ ]?found|(unknown|invalid|no such|unsupported) model\b",
    r"model.{0,80}(does not exist|not found|not exist|not supported for format|is not available)",
    r"模型不存在|function.{0,60}not found for account",
)
_TIMEOUT = _any_of(r"timed? ?out|deadline[ _]exceeded|gateway time-?out")
_WALL = _any_of(r"attention required! \| cloudflare|^just a moment|sorry, you have been blocked")

GROUPS: Final = (
    Group(name="F", pattern=_WALL, rule=rules.BLOCKED, but=REQUEST_FAULT),
    Group(
        name="C",
        pattern=_CONTEXT,
        rule=rules.CONTEXT,
        # 500: LM Studio and some builds of vLLM.
        only=frozenset({400, 404, 413, 422, 500}),
        guard=_NOT_CONTEXT,
        in_band=True,
        reads_quotes=True,
    ),
    Group(
        name="P",
        pattern=_POLICY,
        rule=rules.POLICY,
        but=_OUR_ACCOUNT,
        guard=re.compile(_BLOCKED_ACCOUNT),
        reads_quotes=True,
    ),
    Group(name="Z", pattern=_BALANCE, rule=rules.ACCOUNT, but=_TOO_LARGE),
    Group(name="Z", pattern=PLAN_WINDOW, rule=rules.WINDOW, but=REQUEST_FAULT),
    Group(name="Z", pattern=_DAY, rule=rules.DAY, but=REQUEST_FAULT),
    Group(name="Z", pattern=_QUOTA_WORDS, rule=rules.WINDOW, but=REQUEST_FAULT),
    Group(name="Z", pattern=_BILLING_WORDS, rule=rules.ACCOUNT, but=REQUEST_FAULT),
    Group(name="R", pattern=_RATE, rule=rules.RATE, but=_TOO_LARGE),
    Group(name="R", pattern=_RATE_WORDS, rule=rules.RATE, but=REQUEST_FAULT),
    Group(name="O", pattern=_OVERLOAD, rule=rules.OVERLOADED),
    Group(name="A", pattern=_CREDENTIAL, rule=rules.ACCOUNT),
    Group(name="A", pattern=_CREDENTIAL_WORDS, rule=rules.ACCOUNT, but=REQUEST_FAULT),
    Group(name="M", pattern=_MODEL, rule=rules.MODEL_GONE, only=_CLIENT),
    Group(name="T", pattern=_TIMEOUT, rule=rules.TIMED_OUT, only=_SERVER | {408}),
)


def failure_text(failure: UpstreamFailure) -> str:
    """The extracted fields as one text: a line a field, lower-case, without links, at most ``MAX_TEXT`` characters."""
    status = failure.details.get("status")
    status = str(status) if isinstance(status, (str, int)) else ""
    fields = (failure.code, failure.type, status, failure.message, failure.param)
    lines = (" ".join(field[:MAX_TEXT].lower().split()) for field in fields)
    return _LINK.sub("", "\n".join(line for line in lines if line)[:MAX_TEXT])


def without_quotes(text: str) -> str:
    """``text`` without its quoted parts; an apostrophe inside a word quotes nothing."""
    return _QUOTED.sub(" ", text)


def find_group(text: str, status: int, *, in_band: bool = False) -> Group | None:
    """The first group that matches ``text`` (made by ``failure_text``) at ``status``, or None.

    ``in_band``: the error came inside a good answer, so ``status`` tells little.
    """
    # A 429 or 5xx is not about the request, and relays put whole JSON texts there: quotes are kept.
    unquoted = without_quotes(text) if in_band or status in REQUEST_FAULT else text
    for group in GROUPS:
        if not _is_asked(group, status, in_band):
            continue
        if group.guard is not None and group.guard.search(text):
            continue
        if group.pattern.search(text if group.reads_quotes else unquoted):
            return group
    return None


def _is_asked(group: Group, status: int, in_band: bool) -> bool:
    if group.in_band and in_band:
        return True
    return status not in group.but and (not group.only or status in group.only)
