"""xAI's failures. Source: docs.x.ai "Debugging Errors" and recorded bodies, read November 2026.

``code`` is a gRPC sentence that says less than the text beside it, so there is no code to look up: a bad key is a 400
with "Client specified an invalid argument". Deferred jobs answer 404 for an unknown id: their handlers know first.
"""

import re

from adapters import rules
from adapters.base import CodeTable, PatternRule

CODES = CodeTable(
    patterns=(
        PatternRule(pattern=re.compile(r"incorrect api key provided"), rule=rules.ACCOUNT),
        # 403, and 429 with "Some resource has been exhausted": no rate limit, the team has no money.
        PatternRule(
            pattern=re.compile(r"used all available credits|monthly spending limit"),
            rule=rules.ACCOUNT,
            statuses=frozenset({402, 403, 429, 500}),
        ),
        PatternRule(
            pattern=re.compile(r"violates usage guidelines|safety_check_type|rejected by content moderation"),
            rule=rules.POLICY,
            statuses=frozenset({400, 403, 500}),
        ),
        # The code's sentence for 5xx.
        PatternRule(pattern=re.compile(r"service is currently unavailable"), rule=rules.OVERLOADED),
    ),
)
