"""Write a Responses client's request for a Responses upstream: only what must change is changed.

Rules:
- the client's body goes out with its unknown fields; lists say what to drop, never what to keep; nulls are left out;
- ``store`` is false, whatever was asked;
- items lose their ids (nothing is stored, and an id would be looked up), reasoning goes back only to its maker;
- what the format has no field for but Chat Completions has, and clients send all the same: ``stop`` is cut from the
  answer, ``response_format`` becomes ``text.format``;
- a history with calls that have no outputs is written anew; for a server that knows only functions all is
  (``needs_translation``).
"""

from typing import Any, Final

from freetheai.wire.formats import Quirks, Target
from freetheai.wire.outgoing import body_bytes, offered_tools
from freetheai.wire.request import ChatRequest
from freetheai.wire.responses.build import (
    build,
    output_cap,
    reasoning_fields,
    takes_effort,
    text_fields,
)
from freetheai.wire.responses.write import sent_call_id, write_input
from freetheai.wire.signature import untag
from freetheai.wire.turns import is_paired, refuse_unsupported

Json = dict[str, Any]

# Fields that name the client's users, refer to stored content, or choose prices: never the upstream's business.
_DROPPED: Final = frozenset(
    {
        "store",
        "metadata",
        "client_metadata",
        "user",
        "safety_identifier",
        "prompt_cache_key",
        "prompt_cache_options",
        "prompt_cache_retention",
        "service_tier",
        "moderation",
        "access_programs",
        "background",
        "background_options",
        "previous_response_id",
        "conversation",
        "prompt",
        "stream",
        "max_output_tokens",
        "max_completion_tokens",
        "max_tokens",
        "extra_body",
        "extra_headers",
        "extra_query",
        "stop",
        "response_format",
    }
)
# Items whose id says nothing without the stored answer it came from.
_WITHOUT_ID: Final = frozenset(
    {
        None,
        "message",
        "reasoning",
        "function_call",
        "function_call_output",
        "custom_tool_call",
        "custom_tool_call_output",
        "compaction",
        "compaction_summary",
        "context_compaction",
    }
)
_ENCRYPTED: Final = frozenset({"reasoning", "compaction", "compaction_summary", "context_compaction"})


def needs_translation(quirks: Quirks) -> bool:
    """Whether a body can't be relayed: the server knows a part of the format only."""
    return quirks.only_functions


def rewrite(request: ChatRequest, target: Target, quirks: Quirks) -> bytes:
    """The client's own body for an attempt at ``target``.

    Raises:
        ApiError: as ``build``.
    """
    if needs_translation(quirks):
        return build(request, target, quirks)
    refuse_unsupported(request, target)
    source = request.body
    body = {key: value for key, value in source.items() if value is not None and key not in _DROPPED}
    body |= {"model": target.model, "store": False}
    if not is_paired(request.turns):
        body["input"] = write_input(request, target, quirks)
        body.pop("instructions", None)
        if instructions := "\n\n".join(part.text for part in request.system if part.text):
            body["instructions"] = instructions
    elif isinstance(source["input"], list):
        items = (_item(item, target, quirks) for item in source["input"])
        body["input"] = [item for item in items if item is not None]
    if source.get("response_format"):
        body |= text_fields(request)
    _set_tools(body, request, quirks)
    _set_reasoning(body, request, target, quirks)
    if request.stream:
        body["stream"] = True
    if (cap := output_cap(request.max_tokens, target)) is not None:
        body["max_output_tokens"] = cap
    return body_bytes(body, quirks)


def _item(item: Json, target: Target, quirks: Quirks) -> Json | None:
    """An input item as it may go out; None for reasoning that is not this provider's."""
    kind = item.get("type")
    mended = {key: value for key, value in item.items() if value is not None}
    if kind in _WITHOUT_ID:
        mended.pop("id", None)
    if kind in _ENCRYPTED:
        encrypted = mended.pop("encrypted_content", "")
        if opaque := untag(target.origin, encrypted if isinstance(encrypted, str) else ""):
            return {**mended, "encrypted_content": opaque}
        if kind != "reasoning" or quirks.replay_reasoning == "never" or not mended.get("content"):
            return None
        return {"summary": [], **mended}
    if kind in ("function_call", "function_call_output", "custom_tool_call", "custom_tool_call_output"):
        # Without a call id the item's own was the link.
        call_id = mended.get("call_id") or item.get("id")
        mended["call_id"] = sent_call_id(call_id if isinstance(call_id, str) else "")
        if kind == "function_call" and not mended.get("arguments"):
            mended["arguments"] = "{}"
    return mended


def _set_tools(body: Json, request: ChatRequest, quirks: Quirks) -> None:
    if not body.get("tools"):
        for name in ("tools", "tool_choice", "parallel_tool_calls"):
            body.pop(name, None)
        return
    if not request.hosted_tools:
        offered_tools(request)
    if not quirks.parallel_tool_calls:
        body.pop("parallel_tool_calls", None)


def _set_reasoning(body: Json, request: ChatRequest, target: Target, quirks: Quirks) -> None:
    """What the client says of thinking, where the model thinks; untouched if the provider reads that."""
    if not target.supports_reasoning:
        body.pop("reasoning", None)
        include = body.get("include")
        if isinstance(include, list):
            body["include"] = [name for name in include if not str(name).startswith("reasoning.")]
        return
    if quirks.reasoning_style == "effort":
        return
    told = reasoning_fields(request, target, quirks)
    kept = body.pop("reasoning", None)
    body |= told
    if isinstance(kept, dict) and (takes_effort(quirks) or isinstance(told.get("reasoning"), dict)):
        level_aside = {key: value for key, value in kept.items() if key != "effort"}
        if reasoning := {**level_aside, **told.get("reasoning", {})}:
            body["reasoning"] = reasoning
