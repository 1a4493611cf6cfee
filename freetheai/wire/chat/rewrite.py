"""Write a Chat Completions client's request for a Chat Completions upstream: only what must change is changed.

Rules:
- the client's body goes out with its unknown fields; lists say what to drop, never what to keep;
- nulls are left out: strict providers refuse them, and they say nothing;
- messages pass one by one with only their own mends; where the history must be rebuilt (calls without results,
  templates with a fixed order) all are written from the turns;
- a request that only translation can serve (``functions``, ``input``) is built instead (``needs_translation``).
"""

from typing import Any, Final

from freetheai.wire import effort
from freetheai.wire.chat.build import (
    NEVER_SENT,
    bounded_temperature,
    build,
    output_fields,
    wanted_reasoning,
)
from freetheai.wire.chat.calls import call_signature
from freetheai.wire.chat.encode import wants_legacy_calls
from freetheai.wire.chat.messages import write_messages
from freetheai.wire.chat.parts import REASONING_KEYS
from freetheai.wire.chat.thoughts import own_details
from freetheai.wire.chat.turns import ROLES
from freetheai.wire.formats import Quirks, Target
from freetheai.wire.outgoing import body_bytes, cap_for, offered_tools, refuse_many, refuse_several_cuts
from freetheai.wire.request import ChatRequest
from freetheai.wire.signature import is_tagged, untag
from freetheai.wire.toolcalls import arguments_text
from freetheai.wire.turns import is_paired, refuse_unsupported

_DROPPED: Final = NEVER_SENT | {"stream", "stream_options", "max_tokens", "max_completion_tokens", "messages", "stop"}
# Members of an assistant's message that only answers carry; clients send whole answers back.
_ANSWER_ONLY: Final = frozenset({"annotations", "audio", "reasoning_details", "thinking_blocks", "images"})


def needs_translation(request: ChatRequest) -> bool:
    """Whether the body can't be relayed: the old ``functions``, or no messages in it (Responses-shaped)."""
    return wants_legacy_calls(request) or not request.body.get("messages")


def rewrite(request: ChatRequest, target: Target, quirks: Quirks) -> bytes:
    """The client's own body for an attempt at ``target``.

    Raises:
        ApiError: as ``build``.
    """
    if needs_translation(request):
        return build(request, target, quirks)
    refuse_unsupported(request, target)
    if not quirks.several_answers:
        refuse_many(request)
    refuse_several_cuts(request, quirks)
    source = request.body
    body = {key: value for key, value in source.items() if value is not None and key not in _DROPPED}
    body["model"] = target.model
    messages = _messages(request, target, quirks)
    if request.output.kind == "json_schema" and not quirks.json_schema:
        body |= output_fields(request, quirks, messages)
    body["messages"] = messages
    _set_tools(body, request, quirks)
    _set_reasoning(body, request, target, quirks)
    if not quirks.several_answers:
        body.pop("n", None)
    if (temperature := bounded_temperature(request.temperature, quirks)) is not None:
        body["temperature"] = temperature
    if request.stop and quirks.max_stop:
        stop = request.stop[: quirks.max_stop]
        body["stop"] = stop[0] if isinstance(source["stop"], str) else stop
    if (cap := cap_for(request.max_tokens, target)) is not None:
        body[quirks.max_tokens_field] = cap
    if request.stream:
        body["stream"] = True
        if quirks.stream_usage:
            body["stream_options"] = {"include_usage": True}
    return body_bytes(body, quirks)


def _set_tools(body: dict[str, Any], request: ChatRequest, quirks: Quirks) -> None:
    body.pop("functions", None)
    body.pop("function_call", None)
    if not body.get("tools"):
        for name in ("tools", "tool_choice", "parallel_tool_calls"):
            body.pop(name, None)
        return
    if not request.hosted_tools:
        offered_tools(request)
    if not quirks.parallel_tool_calls:
        body.pop("parallel_tool_calls", None)
    body["tools"] = [_tool(tool, quirks) for tool in body["tools"]]


def _tool(tool: dict[str, Any], quirks: Quirks) -> dict[str, Any]:
    """A tool as it came; flat ones nested as this format has them, ``strict`` only where it is known."""
    kind = tool.get("type") or "function"
    if kind not in ("function", "custom"):
        return tool
    function = tool.get(kind)
    if not isinstance(function, dict):
        function = {key: value for key, value in tool.items() if key != "type"}
    elif tool.get("type") and (quirks.strict_tools or "strict" not in function):
        return tool
    kept = {key: value for key, value in function.items() if quirks.strict_tools or key != "strict"}
    return {"type": kind, kind: kept}


