"""Tool calls across formats: names every upstream takes, ids that are never empty, arguments as text or as an object.

Rules:
- everything is a function of what is given, so the call and its result are changed alike without any memory;
- history never makes a request fail: arguments that are no JSON become an object that holds them.
"""

import hashlib
import re
from typing import Any, Final

import orjson

from freetheai.wire.jsontext import dumps_text, loads
from freetheai.wire.request import ChatRequest, Tool

# What all upstreams take as a tool's name.
_NAME: Final = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_NOT_IN_NAME: Final = re.compile(r"[^a-zA-Z0-9_-]")
_KEPT_NAME_CHARS: Final = 55
# The argument by which a free-form tool is offered to upstreams that only know functions.
CUSTOM_INPUT: Final = "input"


def flat_name(name: str, namespace: str = "") -> str:
    """A tool's name with its namespace in front, as formats without namespaces write it."""
    return f"{namespace}__{name}" if namespace else name


def sent_name(name: str) -> str:
    """The name as upstreams take it: itself where it fits, else what fits of it and a hash."""
    if _NAME.fullmatch(name):
        return name
    digest = hashlib.blake2s(name.encode("utf-8", "replace"), digest_size=4).hexdigest()
    return f"{_NOT_IN_NAME.sub('_', name)[:_KEPT_NAME_CHARS]}_{digest}"


def tool_sent_name(tool: Tool) -> str:
    """The name a tool of the request is offered by."""
    return sent_name(flat_name(tool.name, tool.namespace))


def changed_names(request: ChatRequest) -> dict[str, str]:
    """From the names we sent to the flat names the client knows, where they differ."""
    flat = (flat_name(tool.name, tool.namespace) for tool in request.tools)
    return {sent_name(name): name for name in flat if sent_name(name) != name}


def made_call_id(seed: str, number: int) -> str:
    """An id for a call that came without one: the same for the same ``seed`` (what tells this answer from others)."""
    digest = hashlib.blake2s(f"{seed}/{number}".encode("utf-8", "replace"), digest_size=12).hexdigest()
    return f"call_{digest}"


def answer_seed(request: ChatRequest, answer_id: str) -> str:
    """What tells an answer from the earlier ones of its conversation, for ``made_call_id``."""
    return f"{answer_id}/{len(request.turns)}/{sum(len(turn.parts) for turn in request.turns)}"


def arguments_object(text: str) -> dict[str, Any]:
    """JSON text of arguments as the object that Messages and Gemini want; never fails."""
    if not text.strip():
        return {}
    try:
        value = loads(text.encode("utf-8", "replace"))
    except ValueError:
        return _closed_object(text)
    if value is None:
        return {}
    return value if isinstance(value, dict) else {"value": value}


def arguments_text(value: Any) -> str:
    """Arguments of any kind as JSON text; `{}` where there are none."""
    if value is None:
        return "{}"
    if isinstance(value, str):
        return value if value.strip() else "{}"
    return dumps_text(value) or "{}"


def custom_input(arguments: str) -> str:
    """The free text inside the arguments of a free-form tool that was offered as a function."""
    value = arguments_object(arguments)
    text = value.get(CUSTOM_INPUT, value.get("_raw"))
    return text if isinstance(text, str) else arguments


def custom_arguments(text: str) -> str:
    """Free text as the arguments of the function a free-form tool is offered as."""
    return orjson.dumps({CUSTOM_INPUT: text}).decode()


def _closed_object(text: str) -> dict[str, Any]:
    """The object that cut arguments had begun: open strings and brackets closed; else the raw text in one field."""
    closers: list[str] = []
    in_string = is_escaped = False
    for character in text:
        if is_escaped:
            is_escaped = False
        elif in_string:
            is_escaped = character == "\\"
            in_string = character != '"'
        elif character == '"':
            in_string = True
        elif character in "{[":
            closers.append("}" if character == "{" else "]")
        elif character in "}]" and closers:
            closers.pop()
    mended = text.rstrip("\\") + ('"' if in_string else "") + "".join(reversed(closers))
    try:
        value = loads(mended.encode("utf-8", "replace"))
    except ValueError:
        value = None
    return value if isinstance(value, dict) else {"_raw": text}
