"""The objects of a Responses answer: the response itself with its echo of the request, its items, and its error.

Rules:
- every field of the response is there, null where the format allows it; request values are echoed as they were sent;
- nothing is stored, whatever the client asked: ``store`` is false, there is no previous response.

Format: https://platform.openai.com/docs/api-reference/responses/object
"""

from collections.abc import Mapping
from typing import Any, Final

import orjson

from freetheai.errors import ApiError
from freetheai.wire.formats import Stamp
from freetheai.wire.request import ChatRequest

Json = dict[str, Any]

# What is echoed as the client sent it, and what stands there if it said nothing.
_ECHOED: Final[Mapping[str, Any]] = {
    "background": False,
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "presence_penalty": 0.0,
    "frequency_penalty": 0.0,
    "prompt_cache_key": None,
    "prompt_cache_retention": None,
    "safety_identifier": None,
    "service_tier": "default",
    "temperature": 1.0,
    "tool_choice": "auto",
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
    "user": None,
}
# Our error types in the spelling that OpenAI's clients act on.
_ERROR_CODES: Final[Mapping[str, str]] = {
    "context_length_exceeded": "context_length_exceeded",
    "rate_limit_error": "rate_limit_exceeded",
    "concurrency_limit_error": "rate_limit_exceeded",
    "glm_depleted": "rate_limit_exceeded",
    "content_policy_violation": "invalid_prompt",
    "invalid_request_error": "invalid_prompt",
    "provider_unavailable": "server_is_overloaded",
}


def response_object(request: ChatRequest, stamp: Stamp) -> Json:
    """The response at its start: in progress, without output."""
    return {
        "id": stamp.id,
        "object": "response",
        "created_at": stamp.created_s,
        "completed_at": None,
        "status": "in_progress",
        "error": None,
        "incomplete_details": None,
        "model": stamp.model,
        "output": [],
        "usage": None,
        **echo(request),
    }


def is_echoable(body: Json) -> bool:
    """Whether what is echoed of a request can be written: JSON nested very deep can be read, but not written."""
    try:
        orjson.dumps([body.get(name) for name in (*_ECHOED, "reasoning", "text", "tools")])
    except TypeError:
        return False
    return True


def echo(request: ChatRequest) -> Json:
    """The request's values, and what is always so here."""
    body = request.body if request.format == "responses" else {}
    fields = {name: default if body.get(name) is None else body[name] for name, default in _ECHOED.items()}
    reasoning = body.get("reasoning")
    text = body.get("text")
    text = text if isinstance(text, dict) else {}
    return {
        **fields,
        "previous_response_id": None,
        "reasoning": {"effort": None, "summary": None, **(reasoning if isinstance(reasoning, dict) else {})},
        "store": False,
        "text": {"format": text.get("format") or {"type": "text"}, "verbosity": text.get("verbosity") or "medium"},
        "tools": [_echoed_tool(tool) for tool in body.get("tools") or ()],
    }


def _echoed_tool(tool: Any) -> Any:
    if isinstance(tool, dict) and tool.get("type") == "function":
        return {"description": None, "parameters": None, "strict": None, **tool}
    return tool


def ended(response: Json, status: str, reason: str, output: list[Json], usage: Json | None) -> Json:
    """The response at its end; ``reason`` why it is incomplete ("" if it is not)."""
    return {
        **response,
        "status": status,
        "incomplete_details": {"reason": reason} if reason else None,
        "output": output,
        "usage": usage,
    }


def failed(response: Json, error: ApiError, output: list[Json], usage: Json | None) -> Json:
    """The response at a bad end."""
    return {**response, "status": "failed", "error": error_object(error), "output": output, "usage": usage}


def error_object(error: ApiError) -> Json:
    """``response.error``: the code in OpenAI's spelling, and the wait in the words that Codex reads it from."""
    code = _ERROR_CODES.get(error.type, "server_error")
    message = error.message
    if error.retry_after_s is not None and code in ("rate_limit_exceeded", "server_is_overloaded"):
        message = f"{message} Please try again in {error.retry_after_s}s."
    return {"code": code, "message": message}


class ItemIds:
    """Ids of output items, made of the answer's: the same for the same answer and place."""

    __slots__ = ("_core",)

    def __init__(self, stamp: Stamp) -> None:
        self._core = stamp.id.rpartition("_")[2]

    def item_id(self, prefix: str, index: int) -> str:
        """As in ``msg_…``: ``prefix`` with its underscore, ``index`` the place in the output."""
        return f"{prefix}{self._core}{index:04x}"


def text_part(text: str, logprobs: list[Json] | None = None, annotations: list[Json] | None = None) -> Json:
    """A content part of a message."""
    return {"type": "output_text", "text": text, "annotations": annotations or [], "logprobs": logprobs or []}


def refusal_part(text: str) -> Json:
    """A refusal in a message."""
    return {"type": "refusal", "refusal": text}


def message_item(item_id: str, content: list[Json], status: str) -> Json:
    """A message."""
    return {"id": item_id, "type": "message", "status": status, "role": "assistant", "content": content}


def reasoning_item(item_id: str, *, summary: str, text: str, encrypted: str, status: str) -> Json:
    """Reasoning, shown as a summary, as its own text, or not at all."""
    return {
        "id": item_id,
        "type": "reasoning",
        "summary": [{"type": "summary_text", "text": summary}] if summary else [],
        "content": [{"type": "reasoning_text", "text": text}] if text else [],
        "encrypted_content": encrypted or None,
        "status": status,
    }


def call_item(item_id: str, call: Mapping[str, str], payload: str, status: str, *, custom: bool) -> Json:
    """A call. ``call`` holds ``call_id``, ``name``, perhaps ``namespace``; ``payload`` the arguments or free text."""
    kind, member = ("custom_tool_call", "input") if custom else ("function_call", "arguments")
    return {"id": item_id, "type": kind, "status": status, **call, member: payload}


def image_item(item_id: str, data: str, status: str) -> Json:
    """An image the model made, in base64."""
    return {"id": item_id, "type": "image_generation_call", "status": status, "result": data or None}