def _set_reasoning(body: dict[str, Any], request: ChatRequest, target: Target, quirks: Quirks) -> None:
    """What the client says of thinking in the provider's way; untouched if it already speaks that."""
    if not target.supports_reasoning:
        for name in effort.CHAT_FIELDS:
            body.pop(name, None)
        return
    asked = wanted_reasoning(request, quirks)
    wanted = effort.chat_fields(quirks.reasoning_style, asked)
    if not wanted:
        return
    has_effort = "reasoning_effort" in body
    speaks_it = all(name in body for name in wanted) and (not has_effort or "reasoning_effort" in wanted)
    if speaks_it and asked is request.reasoning:
        # Only the level is said in the provider's words.
        body |= {name: value for name, value in wanted.items() if name == "reasoning_effort"}
        return
    for name in effort.CHAT_FIELDS:
        body.pop(name, None)
    template = wanted.get("chat_template_kwargs")
    if isinstance(template, dict) and isinstance(body.get("chat_template_kwargs"), dict):
        wanted["chat_template_kwargs"] = {**template, **body["chat_template_kwargs"]}
    body |= wanted


def _messages(request: ChatRequest, target: Target, quirks: Quirks) -> list[dict[str, Any]]:
    if quirks.system_first_only or quirks.strict_alternation or not is_paired(request.turns):
        return write_messages(request, target, quirks)
    return [_message(message, target, quirks) for message in request.body["messages"]]


def _message(message: dict[str, Any], target: Target, quirks: Quirks) -> dict[str, Any]:
    role = message["role"].strip().lower()
    known = ROLES[role]
    mended = {key: value for key, value in message.items() if value is not None}
    mended["role"] = quirks.developer_role if role == "developer" else known
    if known == "assistant":
        _mend_assistant(mended, message, target, quirks)
    elif "content" not in mended:
        mended["content"] = ""
    content = mended.get("content")
    if isinstance(content, dict):
        content = mended["content"] = [content]
    if isinstance(content, list):
        mended["content"] = _content(content, known, target, quirks)
    return mended


def _mend_assistant(mended: dict[str, Any], message: dict[str, Any], target: Target, quirks: Quirks) -> None:
    for name in _ANSWER_ONLY:
        mended.pop(name, None)
    calls = mended.get("tool_calls")
    if calls:
        mended["tool_calls"] = [_call(call, target) for call in calls]
    else:
        mended.pop("tool_calls", None)
    if mended.get("content") is None:
        mended["content"] = None if calls and quirks.null_content else ""
    thought = next((message[key] for key in REASONING_KEYS if message.get(key)), "")
    for name in REASONING_KEYS:
        mended.pop(name, None)
    if quirks.replay_reasoning == "always" or (thought and quirks.replay_reasoning == "when_known"):
        mended["reasoning_content"] = thought
    if details := own_details(message.get("reasoning_details"), target.origin):
        mended["reasoning_details"] = details


def _call(call: dict[str, Any], target: Target) -> dict[str, Any]:
    function = call.get("function")
    if not isinstance(function, dict):
        return call
    kept = {key: value for key, value in call.items() if key != "index"}
    if is_tagged(tagged := call_signature(call)):
        kept.pop("extra_content")
        if opaque := untag(target.origin, tagged):
            kept["extra_content"] = {"google": {"thought_signature": opaque}}
    return {
        **kept,
        "type": "function",
        "function": {**function, "arguments": arguments_text(function.get("arguments"))},
    }


def _content(parts: list[Any], role: str, target: Target, quirks: Quirks) -> Any:
    """Content parts with what clients write otherwise put right."""
    mended = [_part(part) for part in parts]
    if role == "tool" and (quirks.text_tool_results or not target.supports_image_input):
        texts = [part.get("text") or f"[{part.get('type')}]" for part in mended]
        return "\n".join(text for text in texts if isinstance(text, str))
    return mended


def _part(part: Any) -> dict[str, Any]:
    if isinstance(part, str):
        return {"type": "text", "text": part}
    image = part.get("image_url")
    if isinstance(image, str):
        detail = {"detail": part["detail"]} if part.get("detail") else {}
        return {"type": "image_url", "image_url": {"url": image, **detail}}
    kind = part.get("type")
    if kind in ("input_text", "output_text") or (kind is None and "text" in part):
        return {"type": "text", "text": part.get("text") or ""}
    return dict(part)
