"""GLM's failure codes. Source: "API codes" of docs.z.ai and docs.bigmodel.cn, read November 2026.

Codes are four digits, as text or number; the Anthropic flavour may have them in ``type`` or only at the head of the
message: ``[1308][Usage limit reached …][request id]``. The plan's windows come as HTTP 429 and must be found before the
status is looked at.
"""

import re
from dataclasses import replace

from adapters import rules
from adapters.base import CodeRule, CodeTable, PatternRule
from adapters.patterns import PLAN_WINDOW
from adapters.retry_after import reset_time, until_midnight
from freetheai import errors
from freetheai.wire.events import UpstreamFailure

_CHINA_H = 8


def _until_chinas_tomorrow(failure: UpstreamFailure, now_s: float) -> float:
    del failure
    return until_midnight(now_s, utc_offset_h=_CHINA_H)


_WINDOW = CodeRule(
    row=errors.GLM_DEPLETED,
    scope="key",
    is_window=True,
    retry_after=reset_time,
    default_retry_after_s=rules.WINDOW_WAIT_S,
)
_WEEK = replace(_WINDOW, default_retry_after_s=rules.STAFF_WAIT_S)
_DAY = CodeRule(row=errors.RATE_LIMIT, scope="key", is_window=True, retry_after=_until_chinas_tomorrow)
# The plan or its permission does not cover this API or model.
_NOT_OURS = CodeRule(
    row=errors.PROVIDER_UNAVAILABLE, scope="model", needs_staff=True, default_retry_after_s=rules.STAFF_WAIT_S
)

_CODES = {
    # Credential, account, balance.
    **dict.fromkeys(("1000", "1001", "1002", "1003", "1004"), rules.ACCOUNT),
    **dict.fromkeys(("1110", "1111", "1112", "1120", "1121"), rules.ACCOUNT),
    # On a plan's address: the key has no plan, and the set-up is wrong.
    "1113": rules.ACCOUNT,
    # `{"code": 401, "success": false}` inside a 200.
    "401": rules.ACCOUNT,
    # The request.
    **dict.fromkeys(("1200", "1210", "1212", "1213", "1214", "1215"), rules.REJECTED),
    "1211": rules.MODEL_GONE,
    **dict.fromkeys(("1220", "1221", "1222"), _NOT_OURS),
    "1230": rules.BROKEN,
    # Duplicate request id: the next try has another.
    "1231": rules.UNLUCKY,
    "1234": rules.BROKEN,
    "1261": rules.CONTEXT,
    # Account or network blocked; see `_special` for the text that means content.
    "1300": rules.ACCOUNT,
    "1301": rules.POLICY,
    # Load.
    "1302": rules.RATE,
    "1303": rules.RATE,
    "1304": _DAY,
    "1305": rules.OVERLOADED,
    "1312": rules.OVERLOADED,
    # Windows: five hours, then week and month; later numbers count credits or money.
    **dict.fromkeys(("1308", "1316", "1318", "1320"), _WINDOW),
    **dict.fromkeys(("1310", "1317", "1319", "1321"), _WEEK),
    "1309": rules.ACCOUNT,
    "1311": rules.MODEL_GONE,
    "1313": rules.ACCOUNT,
    # Finish reasons without any output.
    "sensitive": rules.POLICY,
    "network_error": rules.BROKEN,
}

_HEAD = re.compile(r"\s*\[(\d{4})\]")
_CONTENT = re.compile(r"content|prompt|内容|敏感", re.IGNORECASE)


def _special(failure: UpstreamFailure) -> CodeRule | None:
    """The code wherever it stands, and 1300 by its text."""
    head = _HEAD.match(failure.message)
    for code in (failure.code, failure.type, head[1] if head else ""):
        if code == "1300" and _CONTENT.search(failure.message):
            return rules.POLICY
        if code in _CODES:
            return _CODES[code]
    return None


CODES = CodeTable(
    codes=_CODES,
    patterns=(
        # Only the words survive a relay. Not where a request is refused: there they may be the member's own.
        PatternRule(
            pattern=re.compile(PLAN_WINDOW.pattern + r"|quota exceeded", re.MULTILINE),
            rule=_WINDOW,
            statuses=frozenset({402, 403, 429, 500, 503}),
        ),
    ),
    special=_special,
)
