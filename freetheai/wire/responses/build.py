"""Write a request for a Responses upstream, translated from any client format.

Rules:
- ``store`` is false: one account is shared by strangers, and what is stored can be fetched by its id; encrypted
  reasoning is asked for instead;
- the client's own ids of users and caches never go out;
- what only tunes and has no field here (seed, penalties, ``top_k``) is dropped; stop strings are cut by ``stops.py``;
- tools another provider would run are skipped; a ``tool_choice`` that names one is a 400.
"""

from typing import Any, Final

from freetheai import errors
from freetheai.errors import ApiError
from freetheai.wire import effort
from freetheai.wire.formats import Quirks, Target
from freetheai.wire.jsontext import dumps_text
from freetheai.wire.outgoing import body_bytes, offered_tools, refuse_audio_answer
from freetheai.wire.request import ChatRequest, Tool, ToolChoice
from freetheai.wire.responses.write import write_input
from freetheai.wire.toolcalls import CUSTOM_INPUT, flat_name, sent_name, tool_sent_name
from freetheai.wire.turns import refuse_unknown, refuse_unsupported

Json = dict[str, Any]

# The smallest output cap the API takes (tokens).
MIN_OUTPUT_TOKENS: Final = 16
ENCRYPTED_REASONING: Final = "reasoning.encrypted_content"
_LOGPROBS: Final = "message.output_text.logprobs"
_EMPTY_SCHEMA: Final[Json] = {"type": "object", "properties": {}}


