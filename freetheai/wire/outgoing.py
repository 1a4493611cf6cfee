"""What the builders of requests share, whatever the upstream's format: bounds, tools, the body as JSON."""

from collections.abc import Collection
from typing import Any, Final

import orjson

from freetheai import errors
from freetheai.errors import ApiError
from freetheai.wire.formats import Quirks, Target
from freetheai.wire.jsontext import dumps_text
from freetheai.wire.request import ChatRequest, Tool
from freetheai.wire.toolcalls import CUSTOM_INPUT, flat_name

# How a free-form tool is offered where only functions are known.
CUSTOM_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {CUSTOM_INPUT: {"type": "string"}},
    "required": [CUSTOM_INPUT],
}


def body_bytes(body: dict[str, Any], quirks: Quirks) -> bytes:
    """The body as JSON, with the provider's own fields under it and without those it refuses.

    Raises:
        ApiError: INVALID_JSON: it nests deeper than can be written.
    """
    whole = {key: value for key, value in {**quirks.extra_body, **body}.items() if key not in quirks.drop_fields}
    try:
        return orjson.dumps(whole)
    except TypeError:
        raise ApiError(errors.INVALID_JSON, f"{errors.INVALID_JSON.text}: nested too deep") from None


def cap_for(max_tokens: int | None, target: Target) -> int | None:
    """The output cap within what the model can do."""
    if max_tokens is None or target.max_output_tokens is None:
        return max_tokens
    return min(max_tokens, target.max_output_tokens)


def refuse_many(request: ChatRequest) -> None:
    """Make sure that one answer is all that was asked for.

    Raises:
        ApiError: INVALID_REQUEST: silently returning one of several breaks clients that count them.
    """
    if request.n > 1:
        raise ApiError(errors.INVALID_REQUEST, "n greater than 1 is not supported for this model: ask n times")


def refuse_audio_answer(request: ChatRequest) -> None:
    """Make sure that the client does not wait for sound: only a relay of Chat Completions could bring it.

    Raises:
        ApiError: INVALID_REQUEST.
    """
    modalities = request.body.get("modalities") if request.format == "chat" else None
    if isinstance(modalities, list) and "audio" in modalities:
        raise ApiError(
            errors.INVALID_REQUEST, "audio answers are not supported by this model: leave out modalities and audio"
        )


def refuse_several_cuts(request: ChatRequest, quirks: Quirks) -> None:
    """Make sure that no stop string is lost: of several answers only the upstream itself can cut each.

    Raises:
        ApiError: INVALID_REQUEST.
    """
    if request.n > 1 and len(request.stop) > quirks.max_stop:
        told = f"more than {quirks.max_stop} stop strings" if quirks.max_stop else "stop strings"
        raise ApiError(
            errors.INVALID_REQUEST,
            f"n greater than 1 together with {told} is not supported for this model: leave one of them out",
        )


def has_blank_stop(request: ChatRequest) -> bool:
    """Whether a stop string is nothing but white space, which Messages upstreams refuse: it is cut here."""
    return any(not text.strip() for text in request.stop)


def offered_tools(request: ChatRequest) -> list[Tool]:
    """The tools this request gives the model: all, or the subset its ``tool_choice`` allows.

    Raises:
        ApiError: INVALID_REQUEST: the choice names a tool that can't be given.
    """
    choice = request.tool_choice
    if choice is None or choice.mode not in ("named", "allowed"):
        return request.tools
    if choice.mode == "named" and not any(is_named(tool, choice.names) for tool in request.tools):
        raise ApiError(
            errors.INVALID_REQUEST,
            f"tool_choice names the tool {choice.names[0]!r}, which is not among the tools this model can be given",
        )
    return request.tools if choice.mode == "named" else [tool for tool in request.tools if is_named(tool, choice.names)]


def is_named(tool: Tool, names: Collection[str]) -> bool:
    """Whether a tool is meant by one of ``names``, with its namespace or without."""
    return tool.name in names or flat_name(tool.name, tool.namespace) in names


def tool_description(tool: Tool) -> str:
    """A tool's description, with a free-form tool's grammar, which schemas can't tell."""
    if not (tool.custom and tool.grammar):
        return tool.description
    return f"{tool.description}\n\nThe input must follow this format:\n{dumps_text(tool.grammar)}".strip()
