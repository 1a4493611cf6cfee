"""What an upstream failure means: the one judgement behind retries, cool-downs and what the client is told.

Strategy: from the surest sign to the least. Transport, the family's own rules (its special reading, code, type,
patterns), the ordered groups of ``patterns``, the HTTP status.

Rules:
- pure and total: any fields give a verdict, nothing raises;
- an error inside a good answer counts by the status it names itself, else as 500;
- a status that came counts even if its body broke off: a cut 429 is a 429;
- nothing of the provider's sentence reaches ``Verdict.text``: only two numbers, or a plain parameter name.
"""

import re
from collections.abc import Mapping
from typing import Final

from adapters import rules
from adapters.base import CodeRule, CodeTable, Verdict
from adapters.patterns import MAX_TEXT, REQUEST_FAULT, failure_text, find_group, without_quotes
from adapters.retry_after import clamp, detail_entries, retry_after
from freetheai import errors
from freetheai.wire.events import FailureKind, UpstreamFailure

_BY_KIND: Final[Mapping[FailureKind, CodeRule]] = {
    "refused": rules.AWAY,
    "timeout": rules.TIMED_OUT,
    "reset": rules.BROKEN,
    "cut": rules.BROKEN,
    "malformed": rules.BROKEN,
    "empty": rules.BROKEN,
    # Past a bound of ours: says nothing of the provider's health.
    "too_large": rules.UNLUCKY,
    "internal": rules.OURS,
}

_BY_STATUS: Final[Mapping[int, CodeRule]] = {
    **dict.fromkeys((400, 405, 406, 415, 422, 424), rules.REJECTED),
    # Our credential or balance; 401 and 403 would tell the client something else.
    **dict.fromkeys((401, 402, 403, 407, 451), rules.ACCOUNT),
    **dict.fromkeys((404, 410), rules.MODEL_GONE),
    **dict.fromkeys((408, 504, 524), rules.TIMED_OUT),
    **dict.fromkeys((409, 425), rules.RATE_OF_MODEL),
    413: rules.CONTEXT,
    429: rules.RATE,
    # Our headers are too big.
    **dict.fromkeys((431, 494), rules.UNLUCKY),
    # Zhipu: no permission (closed test); file over 100 MB.
    434: rules.ACCOUNT,
    435: rules.REJECTED,
    # Groq's flex capacity; Anthropic's and OpenRouter's overload. 502 pages come from a proxy whose server is busy.
    **dict.fromkeys((498, 502, 503, 529), rules.OVERLOADED),
    499: rules.UNLUCKY,
}

_PARAMETER = re.compile(r"[A-Za-z0-9_.\[\]]{1,64}")

# Three digits and more; no part of a word, a date, a decimal or a bracketed code.
_N = r"(?<![\w.,\[\-])(\d{1,3}(?:,\d{3}){1,3}|\d{3,9})(?![\w\-]|[.,]\d)"
_NUMBER = re.compile(_N)
_STATUS_PREFIX = re.compile(r"\s*(?:error code:? ?)?\d{3}\b")
_SUM_OVER = re.compile(rf"{_N} ?\+ ?{_N} ?> ?{_N}")
_OVER = re.compile(rf"{_N}(?: tokens)? ?> ?{_N}")
_LIMIT_THEN_REQUEST = re.compile(
    rf"maximum (?:context|prompt|input)[a-z ]{{0,20}}length is {_N}"
    rf".{{0,60}}?(?:requested|contains|resulted in|has)\D{{1,20}}{_N}"
)


def classify(failure: UpstreamFailure, codes: CodeTable, now_s: float) -> Verdict:
    """Judge ``failure`` by the family's ``codes`` and what all providers share. ``now_s`` is epoch seconds."""
    rule = _find_transport_rule(failure) or _answer_rule(failure, codes)
    return Verdict(
        row=rule.row,
        scope=rule.scope,
        retry_elsewhere=rule.retry_elsewhere,
        retry_after_s=_wait_s(rule, failure, now_s),
        text=_client_text(rule, failure),
        needs_staff=rule.needs_staff,
        is_window=rule.is_window,
    )


def _find_transport_rule(failure: UpstreamFailure) -> CodeRule | None:
    if failure.kind == "internal":
        return rules.OURS
    has_bad_status = failure.status >= 300
    return None if has_bad_status else _BY_KIND.get(failure.kind)


def _answer_rule(failure: UpstreamFailure, codes: CodeTable) -> CodeRule:
    in_band = not failure.status >= 300
    status = _named_status(failure) if in_band else failure.status
    text = failure_text(failure)
    rule = _find_own_rule(failure, codes, text, status)
    if rule is not None:
        return rule
    group = find_group(text, status, in_band=in_band)
    return group.rule if group is not None else _status_rule(status)


