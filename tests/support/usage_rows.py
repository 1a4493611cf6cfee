"""Rows of the ledger for tests that count them."""

from datetime import datetime
from typing import Any

from freetheai.store.usage import UsageDocument


def usage_row(at: datetime, user_id: str, **fields: Any) -> UsageDocument:
    """A success, but for what ``fields`` say otherwise."""
    row = UsageDocument(
        at=at,
        user_id=user_id,
        key_prefix="fta_abcdef",
        client="curl",
        route="/v1/chat/completions",
        alias="opc/one",
        status=200,
        type="",
        error_id="",
        is_success=True,
        ttfb_ms=None,
        duration_ms=100.0,
        input_tokens=1,
        output_tokens=1,
        cached_tokens=0,
    )
    row.update(fields)  # type: ignore[typeddict-item]
    return row
