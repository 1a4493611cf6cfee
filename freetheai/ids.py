"""Identifiers: made in one place, from the system's randomness."""

import secrets
import string

_BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase


def request_id() -> str:
    """``req_`` and 24 hex digits: in ``X-Request-Id`` and the log line."""
    return f"req_{secrets.token_hex(12)}"


def error_id(prefix: str) -> str:
    """``PREFIX-xxxxxxxxxxxx`` (twelve hex digits): quoted by members, found in the log. Our own errors use ``gw``."""
    return f"{prefix}-{secrets.token_hex(6)}"


def random_base62(length: int) -> str:
    """``length`` characters of 0-9A-Za-z."""
    return "".join(secrets.choice(_BASE62) for _ in range(length))


def completion_id(prefix: str) -> str:
    """An answer's id: ``chatcmpl-…``, ``msg_…`` or ``resp_…`` by ``prefix``, then 24 hex digits."""
    return prefix + secrets.token_hex(12)
