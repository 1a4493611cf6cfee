"""Write a Messages client's request for a Messages upstream: only what must change is changed.

Rules:
- Anthropic itself, and who speaks all of its format, gets the client's body with its unknown fields; lists say what to
  drop. Others (``Quirks.messages_extras`` False) get the format's first version: everything read is written anew, what
  is unknown passes, what came later is left out or said in the old way;
- thinking goes back to the model that signed it, byte for byte; another model's is left out;
- what differs by model (adaptive thinking, sampling, system messages in between, a last assistant message) is said as
  this model takes it;
- where calls lack their results, or results hold images for a model that reads none, the messages are written from the
  turns.
"""

from typing import Any, Final

from freetheai.wire import effort
from freetheai.wire.formats import Quirks, Target
from freetheai.wire.messages.build import build, has_unsigned_loop, sampling_fields, tool_fields
from freetheai.wire.messages.links import without_written
from freetheai.wire.messages.models import Traits, traits_of
from freetheai.wire.messages.parse import read_role
from freetheai.wire.messages.signed import signature_back
from freetheai.wire.messages.thinking import (
    DEFAULT_BUDGET,
    bounded_budget,
    level_for,
    max_tokens_for,
    thinking_fields,
    wanted_budget,
)
from freetheai.wire.messages.write import MessageWriter, with_ends
from freetheai.wire.outgoing import body_bytes, has_blank_stop
from freetheai.wire.request import ChatRequest, ImagePart, ToolResultPart
from freetheai.wire.turns import is_paired, refuse_unsupported

# Who the client's users are, what it is charged for and how: the operator's matter.
_NEVER_SENT: Final = frozenset({"metadata", "service_tier", "speed", "user_profile_id", "mcp_servers", "thread"})
# What came after the format's first version, and what is written anew beside it.
_EXTRAS: Final = frozenset(
    {
        "output_config",
        "output_format",
        "context_management",
        "container",
        "diagnostics",
        "inference_geo",
        "task_budget",
        "cache_control",
        "betas",
        "thinking",
        "system",
        "tools",
        "tool_choice",
        "temperature",
        "top_p",
        "top_k",
        "stop_sequences",
    }
)
# The version of the API whose requests must not say how to sample.
_NO_SAMPLING_VERSION: Final = "2026-10-21"
_SAMPLING: Final = ("temperature", "top_p", "top_k")


def needs_translation(request: ChatRequest, quirks: Quirks) -> bool:
    """Whether the answer can't be relayed: a schema that the upstream does not follow comes back as a call."""
    return request.output.kind == "json_schema" and not (quirks.json_schema and quirks.messages_extras)


def rewrite(request: ChatRequest, target: Target, quirks: Quirks) -> bytes:
    """The client's own body for an attempt at ``target``.

    Raises:
        ApiError: as ``build``.
    """
    if needs_translation(request, quirks):
        return build(request, target, quirks)
    refuse_unsupported(request, target)
    traits = traits_of(target.model)
    fields = _full if quirks.messages_extras else _first_version
    body = fields(request, target, quirks, traits)
    body["model"] = target.model
    body.pop("stream", None)
    if request.stream:
        body["stream"] = True
    return body_bytes(body, quirks)


def _first_version(request: ChatRequest, target: Target, quirks: Quirks, traits: Traits) -> dict[str, Any]:
    dropped = _NEVER_SENT | _EXTRAS
    body = {key: value for key, value in request.body.items() if value is not None and key not in dropped}
    writer = MessageWriter(request, target, quirks, traits)
    if system := writer.system():
        body["system"] = system
    body["messages"] = writer.messages()
    tools = tool_fields(request, quirks, writer)
    body |= tools
    body["max_tokens"] = max_tokens_for(request, target, wanted_budget(request))
    body |= thinking_fields(request, target, quirks, traits, body["max_tokens"])
    return body | sampling_fields(request, traits, thinks=False)


def _full(request: ChatRequest, target: Target, quirks: Quirks, traits: Traits) -> dict[str, Any]:
    source = request.body
    body = {key: value for key, value in source.items() if value is not None and key not in _NEVER_SENT}
    if is_paired(request.turns) and (target.supports_image_input or not _has_result_images(request)):
        _mend_messages(body, target, traits)
    else:
        writer = MessageWriter(request, target, quirks, traits)
        body["system"] = writer.system()
        body["messages"] = writer.messages()
    if has_blank_stop(request):
        body["stop_sequences"] = [text for text in request.stop if text.strip()]
    for name in ("tools", "system", "stop_sequences"):
        if not body.get(name):
            body.pop(name, None)
    if "tools" not in body:
        body.pop("tool_choice", None)
    body["max_tokens"] = max_tokens_for(request, target, wanted_budget(request) if not traits.is_adaptive else None)
    _mend_thinking(body, request, target, traits)
    if not traits.samples or request.client_headers.get("anthropic-version") == _NO_SAMPLING_VERSION:
        for name in _SAMPLING:
            body.pop(name, None)
    return body


