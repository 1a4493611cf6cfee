"""Xiaomi MiMo's failures. Source: its page "Error Codes", read November 2026.

``code`` is the HTTP status as text, the reason is in ``param``: 400 is left to the groups, which read it. The code
counts before the HTTP status: moderation (421) sometimes comes as a 400.
"""

import re

from adapters import rules
from adapters.base import CodeTable, PatternRule

_NOT_FOUND = frozenset({404})

CODES = CodeTable(
    codes={
        **dict.fromkeys(("401", "402", "403"), rules.ACCOUNT),
        "421": rules.POLICY,
        "429": rules.RATE,
        "500": rules.BROKEN,
        "503": rules.OVERLOADED,
    },
    types={
        "insufficient_balance": rules.ACCOUNT,
        "content_filter": rules.POLICY,
    },
    patterns=(
        PatternRule(
            pattern=re.compile(r"unknown model|model.{0,80}(does not exist|not found|not exist)"),
            rule=rules.MODEL_GONE,
            statuses=_NOT_FOUND,
        ),
        # "No endpoints that support image input": the model has no eyes; the model is there.
        PatternRule(pattern=re.compile(""), rule=rules.REJECTED, statuses=_NOT_FOUND),
    ),
)
