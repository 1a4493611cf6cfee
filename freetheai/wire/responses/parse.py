"""Read a Responses request.

Strategy: the body is kept whole for relaying and echoing; beside it everything other formats and the gates need is read
and checked.

Rules:
- nothing is stored here: fields that refer to stored content are a 400 that says to send the whole input;
  ``store: true`` alone only asks for storing, and is answered with ``store: false``;
- null and absent are the same; unknown fields are kept in ``extra``;
- input of a shape nobody knows is a 400 that says where it stands.

Format: https://platform.openai.com/docs/api-reference/responses/create
"""

from typing import Any, Final

from freetheai import errors
from freetheai.errors import ApiError
from freetheai.wire import effort, fields
from freetheai.wire.fields import complaint
from freetheai.wire.request import ChatRequest, OutputFormat, Reasoning, TextPart, Turn
from freetheai.wire.responses.items import InputReader
from freetheai.wire.responses.objects import is_echoable
from freetheai.wire.responses.parts import unsupported, word
from freetheai.wire.responses.tools import read_choice, read_tools

# What `ChatRequest` carries by name; everything else is `extra`.
_READ: Final = frozenset(
    {
        "model",
        "input",
        "instructions",
        "stream",
        "stream_options",
        "max_output_tokens",
        "max_completion_tokens",
        "max_tokens",
        "temperature",
        "top_p",
        "top_k",
        "presence_penalty",
        "frequency_penalty",
        "seed",
        "stop",
        "top_logprobs",
        "tools",
        "tool_choice",
        "parallel_tool_calls",
        "reasoning",
        "text",
        "response_format",
        "include",
    }
)
_LOGPROBS: Final = "message.output_text.logprobs"


def parse(data: bytes) -> ChatRequest:
    """The request in ``data``.

    Raises:
        ApiError: INVALID_JSON, MISSING_MODEL, MISSING_PROMPT, UNSUPPORTED_INPUT, or INVALID_REQUEST naming a field.
    """
    return parse_object(fields.read_object(data))


def parse_object(body: dict[str, Any]) -> ChatRequest:
    """The same from the parsed body; also what the chat route reads a body with ``input`` by."""
    model = fields.read_model(body)
    _refuse_stored(body)
    if not is_echoable(body):
        raise ApiError(errors.INVALID_JSON, f"{errors.INVALID_JSON.text}: nested too deep")
    reader = _read_input(body)
    tools, hosted = read_tools([*fields.items(body, "tools"), *reader.tools])
    return ChatRequest(
        format="responses",
        body=body,
        model=model,
        stream=fields.flag(body, "stream") or False,
        include_usage=fields.mapping(body, "stream_options").get("include_usage") is True,
        system=reader.system,
        turns=reader.turns,
        tools=tools,
        hosted_tools=hosted,
        tool_choice=read_choice(body),
        reasoning=_reasoning(body),
        output=_output(body),
        verbosity=word(fields.mapping(body, "text").get("verbosity")),
        extra={key: value for key, value in body.items() if key not in _READ},
        **_sampling(body),
    )


def _refuse_stored(body: dict[str, Any]) -> None:
    for name in ("previous_response_id", "conversation", "background", "prompt"):
        if body.get(name):
            raise ApiError(
                errors.INVALID_REQUEST, f"{name} is not supported, nothing is stored here; send the whole input"
            )


def _read_input(body: dict[str, Any]) -> InputReader:
    reader = InputReader()
    if instructions := body.get("instructions"):
        if isinstance(instructions, str):
            reader.system.append(TextPart(instructions))
        elif isinstance(instructions, list):
            reader.read(instructions)
        else:
            raise complaint("instructions", "a string")
    given = body.get("input")
    if given is None or given in ("", []):
        raise ApiError(
            errors.MISSING_PROMPT, f"{errors.MISSING_PROMPT.text}: input must be a string or a list of items"
        )
    if isinstance(given, str):
        reader.turns.append(Turn("user", [TextPart(given)]))
    elif isinstance(given, list):
        reader.read(given)
    else:
        raise unsupported("input is neither a string nor an array of items")
    return reader


def _sampling(body: dict[str, Any]) -> dict[str, Any]:
    top_logprobs = fields.integer(body, "top_logprobs", at_least=0)
    return {
        "parallel_tool_calls": fields.flag(body, "parallel_tool_calls"),
        "max_tokens": fields.max_tokens(body, "max_output_tokens", "max_completion_tokens", "max_tokens"),
        "temperature": fields.number(body, "temperature"),
        "top_p": fields.number(body, "top_p"),
        "top_k": fields.integer(body, "top_k"),
        "presence_penalty": fields.number(body, "presence_penalty"),
        "frequency_penalty": fields.number(body, "frequency_penalty"),
        "seed": fields.integer(body, "seed"),
        "stop": fields.stops(body, "stop"),
        "logprobs": bool(top_logprobs) or _LOGPROBS in fields.items(body, "include"),
        "top_logprobs": top_logprobs,
    }


def _reasoning(body: dict[str, Any]) -> Reasoning:
    wanted = fields.mapping(body, "reasoning")
    summary = word(wanted.get("summary")) or word(wanted.get("generate_summary"))
    return Reasoning(
        effort=effort.effort_named(wanted.get("effort")) or effort.effort_named(body.get("reasoning_effort")),
        summary="" if summary == "none" else summary,
    )


def _output(body: dict[str, Any]) -> OutputFormat:
    # Chat Completions' name for it is sent by clients that came from there: ignoring it would drop the schema.
    wanted = fields.mapping(fields.mapping(body, "text"), "format") or fields.mapping(body, "response_format")
    kind = wanted.get("type", "text")
    if kind in ("text", "json_object"):
        return OutputFormat(kind=kind)
    if kind != "json_schema":
        raise complaint("text.format.type", "text, json_object or json_schema")
    # Flat here; some clients nest it as Chat Completions does.
    nested = wanted.get("json_schema")
    holder = nested if isinstance(nested, dict) else wanted
    schema, strict = holder.get("schema"), holder.get("strict")
    if not isinstance(schema, dict | None):
        raise complaint("text.format.schema", "a JSON Schema object")
    return OutputFormat(
        kind="json_schema",
        name=word(holder.get("name")) or "output",
        description=word(holder.get("description")),
        schema=schema,
        strict=strict if isinstance(strict, bool) else None,
    )
