"""All text of a request that a model would read, whatever format it came in.

Rules: history counts as much as the last message, what tools are called with and answer as much as what people write;
also what only equal formats relay. Media do not: an image's bytes are no text.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import orjson

from freetheai.wire.request import (
    ChatRequest,
    FilePart,
    OpaquePart,
    Part,
    RefusalPart,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolResultPart,
)


def texts_of(request: ChatRequest) -> list[str]:
    """Each piece of text that is not empty, in the order of the conversation; tools and schemas after it."""
    return [text for text in _texts(request) if text]


def _texts(request: ChatRequest) -> Iterator[str]:
    yield from _of_parts(request.system)
    for turn in request.turns:
        yield turn.name
        yield from _of_parts(turn.parts)
    for tool in request.tools:
        yield tool.name
        yield tool.description
        yield from _strings(tool.schema)
        yield from _strings(tool.grammar)
    for hosted in request.hosted_tools:
        yield from _strings(hosted.value)
    yield request.output.description
    yield from _strings(request.output.schema)
    yield from _strings(request.extra)


def _of_parts(parts: Iterable[Part]) -> Iterator[str]:
    for part in parts:
        match part:
            case TextPart() | RefusalPart() | ThinkingPart():
                yield part.text
            case ToolCallPart():
                yield part.name
                yield from _of_arguments(part.arguments)
            case ToolResultPart():
                yield part.name
                yield from _of_parts(part.parts)
            case FilePart():
                yield part.name
                yield part.data if part.is_text else ""
            case OpaquePart():
                yield from _strings(part.value)


def _of_arguments(arguments: str) -> Iterator[str]:
    # As they are meant: JSON may spell any letter as an escape.
    try:
        value = orjson.loads(arguments)
    except orjson.JSONDecodeError:
        yield arguments
    else:
        yield from _strings(value)


def _strings(value: Any) -> Iterator[str]:
    """The strings in a JSON value, names included; without recursion, since it may nest as deep as it likes."""
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, dict):
            for name, inner in reversed(item.items()):
                waiting += (inner, name)
        elif isinstance(item, list):
            waiting += reversed(item)
