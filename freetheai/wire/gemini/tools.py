"""Write tools and the choice among them as Gemini declares functions.

Rules:
- schemas go as JSON Schema (``parametersJsonSchema``); ``const``, which Gemini doesn't know, as an ``enum`` of one,
  ``$schema`` and ``$id`` not at all;
- a function without arguments has no schema: an object without properties was refused by earlier models;
- allowed names can only be told where a call is demanded; else the list itself is shortened;
- tools the provider would run are skipped; a choice that names one is a 400.
"""

from typing import Any, Final

from freetheai import errors
from freetheai.errors import ApiError
from freetheai.wire.formats import Quirks
from freetheai.wire.jsontext import dumps_text
from freetheai.wire.request import ChatRequest, Tool, ToolChoice
from freetheai.wire.toolcalls import CUSTOM_INPUT, flat_name, tool_sent_name

_DROPPED: Final = frozenset({"$schema", "$id"})
# Keywords whose value maps names to schemas, and those whose value is no schema at all.
_NAMED_SCHEMAS: Final = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"})
_DATA: Final = frozenset({"enum", "default", "example", "examples", "required"})
# What an object schema without any properties may hold all the same.
_SAY_NOTHING: Final = frozenset(
    {"type", "properties", "required", "additionalProperties", "title", "description", *_DROPPED}
)
# Deeper than any schema that could be written out.
_MAX_DEPTH: Final = 260


def tool_fields(request: ChatRequest, quirks: Quirks) -> dict[str, Any]:
    """``tools`` and ``toolConfig``; empty where there is no tool to offer.

    Raises:
        ApiError: INVALID_REQUEST: the choice names a tool that this model can't be given.
    """
    choice = request.tool_choice
    tools = _offered(request.tools, choice)
    if not tools:
        return {}
    config = _calling_config(choice, tools, quirks)
    fields: dict[str, Any] = {"tools": [{"functionDeclarations": [_declaration(tool) for tool in tools]}]}
    if config:
        fields["toolConfig"] = {"functionCallingConfig": config}
    return fields


def _offered(tools: list[Tool], choice: ToolChoice | None) -> list[Tool]:
    if choice is None or choice.mode not in ("named", "allowed"):
        return tools
    chosen = _chosen(tools, choice)
    if choice.mode == "allowed" and not choice.must:
        return chosen
    if not chosen:
        raise ApiError(
            errors.INVALID_REQUEST,
            f"tool_choice names the tool {next(iter(choice.names), '')!r}, "
            "which is not among the tools this model can be given",
        )
    return tools


def _chosen(tools: list[Tool], choice: ToolChoice) -> list[Tool]:
    names = choice.names
    return [tool for tool in tools if tool.name in names or flat_name(tool.name, tool.namespace) in names]


def _calling_config(choice: ToolChoice | None, tools: list[Tool], quirks: Quirks) -> dict[str, Any]:
    if choice is not None and choice.mode == "none":
        return {"mode": "NONE"}
    if choice is not None and choice.mode == "required":
        return {"mode": "ANY"}
    if choice is not None and (choice.mode == "named" or choice.must):
        chosen = _chosen(tools, choice)
        named = chosen[:1] if choice.mode == "named" else chosen
        return {"mode": "ANY", "allowedFunctionNames": [tool_sent_name(tool) for tool in named]}
    if quirks.strict_tools and any(tool.strict for tool in tools):
        return {"mode": "VALIDATED"}
    return {} if choice is None else {"mode": "AUTO"}


def _declaration(tool: Tool) -> dict[str, Any]:
    declaration: dict[str, Any] = {"name": tool_sent_name(tool)}
    description = tool.description
    if tool.custom and tool.grammar:
        description = f"{description}\n\nThe input must follow this format:\n{dumps_text(tool.grammar)}".strip()
    if description:
        declaration["description"] = description
    if tool.custom:
        declaration["parametersJsonSchema"] = {
            "type": "object",
            "properties": {CUSTOM_INPUT: {"type": "string"}},
            "required": [CUSTOM_INPUT],
        }
    elif tool.schema is not None and _says_something(tool.schema):
        declaration["parametersJsonSchema"] = clean_schema(tool.schema)
    return declaration


def _says_something(schema: dict[str, Any]) -> bool:
    return bool(schema.get("properties")) or not schema.keys() <= _SAY_NOTHING


def clean_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """A JSON Schema in the words Gemini knows; the one given is not changed."""
    cleaned = _cleaned(schema, 0)
    return cleaned if isinstance(cleaned, dict) else {}


def _cleaned(value: Any, depth: int) -> Any:
    if depth > _MAX_DEPTH:
        return value
    if isinstance(value, list):
        return [_cleaned(item, depth + 1) for item in value]
    if not isinstance(value, dict):
        return value
    cleaned: dict[str, Any] = {}
    for key, inner in value.items():
        if key == "const":
            cleaned.setdefault("enum", [inner])
        elif key in _NAMED_SCHEMAS and isinstance(inner, dict):
            cleaned[key] = {name: _cleaned(schema, depth + 1) for name, schema in inner.items()}
        elif key not in _DROPPED:
            cleaned[key] = inner if key in _DATA else _cleaned(inner, depth + 1)
    return cleaned
