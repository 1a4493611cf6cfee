"""Read a Messages request.

Strategy: the body is kept whole for relaying; beside it everything other formats and the gates need is read and
checked.

Rules:
- null and absent are the same; unknown fields are kept in ``extra``; wrong types are a 400 that names the field;
- neighbouring messages of the assistant are one turn, results in a second user message join the first: Anthropic
  joins them too;
- a message with role system is system text if it stands first, else a ``system`` turn in its place;
- what would silently lose the conversation or its tools (``thread``, ``mcp_servers``, file ids) is a 400;
- ``max_tokens`` may be missing (it is filled in for upstreams that demand it), but not be zero.

Format: https://platform.claude.com/docs/en/api/messages
"""

from typing import Any, Final

from freetheai import errors
from freetheai.errors import ApiError
from freetheai.wire import effort, fields
from freetheai.wire.fields import complaint
from freetheai.wire.messages.blocks import read_content, read_system
from freetheai.wire.messages.tools import read_tool_choice, read_tools
from freetheai.wire.request import ChatRequest, OutputFormat, Part, Reasoning, TextPart, ToolResultPart, Turn

# What `ChatRequest` carries by name; everything else is `extra`.
_READ: Final = frozenset(
    {
        "model",
        "messages",
        "system",
        "stream",
        "max_tokens",
        "temperature",
        "top_p",
        "top_k",
        "stop_sequences",
        "tools",
        "tool_choice",
        "thinking",
        "output_config",
        "output_format",
    }
)
# Claude Code's first system block changes with every request and is meant for Anthropic alone.
BILLING_MARK: Final = "x-anthropic-billing-header:"
_ROLES: Final = {
    "user": "user",
    "assistant": "assistant",
    "system": "system",
    "developer": "system",
    "model": "assistant",
    "bot": "assistant",
    "ai": "assistant",
}


def parse(data: bytes) -> ChatRequest:
    """The request in ``data``.

    Raises:
        ApiError: INVALID_JSON, MISSING_MODEL, MISSING_PROMPT, or INVALID_REQUEST naming a field.
    """
    body = fields.read_object(data)
    model = fields.read_model(body)
    _refuse_unsupported(body)
    system, turns = _conversation(body)
    tools, hosted = read_tools(body)
    choice, parallel = read_tool_choice(body)
    return ChatRequest(
        format="messages",
        body=body,
        model=model,
        stream=fields.flag(body, "stream") or False,
        system=system,
        turns=turns,
        tools=tools,
        hosted_tools=hosted,
        tool_choice=choice,
        parallel_tool_calls=parallel,
        max_tokens=fields.max_tokens(body, "max_tokens"),
        temperature=fields.number(body, "temperature"),
        top_p=fields.number(body, "top_p"),
        top_k=fields.integer(body, "top_k"),
        stop=fields.stops(body, "stop_sequences"),
        reasoning=_reasoning(body),
        output=_output(body),
        extra={key: value for key, value in body.items() if key not in _READ},
    )


def _refuse_unsupported(body: dict[str, Any]) -> None:
    if body.get("thread") is not None:
        # SDKs that read these details go on with whole histories.
        raise ApiError(
            errors.INVALID_REQUEST,
            "thread is not supported: conversations are not kept here; send the whole history in messages",
            details={"error_code": "thread_unsupported_request", "unsupported": ["threads"]},
        )
    if body.get("mcp_servers"):
        raise ApiError(
            errors.INVALID_REQUEST, "mcp_servers is not supported: connect to the servers yourself and send their tools"
        )


def _conversation(body: dict[str, Any]) -> tuple[list[TextPart], list[Turn]]:
    system = read_system(body.get("system"), "system")
    if system and system[0].text.lstrip().lower().startswith(BILLING_MARK):
        del system[0]
    messages = body.get("messages")
    if messages is not None and not isinstance(messages, list):
        raise complaint("messages", "an array of messages")
    if not messages:
        raise ApiError(errors.MISSING_PROMPT)
    turns: list[Turn] = []
    for number, message in enumerate(messages):
        where = f"messages[{number}]"
        if not isinstance(message, dict):
            raise complaint(where, "an object with role and content")
        role = read_role(message, where)
        parts = read_content(message.get("content"), f"{where}.content")
        if role == "system" and not turns:
            system.extend(part for part in parts if isinstance(part, TextPart))
        else:
            _add(turns, role, parts)
    if not turns and not system:
        raise ApiError(errors.MISSING_PROMPT)
    return system, turns


def read_role(message: dict[str, Any], where: str) -> str:
    """The role in our words: user, assistant or system."""
    role = message.get("role")
    known = _ROLES.get(role.strip().lower()) if isinstance(role, str) else None
    if known is None:
        raise complaint(f"{where}.role", "user, assistant or system")
    return known


def _add(turns: list[Turn], role: str, parts: list[Part]) -> None:
    last = turns[-1] if turns else None
    if last is not None and last.role == role:
        has_results = any(isinstance(part, ToolResultPart) for part in parts)
        if role == "assistant" or (role == "user" and has_results):
            last.parts.extend(parts)
            return
    if role == "system":
        if parts:
            turns.append(Turn("system", parts))
    else:
        turns.append(Turn("assistant" if role == "assistant" else "user", parts))


def _reasoning(body: dict[str, Any]) -> Reasoning:
    thinking = body.get("thinking")
    if isinstance(thinking, bool | str):
        thinking = {"type": "disabled" if thinking in (False, "disabled") else "adaptive"}
    if thinking is not None and not isinstance(thinking, dict):
        raise complaint("thinking", "an object with type enabled, adaptive or disabled")
    config = fields.mapping(body, "output_config")
    level = effort.effort_named(config.get("effort"))
    kind = thinking.get("type") if thinking else None
    if thinking is None or kind is None:
        return Reasoning(effort=level, show=False)
    if not isinstance(kind, str):
        raise complaint("thinking.type", "enabled, adaptive or disabled")
    if kind == "disabled":
        return Reasoning(effort=level, enabled=False, show=False)
    is_omitted = thinking.get("display") == "omitted"
    return Reasoning(
        effort=level,
        budget_tokens=fields.integer(thinking, "budget_tokens", at_least=0) if kind == "enabled" else None,
        enabled=True,
        adaptive=kind != "enabled",
        show=not is_omitted,
        summary="omitted" if is_omitted else "",
    )


def _output(body: dict[str, Any]) -> OutputFormat:
    wanted = fields.mapping(fields.mapping(body, "output_config"), "format") or fields.mapping(body, "output_format")
    if wanted.get("type") != "json_schema":
        return OutputFormat()
    schema = wanted.get("schema")
    if schema is not None and not isinstance(schema, dict):
        raise complaint("output_config.format.schema", "a JSON Schema object")
    return OutputFormat(kind="json_schema", name="output", schema=schema, strict=True)
