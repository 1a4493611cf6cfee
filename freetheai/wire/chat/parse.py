"""Read a Chat Completions request.

Strategy: the body is kept whole for relaying; beside it everything other formats and the gates need is read and
checked.

Rules:
- null and absent are the same; unknown fields are kept in ``extra``; wrong types are a 400 that names the field;
- ``functions`` and ``function_call`` are read as tools; tools may also come flat (``name`` beside ``type``);
- ``input`` without ``messages`` (Cursor posts Responses-shaped bodies here) is read by ``read_input``, which the
  composer gives: formats of ``wire`` do not know each other. Its request is then answered in this format.

Format: https://platform.openai.com/docs/api-reference/chat/create
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from freetheai import errors
from freetheai.errors import ApiError
from freetheai.wire import effort, fields
from freetheai.wire.chat.turns import read_messages
from freetheai.wire.fields import complaint
from freetheai.wire.request import ChatRequest, HostedTool, OutputFormat, Reasoning, Tool, ToolChoice

ReadInput = Callable[[dict[str, Any]], ChatRequest]

# What `ChatRequest` carries by name; everything else is `extra`.
_READ: Final = frozenset(
    {
        "model",
        "messages",
        "stream",
        "stream_options",
        "max_tokens",
        "max_completion_tokens",
        "temperature",
        "top_p",
        "top_k",
        "presence_penalty",
        "frequency_penalty",
        "seed",
        "stop",
        "n",
        "logprobs",
        "top_logprobs",
        "tools",
        "tool_choice",
        "parallel_tool_calls",
        "functions",
        "function_call",
        "response_format",
        "verbosity",
        *effort.CHAT_FIELDS,
    }
)


def parse(data: bytes, read_input: ReadInput | None = None) -> ChatRequest:
    """The request in ``data``.

    Raises:
        ApiError: INVALID_JSON, MISSING_MODEL, MISSING_PROMPT, or INVALID_REQUEST naming a field.
    """
    return parse_object(fields.read_object(data), read_input)


def parse_object(body: dict[str, Any], read_input: ReadInput | None = None) -> ChatRequest:
    """The same from the parsed body."""
    nested = body.get("extra_body")
    if isinstance(nested, dict):
        # An SDK's argument, sent literally by clients that write the JSON themselves.
        body = {**nested, **{key: value for key, value in body.items() if key != "extra_body"}}
    model = fields.read_model(body)
    if not body.get("messages") and body.get("input") and read_input is not None:
        return replace(read_input(body), format="chat", model=model)
    messages = body.get("messages")
    if messages is not None and not isinstance(messages, list):
        raise complaint("messages", "an array of messages")
    if not messages:
        raise ApiError(errors.MISSING_PROMPT)
    system, turns = read_messages(messages)
    tools, hosted = _tools(body)
    return ChatRequest(
        format="chat",
        body=body,
        model=model,
        stream=fields.flag(body, "stream") or False,
        include_usage=fields.flag(fields.mapping(body, "stream_options"), "include_usage") or False,
        system=system,
        turns=turns,
        tools=tools,
        hosted_tools=hosted,
        tool_choice=_tool_choice(body),
        reasoning=_reasoning(body),
        output=_output(body),
        extra={key: value for key, value in body.items() if key not in _READ},
        **_sampling(body),
    )


def _sampling(body: dict[str, Any]) -> dict[str, Any]:
    return {
        "parallel_tool_calls": fields.flag(body, "parallel_tool_calls"),
        "max_tokens": fields.max_tokens(body, "max_completion_tokens", "max_tokens"),
        "temperature": fields.number(body, "temperature"),
        "top_p": fields.number(body, "top_p"),
        "top_k": fields.integer(body, "top_k"),
        "presence_penalty": fields.number(body, "presence_penalty"),
        "frequency_penalty": fields.number(body, "frequency_penalty"),
        "seed": fields.integer(body, "seed"),
        "stop": fields.stops(body, "stop"),
        "n": fields.integer(body, "n", at_least=1) or 1,
        "logprobs": fields.flag(body, "logprobs") or False,
        "top_logprobs": fields.integer(body, "top_logprobs", at_least=0),
        "verbosity": fields.text(body, "verbosity"),
    }


def _tools(body: dict[str, Any]) -> tuple[list[Tool], list[HostedTool]]:
    tools: list[Tool] = []
    hosted: list[HostedTool] = []
    for number, item in enumerate(fields.items(body, "tools")):
        where = f"tools[{number}]"
        if not isinstance(item, dict):
            raise complaint(where, "an object with type and function")
        kind = item.get("type") or "function"
        if kind == "function":
            tools.append(_function(item.get("function", item), f"{where}.function"))
        elif kind == "custom":
            tools.append(_custom(item.get("custom", item), f"{where}.custom"))
        else:
            hosted.append(HostedTool(kind=str(kind), name=str(item.get("name") or kind), value=item))
    for number, item in enumerate(fields.items(body, "functions")):
        tools.append(_function(item, f"functions[{number}]"))
    return tools, hosted


def _function(item: Any, where: str) -> Tool:
    if not isinstance(item, dict) or not isinstance(item.get("name"), str) or not item["name"]:
        raise complaint(f"{where}.name", "the name of the tool")
    schema = item.get("parameters")
    if schema is not None and not isinstance(schema, dict):
        raise complaint(f"{where}.parameters", "a JSON Schema object")
    strict = item.get("strict")
    return Tool(
        name=item["name"],
        description=fields.text(item, "description"),
        schema=schema,
        strict=strict if isinstance(strict, bool) else None,
    )


def _custom(item: Any, where: str) -> Tool:
    if not isinstance(item, dict) or not isinstance(item.get("name"), str) or not item["name"]:
        raise complaint(f"{where}.name", "the name of the tool")
    grammar = item.get("format")
    return Tool(
        name=item["name"],
        description=fields.text(item, "description"),
        custom=True,
        grammar=grammar if isinstance(grammar, dict) else None,
    )


def _tool_choice(body: dict[str, Any]) -> ToolChoice | None:
    choice = body.get("tool_choice")
    if choice is None:
        choice = body.get("function_call")
    if choice is None:
        return None
    if isinstance(choice, dict):
        return _object_choice(choice)
    modes: dict[str, ToolChoice] = {
        "auto": ToolChoice(mode="auto"),
        "none": ToolChoice(mode="none"),
        "required": ToolChoice(mode="required"),
        "any": ToolChoice(mode="required"),
    }
    if not isinstance(choice, str) or choice not in modes:
        raise complaint("tool_choice", "auto, none, required, or an object that names a tool")
    return modes[choice]


def _object_choice(choice: dict[str, Any]) -> ToolChoice:
    kind = choice.get("type", "function")
    if kind in ("auto", "none"):
        return ToolChoice(mode=kind)
    if kind in ("required", "any"):
        return ToolChoice(mode="required")
    if kind == "allowed_tools":
        allowed = choice.get("allowed_tools", choice)
        listed = allowed.get("tools") if isinstance(allowed, dict) else None
        if not isinstance(listed, list):
            raise complaint("tool_choice.allowed_tools.tools", "an array of tools")
        names = tuple(name for name in (_named(item) for item in listed) if name)
        return ToolChoice(mode="allowed", names=names, must=allowed.get("mode") == "required")
    name = _named(choice) or (kind if isinstance(kind, str) else "")
    return ToolChoice(mode="named", names=(name,))


def _named(item: Any) -> str:
    """The tool an object names: in ``function``, in ``custom``, or flat."""
    if not isinstance(item, dict):
        return ""
    for holder in (item.get("function"), item.get("custom"), item):
        if isinstance(holder, dict) and isinstance(holder.get("name"), str):
            return str(holder["name"])
    return ""


def _reasoning(body: dict[str, Any]) -> Reasoning:
    """What the client says of thinking, in any provider's way of saying it."""
    nested = body.get("reasoning")
    nested = nested if isinstance(nested, dict) else {}
    thinking = body.get("thinking")
    thinking = thinking if isinstance(thinking, dict) else {}
    template = body.get("chat_template_kwargs")
    template = template if isinstance(template, dict) else {}
    enabled = _first_flag(body.get("enable_thinking"), template.get("enable_thinking"), nested.get("enabled"))
    if thinking.get("type") in ("enabled", "disabled"):
        enabled = thinking["type"] == "enabled"
    budget = next(
        (
            value
            for value in (thinking.get("budget_tokens"), nested.get("max_tokens"), body.get("thinking_budget"))
            if type(value) is int and value >= 0
        ),
        None,
    )
    return Reasoning(
        effort=effort.effort_named(body.get("reasoning_effort")) or effort.effort_named(nested.get("effort")),
        budget_tokens=budget,
        enabled=enabled,
        adaptive=thinking.get("type") == "adaptive",
    )


def _first_flag(*values: Any) -> bool | None:
    return next((value for value in values if isinstance(value, bool)), None)


def _output(body: dict[str, Any]) -> OutputFormat:
    wanted = fields.mapping(body, "response_format")
    kind = wanted.get("type", "text")
    if not isinstance(kind, str):
        raise complaint("response_format.type", "text, json_object or json_schema")
    if kind != "json_schema":
        # Grammars and such are some servers' own: relayed, and plain text to all others.
        return OutputFormat(kind="json_object" if kind == "json_object" else "text")
    holder = fields.mapping(wanted, "json_schema")
    schema = holder.get("schema")
    if schema is not None and not isinstance(schema, dict):
        raise complaint("response_format.json_schema.schema", "a JSON Schema object")
    strict = holder.get("strict")
    return OutputFormat(
        kind="json_schema",
        name=fields.text(holder, "name") or "output",
        description=fields.text(holder, "description"),
        schema=schema,
        strict=strict if isinstance(strict, bool) else None,
    )
