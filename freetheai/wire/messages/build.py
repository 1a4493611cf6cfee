"""Write a request for a Messages upstream, translated from any client format.

Rules:
- ``max_tokens`` is demanded: the client's, else one that fits the model and the wish to think;
- a forced call and thinking exclude each other: the call changes what the answer means, so it wins;
- a schema goes where the model follows one; else as the input of a tool that must be called (``schema_tool``), and
  beside tools or thinking as an instruction;
- what only tunes is dropped where it is unknown; the client's own ids of users never go out;
- tools the provider would run are skipped; a ``tool_choice`` that names one is a 400.
"""

from typing import Any, Final

from freetheai.wire.formats import Quirks, Target
from freetheai.wire.jsontext import dumps_text
from freetheai.wire.messages.models import Traits, traits_of
from freetheai.wire.messages.schema_tool import SCHEMA_TOOL
from freetheai.wire.messages.thinking import max_tokens_for, thinking_fields, wanted_budget
from freetheai.wire.messages.write import MessageWriter
from freetheai.wire.outgoing import (
    CUSTOM_SCHEMA,
    body_bytes,
    is_named,
    offered_tools,
    refuse_audio_answer,
    refuse_many,
    tool_description,
)
from freetheai.wire.request import ChatRequest, Tool, ToolCallPart
from freetheai.wire.turns import refuse_unsupported

_JSON_ONLY: Final = "Respond with a single JSON object and nothing else."
_TO_SCHEMA: Final = "Respond only with a JSON object that follows this JSON Schema, without a code fence:\n"
_MODES: Final = {"auto": "auto", "none": "none", "required": "any"}


def build(request: ChatRequest, target: Target, quirks: Quirks) -> bytes:
    """The body for an attempt at ``target``.

    Raises:
        ApiError: INVALID_REQUEST for what this model can't carry; INVALID_JSON for what nests too deep.
    """
    refuse_unsupported(request, target)
    refuse_audio_answer(request)
    refuse_many(request)
    traits = traits_of(target.model)
    writer = MessageWriter(request, target, quirks, traits)
    max_tokens = max_tokens_for(request, target, wanted_budget(request) if not traits.is_adaptive else None)
    tools = tool_fields(request, quirks, writer)
    thinking = thinking_fields(request, target, quirks, traits, max_tokens)
    body: dict[str, Any] = {"model": target.model, "max_tokens": max_tokens}
    system = writer.system()
    body["messages"] = writer.messages()
    body |= tools
    body |= _without_conflict(thinking, tools, body["messages"])
    _set_output(body, system, request, quirks, traits)
    if system:
        body["system"] = system
    body |= sampling_fields(request, traits, thinks=body.get("thinking", {}).get("type") in ("enabled", "adaptive"))
    if request.stream:
        body["stream"] = True
    return body_bytes(body, quirks)


def tool_fields(request: ChatRequest, quirks: Quirks, writer: MessageWriter) -> dict[str, Any]:
    """``tools`` and ``tool_choice``; empty if there are none and none were called before."""
    tools = offered_tools(request)
    if not tools:
        return _called_tools(request, writer)
    fields: dict[str, Any] = {"tools": [_tool(tool, quirks, writer) for tool in tools]}
    choice = request.tool_choice
    sent: dict[str, Any] = {}
    if choice is not None and choice.mode == "named":
        tool = next(tool for tool in tools if is_named(tool, choice.names))
        sent = {"type": "tool", "name": writer.name(tool.name, tool.namespace)}
    elif choice is not None:
        sent = {"type": "any" if choice.must else _MODES.get(choice.mode, "auto")}
    if request.parallel_tool_calls is False and sent.get("type") != "none":
        sent = {"type": "auto", **sent, "disable_parallel_tool_use": True}
    return {**fields, "tool_choice": sent} if sent else fields


def sampling_fields(request: ChatRequest, traits: Traits, *, thinks: bool) -> dict[str, Any]:
    """Sampling and stop strings, as far as this model takes them."""
    fields: dict[str, Any] = {}
    if stop := [text for text in request.stop if text.strip()]:
        fields["stop_sequences"] = stop
    if not traits.samples:
        return fields
    if thinks and traits.is_claude:
        if request.top_p is not None and request.top_p >= 0.95:
            fields["top_p"] = request.top_p
        return fields
    if request.temperature is not None:
        fields["temperature"] = min(max(request.temperature, 0), 1)
    # Newer Claudes take one of the two.
    if request.top_p is not None and not (traits.is_claude and "temperature" in fields):
        fields["top_p"] = request.top_p
    if request.top_k is not None and request.top_k > 0:
        fields["top_k"] = request.top_k
    return fields


