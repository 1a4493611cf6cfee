"""Find the error fields in whatever an upstream answered: dozens of shapes, one result.

Strategy: bytes are peeled (BOM, ``data:`` prefix, HTML), JSON is searched for its error object, and what that object
says is taken as text. Nothing is judged here; ``adapters/classify.py`` does that with these fields only.

Rules:
- total: any bytes give ``ErrorFields``, empty ones where nothing was found;
- never the whole body: only the fields named here, the message bounded;
- a message that is itself JSON (relays do that) is opened, at most three times; the inner fields win where they speak.
"""

import re
from dataclasses import dataclass, field
from typing import Any, Final

from freetheai.wire.events import FailureKind, FailurePhase, UpstreamFailure
from freetheai.wire.jsontext import try_loads

# An error body longer than this (bytes) is cut before it is read.
MAX_ERROR_BODY_BYTES: Final = 64 * 1024
# Expressions look at no more than this of a message (characters).
MAX_MESSAGE_CHARS: Final = 4096
_MAX_DEPTH: Final = 3

_TITLE: Final = re.compile(r"<title[^>]*>(.{0,300}?)</title>", re.IGNORECASE | re.DOTALL)
_FIREWALL: Final = "Sorry, you have been blocked"
# OpenCode Zen names the inner provider before that one's own words.
_INNER_PROVIDER: Final = re.compile(r"^Error from provider \([^)]{0,80}\): ")
# What else an error object or the body around it may tell: kept for a provider's own rules.
_DETAIL_KEYS: Final = (
    "metadata",
    "details",
    "status",
    "status_code",
    "error_code",
    "error_type",
    "request_id",
    "reasons",
    "flagged_input",
    "failed_generation",
    "n_prompt_tokens",
    "n_ctx",
    "success",
)


@dataclass(slots=True, kw_only=True)
class ErrorFields:
    """An upstream's error, as text ("" where absent). ``details`` holds its further fields by their own names."""

    code: str = ""
    type: str = ""
    message: str = ""
    param: str = ""
    details: dict[str, Any] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.code or self.type or self.message or self.param or self.details)


def read_error(body: bytes) -> ErrorFields:
    """The error fields of a whole answer body, JSON or not."""
    text = body[:MAX_ERROR_BODY_BYTES].removeprefix(b"\xef\xbb\xbf").strip()
    for prefix in (b"data:", b"error:"):
        if text.startswith(prefix) or b"\n" + prefix in text:
            text = _first_json_line(text, prefix)
    if text.startswith(b"<"):
        return ErrorFields(message=_html_title(text.decode("utf-8", "replace")))
    value = try_loads(text)
    if value is None:
        return ErrorFields(message=text.decode("utf-8", "replace").strip()[:MAX_MESSAGE_CHARS])
    return error_fields(value)


def error_fields(value: Any) -> ErrorFields:
    """The error fields of a parsed answer, stream chunk or error object."""
    return _fields_of(value, 0)


def is_error_body(body: dict[str, Any]) -> bool:
    """Whether an object that came with a good status is an error all the same."""
    if body.get("error") or body.get("errors"):
        return True
    base = body.get("base_resp")
    if isinstance(base, dict) and base.get("status_code"):
        return True
    if body.get("success") is False:
        return True
    return body.get("object") == "error" or body.get("type") == "error"


def failure_from(
    fields: ErrorFields,
    *,
    kind: FailureKind = "answer",
    phase: FailurePhase = "stream",
    status: int = 0,
    headers: dict[str, str] | None = None,
) -> UpstreamFailure:
    """The same fields as the failure that travels on."""
    return UpstreamFailure(
        kind=kind,
        phase=phase,
        status=status,
        code=fields.code,
        type=fields.type,
        message=fields.message,
        param=fields.param,
        details=fields.details,
        headers=headers or {},
    )


def _first_json_line(text: bytes, prefix: bytes) -> bytes:
    for line in text.splitlines():
        candidate = line.removeprefix(prefix).strip()
        if line.startswith(prefix) and candidate[:1] in (b"{", b"["):
            return candidate
    return text.removeprefix(prefix).strip()


def _html_title(page: str) -> str:
    match = _TITLE.search(page)
    title = " ".join(match.group(1).split()) if match else ""
    return f"{title} {_FIREWALL}".strip() if _FIREWALL in page else title


def _fields_of(value: Any, depth: int) -> ErrorFields:
    if isinstance(value, list):
        value = next((item for item in value if isinstance(item, dict)), None)
    if isinstance(value, str):
        return _opened(ErrorFields(message=value), depth)
    if not isinstance(value, dict):
        return ErrorFields()
    fields = _from_object(value)
    for source in (value, value.get("error")):
        if isinstance(source, dict):
            fields.details.update({key: source[key] for key in _DETAIL_KEYS if source.get(key) is not None})
    return _opened(fields, depth)


def _from_object(body: dict[str, Any]) -> ErrorFields:
    error = body.get("error")
    if isinstance(error, dict):
        fields = _plain_fields(error)
        fields.code = fields.code or _text(body.get("code")) or _text(body.get("status_code"))
        return fields
    if isinstance(error, str) and error:
        return ErrorFields(code=_text(body.get("code")), type=_text(body.get("type")), message=error)
    errors = body.get("errors")
    if isinstance(errors, list) and errors:
        return _plain_fields(errors[0]) if isinstance(errors[0], dict) else ErrorFields(message=_text(errors[0]))
    base = body.get("base_resp")
    if isinstance(base, dict):
        return ErrorFields(code=_text(base.get("status_code")), message=_text(base.get("status_msg")))
    return _plain_fields(body)


def _plain_fields(error: dict[str, Any]) -> ErrorFields:
    fields = ErrorFields(
        code=_text(error.get("code")),
        type=_text(error.get("type")),
        message=_message(error),
        param=_text(error.get("param")),
    )
    fields.code = fields.code or (_text(error.get("status")) if "title" in error or "detail" in error else "")
    return fields


def _message(error: dict[str, Any]) -> str:
    for key in ("message", "msg", "status_msg"):
        if text := _text(error.get(key)):
            return text
    detail = error.get("detail")
    if isinstance(detail, list):
        return "; ".join(_complaint(item) for item in detail[:8])
    return " ".join(filter(None, (_text(error.get("title")), _text(detail))))


def _complaint(item: Any) -> str:
    """One entry of FastAPI's ``detail`` list: where, and what."""
    if not isinstance(item, dict):
        return _text(item)
    where = item.get("loc")
    place = ".".join(_text(step) for step in where) if isinstance(where, list) else ""
    return f"{place}: {_text(item.get('msg'))}" if place else _text(item.get("msg"))


def _opened(fields: ErrorFields, depth: int) -> ErrorFields:
    """With the fields of a message that is itself JSON, and without the name of an inner provider."""
    fields.message = _INNER_PROVIDER.sub("", fields.message)
    if depth < _MAX_DEPTH and fields.message.lstrip()[:1] in ("{", "["):
        inner = _fields_of(try_loads(fields.message), depth + 1)
        if inner:
            fields = ErrorFields(
                code=inner.code or fields.code,
                type=inner.type or fields.type,
                message=inner.message or fields.message,
                param=inner.param or fields.param,
                details={**fields.details, **inner.details},
            )
    fields.message = fields.message[:MAX_MESSAGE_CHARS]
    return fields


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, dict):
        return _text(value.get("message"))
    return ""