def _find_own_rule(failure: UpstreamFailure, codes: CodeTable, text: str, status: int) -> CodeRule | None:
    """What the family itself says of this failure."""
    if codes.special is not None and (rule := codes.special(failure)) is not None:
        return rule
    names = _detail_names(failure)
    for table, first in ((codes.codes, failure.code), (codes.types, failure.type)):
        for name in (*names, first):
            if name in table:
                return table[name]
    heard = without_quotes(text) if status in REQUEST_FAULT else text
    for entry in codes.patterns:
        if (not entry.statuses or status in entry.statuses) and entry.pattern.search(heard):
            return entry.rule
    return None


def _detail_names(failure: UpstreamFailure) -> list[str]:
    """Finer names than ``code`` that providers put aside.

    OpenRouter's ``metadata.error_type``, Google's ``details[].reason`` and ``status``, Anthropic's
    ``details.error_code``.
    """
    metadata = failure.details.get("metadata")
    candidates = [metadata.get("error_type")] if isinstance(metadata, dict) else []
    for entry in detail_entries(failure):
        candidates += (entry.get("error_code"), entry.get("reason"))
    candidates += (failure.details.get("error_type"), failure.details.get("status"))
    return [name for name in candidates if isinstance(name, str) and name]


def _named_status(failure: UpstreamFailure) -> int:
    """The HTTP status an in-band error names (OpenRouter, MiMo, Google: its code; Cerebras: beside it), else 500."""
    for value in (failure.code, failure.details.get("status_code"), failure.details.get("status")):
        digits = str(value)
        if len(digits) == 3 and digits.isascii() and digits.isdigit() and 400 <= int(digits) <= 599:
            return int(digits)
    return 500


def _status_rule(status: int) -> CodeRule:
    rule = _BY_STATUS.get(status)
    if rule is not None:
        return rule
    if 300 <= status < 400:
        return rules.MOVED
    return rules.UNLUCKY if 400 <= status < 500 and status != 421 else rules.BROKEN


def _wait_s(rule: CodeRule, failure: UpstreamFailure, now_s: float) -> float | None:
    """The wait this rule reads, else the one the provider names, else the rule's default; seconds."""
    if rule.scope == "request" or failure.kind == "internal":
        return None
    own_s = rule.retry_after(failure, now_s) if rule.retry_after is not None else None
    named_s = clamp(own_s) if own_s is not None else retry_after(failure, now_s)
    if named_s is None:
        return rule.default_retry_after_s
    # Waiting mends no credential: the provider's "retry in 5 s" must not bring it back before staff has looked.
    return max(named_s, rule.default_retry_after_s or 0) if rule.needs_staff else named_s


def _client_text(rule: CodeRule, failure: UpstreamFailure) -> str:
    if rule.row is errors.CONTEXT_LENGTH_EXCEEDED:
        sizes = context_sizes(failure)
        return f"prompt is too long: {sizes[0]} tokens > {sizes[1]} maximum" if sizes else ""
    if rule.row is errors.PAYLOAD_REJECTED and _PARAMETER.fullmatch(failure.param):
        return f"{rule.row.text} (parameter: {failure.param})"
    return ""


def context_sizes(failure: UpstreamFailure) -> tuple[int, int] | None:
    """Tokens of the request and the limit it passed, if the failure names both.

    llama.cpp has fields for them. In words: ``A + B > C``, ``N > M``, a limit followed by what was requested; else
    exactly two different numbers, the larger being the request.
    """
    request, limit = failure.details.get("n_prompt_tokens"), failure.details.get("n_ctx")
    if type(request) is int and type(limit) is int and request > limit > 0:
        return request, limit
    message = f"{failure.message[:MAX_TEXT]}\n{failure.param[:MAX_TEXT]}".lower()
    message = _STATUS_PREFIX.sub("", message, count=1) if _STATUS_PREFIX.match(message) else message
    return _sizes_in_words(message)


def _sizes_in_words(message: str) -> tuple[int, int] | None:
    if found := _SUM_OVER.search(message):
        return _if_over(_int(found[1]) + _int(found[2]), _int(found[3]))
    if found := _OVER.search(message):
        return _if_over(_int(found[1]), _int(found[2]))
    if found := _LIMIT_THEN_REQUEST.search(message):
        return _if_over(_int(found[2]), _int(found[1]))
    numbers = {_int(found[1]) for found in _NUMBER.finditer(message)}
    return (max(numbers), min(numbers)) if len(numbers) == 2 else None


def _if_over(request: int, limit: int) -> tuple[int, int] | None:
    return (request, limit) if request > limit else None


def _int(digits: str) -> int:
    return int(digits.replace(",", ""))
