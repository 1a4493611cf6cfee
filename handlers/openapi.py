"""The OpenAPI 3.1 document at `/openapi.json`, made from the tables of operations, schemas and errors.

Rules: nothing is written by hand that a table has; a status is described by the rows of the error table that have it.
"""

from typing import Any, Final

from freetheai import __version__, errors
from freetheai.errors import ApiError
from handlers.error_advice import error_rows
from handlers.openapi_schemas import EXAMPLES, SCHEMAS
from handlers.operations import HEADERS, OPERATIONS, Operation

_KEYS: Final[dict[str, list[str]]] = {
    "member": ["memberKey", "memberKeyHeader"],
    "site": ["siteKey"],
    "member or site": ["memberKey", "memberKeyHeader", "siteKey"],
    "none": [],
}
_LIMIT_HEADERS: Final = tuple(name for name in HEADERS if name.startswith("X-") and name != "X-Request-Id")
_NUMBERS: Final = (*_LIMIT_HEADERS, "Retry-After")


def document(name: str, base_url: str, alias: str) -> dict[str, Any]:
    """The whole document for a gateway called ``name`` at ``base_url`` (without `/v1`); examples ask for ``alias``."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation, alias)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"{name} API",
            "version": __version__,
            "description": "One key, one base URL, three client formats. Branch on error types, honour Retry-After.",
        },
        "servers": [{"url": base_url}],
        "tags": [{"name": group} for group in dict.fromkeys(operation.group for operation in OPERATIONS)],
        "paths": paths,
        "components": {
            "schemas": SCHEMAS,
            "responses": _error_responses(),
            "headers": {header: _header(header) for header in HEADERS},
            "securitySchemes": {
                "memberKey": {"type": "http", "scheme": "bearer", "description": "A member's key: fta_…"},
                "memberKeyHeader": {"type": "apiKey", "in": "header", "name": "x-api-key"},
                "siteKey": {"type": "http", "scheme": "bearer", "description": "The key of the web pages."},
            },
        },
    }


def _operation(operation: Operation, alias: str) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.id,
        "tags": [operation.group],
        "summary": operation.summary,
        "description": operation.details,
        "security": [{scheme: []} for scheme in _KEYS[operation.key]],
        "responses": {
            **{str(status): _answer(operation) for status in operation.answers},
            **{
                str(status): {"$ref": f"#/components/responses/{_error_name(operation)}{status}"}
                for status in operation.errors
            },
        },
    }
    if operation.parameters:
        described["parameters"] = [
            {
                "name": parameter.name,
                "in": parameter.place,
                "required": parameter.place == "path",
                "description": parameter.meaning,
                "schema": parameter.schema,
                **({"example": alias} if parameter.name == "alias" else {}),
            }
            for parameter in operation.parameters
        ]
    if operation.body:
        media: dict[str, Any] = {"schema": _ref(operation.body)}
        if operation.body in EXAMPLES:
            media["examples"] = {
                name: {"value": {"model": alias, **body}} for name, body in EXAMPLES[operation.body].items()
            }
        content = {operation.body_type: media}
        described["requestBody"] = {"required": True, "content": content}
    return described


def _answer(operation: Operation) -> dict[str, Any]:
    is_json = operation.answer_type == "application/json"
    schema = _ref(operation.answer) if is_json else {"type": "string", "format": "binary"}
    content: dict[str, Any] = {operation.answer_type: {"schema": schema}}
    if operation.streams:
        content["text/event-stream"] = {"schema": _ref("StreamEvent")}
    headers = [*_ids(_error_name(operation)), *(_LIMIT_HEADERS if operation.has_limits else ())]
    return {"description": "Done.", "headers": _headers(headers), "content": content}


def _error_name(operation: Operation) -> str:
    return "MessagesError" if operation.path.startswith("/v1/messages") else "Error"


def _ids(error_name: str) -> tuple[str, ...]:
    return ("X-Request-Id", "Request-Id") if error_name == "MessagesError" else ("X-Request-Id",)


def _error_responses() -> dict[str, Any]:
    """Every answer that is an error, by schema and status: operations refer to them."""
    wanted = {(_error_name(operation), status) for operation in OPERATIONS for status in operation.errors}
    return {f"{schema}{status}": _error(schema, status) for schema, status in sorted(wanted)}


def _error(schema: str, status: int) -> dict[str, Any]:
    rows = [row for row in error_rows() if row.status == status]
    headers = [*_ids(schema), *dict.fromkeys(name for row in rows for name in row.headers)]
    return {
        "description": " ".join(f"`{row.type}`: {row.advice}" for row in rows),
        "headers": _headers(headers),
        "content": {"application/json": {"schema": _ref(schema), "examples": _examples(status, schema)}},
    }


def _examples(status: int, schema: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, row in errors.ROWS.items():
        if row.status == status:
            error = ApiError(row)
            value = error.envelope() if schema == "Error" else error.messages_envelope("req_0")
            found[name.lower()] = {"value": value}
    return found


def _header(name: str) -> dict[str, Any]:
    schema = {"type": "integer", "minimum": 0} if name in _NUMBERS else {"type": "string"}
    return {"description": HEADERS[name], "schema": schema}


def _headers(names: list[str]) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}