def build(request: ChatRequest, target: Target, quirks: Quirks) -> bytes:
    """The body for an attempt at ``target``.

    Raises:
        ApiError: INVALID_REQUEST for what this model can't carry; INVALID_JSON for what nests too deep.
    """
    refuse_unsupported(request, target)
    refuse_audio_answer(request)
    refuse_unknown(request)
    if request.n > 1:
        raise ApiError(errors.INVALID_REQUEST, "n greater than 1 is not supported for this model: ask n times")
    body: Json = {"model": target.model, "store": False, "input": write_input(request, target, quirks)}
    if instructions := "\n\n".join(part.text for part in request.system if part.text):
        body["instructions"] = instructions
    if not body["input"] and instructions:
        # Only system text was sent, which the API does not take alone.
        body["input"] = [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": instructions}]}]
        del body["instructions"]
    body |= _tools(request, quirks)
    body |= _sampling(request, target)
    body |= text_fields(request)
    body |= _reasoning(request, target, quirks)
    if include := _include(request, target, quirks):
        body["include"] = include
    if request.stream:
        body["stream"] = True
    return body_bytes(body, quirks)


def output_cap(max_tokens: int | None, target: Target) -> int | None:
    """The output cap within what the model and the API take."""
    if max_tokens is None:
        return None
    if target.max_output_tokens is not None:
        max_tokens = min(max_tokens, target.max_output_tokens)
    return max(max_tokens, MIN_OUTPUT_TOKENS)


def names_of(tool: Tool) -> tuple[str, str]:
    """What a client may call a tool: its name, and that with its namespace in front."""
    return tool.name, flat_name(tool.name, tool.namespace)


def reasoning_fields(request: ChatRequest, target: Target, quirks: Quirks) -> Json:
    """What the client said of thinking, in this provider's way; empty where it said nothing."""
    if not target.supports_reasoning:
        return {}
    told = effort.chat_fields(quirks.reasoning_style, request.reasoning)
    level = told.pop("reasoning_effort", None)
    return {**told, **({"reasoning": {"effort": level}} if level is not None else {})}


def _reasoning(request: ChatRequest, target: Target, quirks: Quirks) -> Json:
    fields = reasoning_fields(request, target, quirks)
    asked = request.reasoning
    wants_summary = bool(asked.summary) or (asked.show and effort.is_wanted(asked) is True)
    if wants_summary and target.supports_reasoning and takes_effort(quirks):
        fields["reasoning"] = {**fields.get("reasoning", {}), "summary": asked.summary or "auto"}
    return fields


def takes_effort(quirks: Quirks) -> bool:
    """Whether the provider reads the format's own ``reasoning`` object."""
    return quirks.reasoning_style in ("effort", "effort3", "effort_to_xhigh")


def _include(request: ChatRequest, target: Target, quirks: Quirks) -> list[str]:
    include = []
    if target.supports_reasoning and not quirks.only_functions:
        include.append(ENCRYPTED_REASONING)
    if request.logprobs:
        include.append(_LOGPROBS)
    return include


def _sampling(request: ChatRequest, target: Target) -> Json:
    fields = {
        "temperature": request.temperature,
        "top_p": request.top_p,
        "max_output_tokens": output_cap(request.max_tokens, target),
        "top_logprobs": request.top_logprobs if request.logprobs else None,
    }
    return {name: value for name, value in fields.items() if value is not None}


def text_fields(request: ChatRequest) -> Json:
    """``text``, where the client wants a form of it."""
    text: Json = {}
    output = request.output
    if output.kind == "json_object" or (output.kind == "json_schema" and output.schema is None):
        text["format"] = {"type": "json_object"}
    elif output.kind == "json_schema":
        schema: Json = {"type": "json_schema", "name": sent_name(output.name or "output"), "schema": output.schema}
        if output.description:
            schema["description"] = output.description
        if output.strict is not None:
            schema["strict"] = output.strict
        text["format"] = schema
    if request.verbosity:
        text["verbosity"] = request.verbosity
    return {"text": text} if text else {}


def _tools(request: ChatRequest, quirks: Quirks) -> Json:
    offered_tools(request)
    choice = request.tool_choice
    tools = request.tools
    if choice is not None and choice.mode == "allowed":
        tools = [tool for tool in tools if set(names_of(tool)).intersection(choice.names)]
    if not tools:
        return {}
    fields: Json = {"tools": [_tool(tool, quirks) for tool in tools]}
    if choice is not None:
        fields["tool_choice"] = _choice(choice, tools, quirks)
    if request.parallel_tool_calls is not None and quirks.parallel_tool_calls:
        fields["parallel_tool_calls"] = request.parallel_tool_calls
    return fields


def _tool(tool: Tool, quirks: Quirks) -> Json:
    if tool.custom and not quirks.only_functions:
        custom: Json = {"type": "custom", "name": tool_sent_name(tool), "description": tool.description}
        return {**custom, "format": _flat_grammar(tool.grammar)} if tool.grammar else custom
    description, schema = tool.description, tool.schema or _EMPTY_SCHEMA
    if tool.custom:
        schema = {"type": "object", "properties": {CUSTOM_INPUT: {"type": "string"}}, "required": [CUSTOM_INPUT]}
        if tool.grammar:
            told = dumps_text(tool.grammar)
            description = f"{description}\n\nThe input must follow this format:\n{told}".strip()
    # Left out it would be tried, which is not what other formats mean by saying nothing.
    strict = bool(tool.strict and quirks.strict_tools)
    function: Json = {"type": "function", "name": tool_sent_name(tool), "parameters": schema, "strict": strict}
    return {**function, "description": description} if description else function


def _flat_grammar(grammar: Json) -> Json:
    """A grammar as it is here: its fields beside the type, where Chat Completions nests them."""
    nested = grammar.get("grammar")
    return {"type": "grammar", **nested} if isinstance(nested, dict) else grammar


def _choice(choice: ToolChoice, tools: list[Tool], quirks: Quirks) -> Any:
    if choice.mode == "named":
        tool = next(tool for tool in tools if choice.names[0] in names_of(tool))
        kind = "custom" if tool.custom and not quirks.only_functions else "function"
        return {"type": kind, "name": tool_sent_name(tool)}
    if choice.mode == "allowed":
        return "required" if choice.must else "auto"
    return choice.mode