def _has_result_images(request: ChatRequest) -> bool:
    results = (part for turn in request.turns for part in turn.parts if isinstance(part, ToolResultPart))
    return any(isinstance(inner, ImagePart) for result in results for inner in result.parts)


def _mend_messages(body: dict[str, Any], target: Target, traits: Traits) -> None:
    """The messages one by one, each with only its own mends; leading system messages move to ``system``."""
    leading: list[dict[str, Any]] = []
    messages: list[dict[str, Any]] = []
    for number, message in enumerate(body["messages"]):
        role = read_role(message, f"messages[{number}]")
        content = _mended_content(message.get("content"), target)
        if not content:
            continue
        if role == "system" and not messages:
            leading.extend(_as_blocks(content))
        elif role == "system" and not traits.hears_system:
            text = "\n".join(block.get("text") or "" for block in _as_blocks(content))
            messages.append({"role": "user", "content": [{"type": "text", "text": f"<system>\n{text}\n</system>"}]})
        else:
            messages.append({**message, "role": role, "content": content})
    if leading:
        body["system"] = [*_as_blocks(body.get("system")), *leading]
    body["messages"] = messages if messages and messages[-1]["role"] == "system" else with_ends(messages, traits)


def _mended_content(content: Any, target: Target) -> Any:
    if isinstance(content, dict):
        content = [content]
    if not isinstance(content, list):
        return content
    blocks = [_mended_block(block, target) for block in content]
    return [block for block in blocks if block is not None]


def _mended_block(block: Any, target: Target) -> Any:
    """The block itself if it may go as it is; None if it must not go at all."""
    if isinstance(block, str):
        return {"type": "text", "text": block} if block.strip() else None
    kind = block.get("type")
    if kind == "text" and not (block.get("text") or "").strip():
        return None
    if kind == "text":
        return without_written(block)
    member = {"thinking": "signature", "redacted_thinking": "data"}.get(kind)
    if member is None:
        return block
    given = block.get(member)
    opaque = signature_back(target.origin, given, takes_untagged=True) if isinstance(given, str) else ""
    if not opaque:
        return None
    return block if opaque == given else {**block, member: opaque}


def _as_blocks(content: Any) -> list[dict[str, Any]]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content else []
    return content if isinstance(content, list) else []


def _mend_thinking(body: dict[str, Any], request: ChatRequest, target: Target, traits: Traits) -> None:
    """``thinking`` and effort as this model takes them; as they came where the model is not known."""
    config = body.get("output_config")
    config = dict(config) if isinstance(config, dict) else {}
    thinking = body.get("thinking")
    if not target.supports_reasoning:
        body.pop("thinking", None)
        config.pop("effort", None)
    elif isinstance(thinking, dict):
        _set_thinking(body, thinking, config, request, traits)
    if traits.is_claude and not traits.has_effort:
        config.pop("effort", None)
    body.pop("output_config", None)
    if config:
        body["output_config"] = config


def _set_thinking(
    body: dict[str, Any], thinking: dict[str, Any], config: dict[str, Any], request: ChatRequest, traits: Traits
) -> None:
    kind = thinking.get("type")
    if kind == "enabled" and traits.only_adaptive:
        shown = {key: value for key, value in thinking.items() if key == "display"}
        body["thinking"] = {"type": "adaptive", **shown}
        level = effort.wanted_effort(request.reasoning)
        if level is not None and level != "none":
            config.setdefault("effort", level_for(level, traits))
        return
    if kind == "adaptive" and traits.is_claude and not traits.is_adaptive:
        budget = wanted_budget(request) or DEFAULT_BUDGET
        thinking = {"type": "enabled", "budget_tokens": budget}
    if thinking.get("type") != "enabled":
        return
    # The cap may have been lowered to what the model can do.
    bounded = bounded_budget(thinking.get("budget_tokens"), body["max_tokens"]) if _has_budget(thinking) else None
    if bounded == 0 or (traits.is_claude and has_unsigned_loop(body["messages"])):
        body.pop("thinking", None)
    elif bounded is not None:
        body["thinking"] = {**thinking, "budget_tokens": bounded}


def _has_budget(thinking: dict[str, Any]) -> bool:
    return type(thinking.get("budget_tokens")) is int