def object_schema(schema: dict[str, Any] | None) -> dict[str, Any]:
    """A tool's schema with an object at its top, which this format demands; alternatives there become one object."""
    if not schema:
        return {"type": "object", "properties": {}}
    variants = [
        variant
        for key in ("anyOf", "oneOf", "allOf")
        for variant in _list(schema.get(key))
        if isinstance(variant, dict)
    ]
    kept = {key: value for key, value in schema.items() if key not in ("anyOf", "oneOf", "allOf")}
    properties: dict[str, Any] = {}
    for variant in variants:
        if isinstance(variant.get("properties"), dict):
            properties |= variant["properties"]
    if variants:
        own = kept.get("properties")
        kept["properties"] = {**properties, **(own if isinstance(own, dict) else {})}
    return {**kept, "type": "object"}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _tool(tool: Tool, quirks: Quirks, writer: MessageWriter) -> dict[str, Any]:
    sent: dict[str, Any] = {"name": writer.name(tool.name, tool.namespace)}
    if description := tool_description(tool):
        sent["description"] = description
    sent["input_schema"] = CUSTOM_SCHEMA if tool.custom else object_schema(tool.schema)
    if tool.strict is not None and quirks.strict_tools:
        sent["strict"] = tool.strict
    if tool.cache is not None:
        sent["cache_control"] = tool.cache
    return sent


def _called_tools(request: ChatRequest, writer: MessageWriter) -> dict[str, Any]:
    """Tools the history calls although the request has none: upstreams refuse calls of what is not defined."""
    calls = [part for turn in request.turns for part in turn.parts if isinstance(part, ToolCallPart)]
    names = dict.fromkeys(writer.name(call.name, call.namespace) for call in calls)
    if not names:
        return {}
    return {
        "tools": [{"name": name, "input_schema": object_schema(None)} for name in names],
        "tool_choice": {"type": "none"},
    }


def _without_conflict(
    thinking: dict[str, Any], tools: dict[str, Any], messages: list[dict[str, Any]]
) -> dict[str, Any]:
    """The fields on thinking, without it where this request can't have it."""
    kind = thinking.get("thinking", {}).get("type")
    is_forced = tools.get("tool_choice", {}).get("type") in ("any", "tool")
    # An open call whose turn has lost its signed thinking: a budget is then refused, adaptive thinking is not.
    if (is_forced and kind != "disabled") or (kind == "enabled" and has_unsigned_loop(messages)):
        return {key: value for key, value in thinking.items() if key != "thinking"}
    return thinking


def has_unsigned_loop(messages: list[dict[str, Any]]) -> bool:
    """Whether the last messages are a call and its result, and the call's turn does not begin with thinking."""
    if len(messages) < 2 or messages[-2]["role"] != "assistant":
        return False
    blocks = messages[-2]["content"]
    if not isinstance(blocks, list) or not blocks or not any(block.get("type") == "tool_use" for block in blocks):
        return False
    return blocks[0].get("type") not in ("thinking", "redacted_thinking")


def _set_output(
    body: dict[str, Any], system: list[dict[str, Any]], request: ChatRequest, quirks: Quirks, traits: Traits
) -> None:
    output = request.output
    if output.kind == "text":
        return
    if output.kind == "json_object" or output.schema is None:
        system.append({"type": "text", "text": _JSON_ONLY})
    elif quirks.json_schema and traits.follows_schema:
        schema = {"type": "json_schema", "schema": output.schema}
        body["output_config"] = {**body.get("output_config", {}), "format": schema}
    elif "tools" in body or body.get("thinking", {}).get("type") in ("enabled", "adaptive"):
        system.append({"type": "text", "text": _TO_SCHEMA + dumps_text(output.schema)})
    else:
        described = {"description": output.description} if output.description else {}
        body["tools"] = [{"name": SCHEMA_TOOL, **described, "input_schema": object_schema(output.schema)}]
        body["tool_choice"] = {"type": "tool", "name": SCHEMA_TOOL}
