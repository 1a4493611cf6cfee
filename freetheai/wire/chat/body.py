"""Relay a plain Chat Completions answer: mended where it must be, else as the upstream wrote it.

Rules: as the relay of streams; total for what ``decode_body`` found good. An upstream that streamed although it was not
asked to is folded and written anew.
"""

from typing import Any

import orjson

from freetheai.wire import finish
from freetheai.wire.chat.calls import CallTracker
from freetheai.wire.chat.decode import decode_body
from freetheai.wire.chat.encode import encode_body
from freetheai.wire.chat.mend import HIDDEN_FIELDS, first_piece
from freetheai.wire.chat.parts import choice_index, finish_word, output_parts, usage_of, whole_calls
from freetheai.wire.chat.rewrite import needs_translation
from freetheai.wire.fold import fold
from freetheai.wire.formats import Quirks, Stamp
from freetheai.wire.jsontext import try_loads
from freetheai.wire.relay import without
from freetheai.wire.request import ChatRequest
from freetheai.wire.toolcalls import answer_seed
from freetheai.wire.translate import estimated_usage
from freetheai.wire.usage import to_chat


def relay_body(data: bytes, request: ChatRequest, stamp: Stamp, quirks: Quirks) -> bytes:
    """The client's answer from the upstream's."""
    body = try_loads(data.strip())
    choices = body.get("choices") if isinstance(body, dict) else None
    if needs_translation(request) or quirks.raw_think or not isinstance(choices, list) or not choices:
        return encode_body(fold(decode_body(data, request, quirks)), request, stamp)
    answer_id, created = body.get("id"), body.get("created")
    is_usual = isinstance(answer_id, str) and answer_id.startswith("chatcmpl")
    sent: dict[str, Any] = {
        **without(body, HIDDEN_FIELDS),
        "id": answer_id if is_usual else stamp.id,
        "object": "chat.completion",
        "created": created if type(created) is int and created > 0 else stamp.created_s,
        "model": stamp.model,
    }
    seed = answer_seed(request, sent["id"])
    sent["choices"] = [
        _choice(choice, position, seed) for position, choice in enumerate(choices) if isinstance(choice, dict)
    ]
    usage = usage_of(body, choices[0] if isinstance(choices[0], dict) else None)
    if usage is None:
        chars = sum(len(choice["message"].get("content") or "") for choice in sent["choices"])
        usage = estimated_usage(request, chars)
    sent["usage"] = to_chat(usage)
    return orjson.dumps(sent)


def _choice(choice: dict[str, Any], position: int, seed: str) -> dict[str, Any]:
    message = choice.get("message")
    message = _message(message if isinstance(message, dict) else {}, seed)
    reason = finish.FROM_CHAT.get(finish_word(choice), "stop")
    kept = without(choice, ("message", "usage", "error", "delta"))
    return {
        **kept,
        "index": choice_index(choice, position),
        "message": message,
        "logprobs": choice.get("logprobs"),
        "finish_reason": finish.TO_CHAT[finish.settled(reason, has_calls=bool(message.get("tool_calls")))],
    }


def _message(message: dict[str, Any], seed: str) -> dict[str, Any]:
    sent: dict[str, Any] = {"role": "assistant", "content": None, "refusal": None, **message}
    sent["role"] = "assistant"
    if not isinstance(sent["content"], str | None):
        sent |= _joined_parts(sent["content"])
    calls = sent.pop("tool_calls", None)
    legacy = sent.pop("function_call", None)
    if not calls and isinstance(legacy, dict):
        calls = [{"function": legacy}]
    listed = whole_calls(calls) if isinstance(calls, list) else []
    if listed:
        tracker = CallTracker(frozenset(), seed)
        for position, call in enumerate(listed):
            tracker.add(call, position)
        for known in tracker.calls:
            tracker.announce(known)
        sent["tool_calls"] = [without(first_piece(call, is_whole=True), ("index",)) for call in tracker.calls]
    elif sent["content"] is None and not sent["refusal"]:
        sent["content"] = ""
    return sent


def _joined_parts(content: Any) -> dict[str, Any]:
    parts = output_parts(content)
    thought = "".join(text for kind, text, _ in parts if kind == "thinking")
    text = "".join(text for kind, text, _ in parts if kind == "text")
    return {"content": text or None, **({"reasoning_content": thought} if thought else {})}
