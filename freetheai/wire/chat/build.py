"""Write a request for a Chat Completions upstream, translated from any client format.

Rules:
- what only tunes is dropped where the provider doesn't know it; what changes meaning is a 400 that names it;
- the client's own ids of users and caches never go out;
- tools the provider would run are skipped; a ``tool_choice`` that names one is a 400.
"""

from typing import Any, Final

from freetheai.wire import effort
from freetheai.wire.chat.messages import write_messages
from freetheai.wire.formats import Quirks, Target
from freetheai.wire.jsontext import dumps_text
from freetheai.wire.outgoing import (
    CUSTOM_SCHEMA,
    body_bytes,
    cap_for,
    is_named,
    offered_tools,
    refuse_many,
    tool_description,
)
from freetheai.wire.request import ChatRequest, Reasoning, ThinkingPart, Tool, ToolCallPart, ToolChoice, Turn
from freetheai.wire.toolcalls import sent_name, tool_sent_name
from freetheai.wire.turns import refuse_unknown, refuse_unsupported

# Fields that name the client's users, store its content, or choose prices and routes: the operator's matter.
NEVER_SENT: Final = frozenset(
    {
        "store",
        "metadata",
        "user",
        "user_id",
        "safety_identifier",
        "prompt_cache_key",
        "prompt_cache_options",
        "prompt_cache_retention",
        "service_tier",
        "moderation",
        "models",
        "route",
        "provider",
        "plugins",
        "extra_body",
        "extra_headers",
        "extra_query",
        "input",
        "instructions",
    }
)
_EMPTY_SCHEMA: Final[dict[str, Any]] = {"type": "object", "properties": {}}


def build(request: ChatRequest, target: Target, quirks: Quirks) -> bytes:
    """The body for an attempt at ``target``.

    Raises:
        ApiError: INVALID_REQUEST for what this model can't carry; INVALID_JSON for what nests too deep.
    """
    refuse_unsupported(request, target)
    refuse_many(request)
    if request.format != "chat":
        refuse_unknown(request)
    body: dict[str, Any] = {"model": target.model, "messages": write_messages(request, target, quirks)}
    body |= _tools(request, quirks)
    body |= _sampling(request, quirks)
    body |= output_fields(request, quirks, body["messages"])
    if target.supports_reasoning:
        body |= effort.chat_fields(quirks.reasoning_style, wanted_reasoning(request, quirks))
    if request.stream:
        body["stream"] = True
        if quirks.stream_usage:
            body["stream_options"] = {"include_usage": True}
    if (cap := cap_for(request.max_tokens, target)) is not None:
        body[quirks.max_tokens_field] = cap
    if request.format == "chat" and "messages" in request.body:
        passed = {key: value for key, value in request.extra.items() if value is not None and key not in NEVER_SENT}
        body = {**passed, **body}
    return body_bytes(body, quirks)


def wanted_reasoning(request: ChatRequest, quirks: Quirks) -> Reasoning:
    """What the client wants of thinking; off where the provider would refuse a history whose reasoning is lost."""
    if quirks.needs_reasoning and any(_has_lost_reasoning(turn) for turn in request.turns):
        return Reasoning(enabled=False)
    return request.reasoning


def bounded_temperature(temperature: float | None, quirks: Quirks) -> float | None:
    """The temperature within what the provider takes."""
    if temperature is None or quirks.max_temperature is None:
        return temperature
    return min(temperature, quirks.max_temperature)


def _has_lost_reasoning(turn: Turn) -> bool:
    if turn.role != "assistant" or not any(isinstance(part, ToolCallPart) for part in turn.parts):
        return False
    return not any(isinstance(part, ThinkingPart) and part.text for part in turn.parts)


def output_fields(request: ChatRequest, quirks: Quirks, messages: list[dict[str, Any]]) -> dict[str, Any]:
    """The structured output wanted; where schemas are unknown, JSON mode with the schema told in ``messages``."""
    output = request.output
    if output.kind == "text":
        return {}
    if output.kind == "json_object" or output.schema is None:
        return {"response_format": {"type": "json_object"}}
    if quirks.json_schema:
        schema: dict[str, Any] = {"name": sent_name(output.name or "output"), "schema": output.schema}
        if output.description:
            schema["description"] = output.description
        if output.strict is not None:
            schema["strict"] = output.strict
        return {"response_format": {"type": "json_schema", "json_schema": schema}}
    told = f"Respond only with a JSON object that follows this JSON Schema:\n{dumps_text(output.schema)}"
    if messages and messages[0].get("role") == "system" and isinstance(messages[0].get("content"), str):
        messages[0] = {**messages[0], "content": f"{messages[0]['content']}\n\n{told}"}
    else:
        messages.insert(0, {"role": "system", "content": told})
    return {"response_format": {"type": "json_object"}}


def _sampling(request: ChatRequest, quirks: Quirks) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "temperature": bounded_temperature(request.temperature, quirks),
        "top_p": request.top_p,
        "presence_penalty": request.presence_penalty,
        "frequency_penalty": request.frequency_penalty,
        "seed": request.seed,
        "stop": request.stop[: quirks.max_stop] or None,
        "top_k": request.top_k if quirks.top_k else None,
    }
    if request.logprobs:
        fields |= {"logprobs": True, "top_logprobs": request.top_logprobs}
    return {name: value for name, value in fields.items() if value is not None}


def _tools(request: ChatRequest, quirks: Quirks) -> dict[str, Any]:
    tools, choice = offered_tools(request), request.tool_choice
    if not tools:
        return {}
    fields: dict[str, Any] = {"tools": [_tool(tool, quirks) for tool in tools]}
    if choice is not None:
        fields["tool_choice"] = _choice(choice, tools)
    if request.parallel_tool_calls is not None and quirks.parallel_tool_calls:
        fields["parallel_tool_calls"] = request.parallel_tool_calls
    return fields


def _tool(tool: Tool, quirks: Quirks) -> dict[str, Any]:
    function: dict[str, Any] = {"name": tool_sent_name(tool)}
    if description := tool_description(tool):
        function["description"] = description
    function["parameters"] = CUSTOM_SCHEMA if tool.custom else tool.schema or _EMPTY_SCHEMA
    if tool.strict is not None and quirks.strict_tools:
        function["strict"] = tool.strict
    return {"type": "function", "function": function}


def _choice(choice: ToolChoice, tools: list[Tool]) -> Any:
    if choice.mode == "named":
        tool = next(tool for tool in tools if is_named(tool, choice.names))
        return {"type": "function", "function": {"name": tool_sent_name(tool)}}
    if choice.mode == "allowed":
        return "required" if choice.must else "auto"
    return choice.mode
