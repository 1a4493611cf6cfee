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
from freetheai.wire.outgoing import CUSTOM_SCHEMA, is_named, offered_tools, tool_description
from freetheai.wire.request import ChatRequest, Tool, ToolChoice
from freetheai.wire.toolcalls import tool_sent_name

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
    tools = offered_tools(request)
    named: list[Tool] = []
    if choice is not None and (choice.mode == "named" or choice.must):
        named = [tool for tool in request.tools if is_named(tool, choice.names)]
        if not named:
            raise ApiError(errors.INVALID_REQUEST, "tool_choice allows none of the tools this model can be given")
        # The names are told, so the list may stay as it is: caches know it.
        tools = request.tools
        named = named[:1] if choice.mode == "named" else named
    if not tools:
        return {}
    config = _calling_config(choice, tools, named, quirks)
    fields: dict[str, Any] = {"tools": [{"functionDeclarations": [_declaration(tool) for tool in tools]}]}
    if config:
        fields["toolConfig"] = {"functionCallingConfig": config}
    return fields


def _calling_config(choice: ToolChoice | None, tools: list[Tool], named: list[Tool], quirks: Quirks) -> dict[str, Any]:
    if named:
        return {"mode": "ANY", "allowedFunctionNames": [tool_sent_name(tool) for tool in named]}
    if choice is not None and choice.mode in ("none", "required"):
        return {"mode": "NONE" if choice.mode == "none" else "ANY"}
    if quirks.strict_tools and any(tool.strict for tool in tools):
        return {"mode": "VALIDATED"}
    return {} if choice is None else {"mode": "AUTO"}


def _declaration(tool: Tool) -> dict[str, Any]:
    declaration: dict[str, Any] = {"name": tool_sent_name(tool)}
    if description := tool_description(tool):
        declaration["description"] = description
    if tool.custom:
        declaration["parametersJsonSchema"] = CUSTOM_SCHEMA
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
