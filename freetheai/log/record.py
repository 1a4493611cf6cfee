"""What is known of one request, and the line it becomes."""

from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any, Final

from freetheai.log.redaction import redact

# An alias is what a client wrote, until it is found in the catalog.
_ALIAS_CHARACTERS: Final = 128


@dataclass(slots=True, kw_only=True)
class RequestRecord:
    """What is known of one request: the fields of its log line, filled in while it lives.

    ``type`` and ``error_id`` are "" for a success. Times in milliseconds, None until known; ``ttfb_ms`` is the first
    byte of output. ``estimated``: the token counts are ours, not the provider's. ``provider_status`` and
    ``provider_error`` (what the provider answered; redacted and cut here, not before) stand only in the line of a
    request that a provider failed. ``is_success`` is not in the line: status 200, a clean end delivered and at least
    one piece of output, which is what the daily cap counts.
    """

    request_id: str = ""
    user_id: str = ""
    key_prefix: str = ""
    address: str = ""
    client: str = ""
    method: str = ""
    route: str = ""
    alias: str = ""
    provider: str = ""
    upstream_format: str = ""
    stream: bool = False
    status: int = 0
    type: str = ""
    error_id: str = ""
    attempts: int = 0
    ttfb_ms: float | None = None
    duration_ms: float | None = None
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    estimated: bool = False
    provider_status: int | None = None
    provider_error: str = ""
    is_success: bool = False


_NOT_ALWAYS: Final = ("provider_status", "provider_error", "is_success")
# The fields of every request's line, in the documented order.
REQUEST_FIELDS: Final = tuple(item.name for item in fields(RequestRecord) if item.name not in _NOT_ALWAYS)

_values_of = attrgetter(*REQUEST_FIELDS)


def request_line(record: RequestRecord) -> dict[str, Any]:
    """The facts of a request's line."""
    line: dict[str, Any] = dict(zip(REQUEST_FIELDS, _values_of(record), strict=True))
    if record.type:
        # The alias may not have been found: then it is whatever the client pasted there.
        line["alias"] = redact(record.alias[:_ALIAS_CHARACTERS])
    if record.provider_status or record.provider_error:
        line["provider_status"] = record.provider_status
        line["provider_error"] = redact(record.provider_error)
    return line


def request_text(line: dict[str, Any]) -> str:
    """A request's line for a person: what was asked, how it ended, how long it took."""
    parts = [f"{line['method']} {line['route']} {line['status']}", line["type"], line["alias"], line["error_id"]]
    if line["duration_ms"] is not None:
        first = "" if line["ttfb_ms"] is None else f" (first byte {line['ttfb_ms']:.0f} ms)"
        parts.append(f"{line['duration_ms']:.0f} ms{first}")
    if line["input_tokens"] or line["output_tokens"]:
        parts.append(f"{line['input_tokens']}+{line['output_tokens']} tokens")
    named = [f"{name}={line[name]}" for name in ("user_id", "client", "address", "request_id") if line[name]]
    if "provider_error" in line:
        named.append(f"provider_status={line['provider_status']} provider_error={line['provider_error']!r}")
    return " ".join(part for part in [*parts, *named] if part)
