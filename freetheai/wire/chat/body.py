"""Relay a plain Chat Completions answer: mended where it must be, else as the upstream wrote it.

Rules: as the relay of streams; total for what ``decode_body`` found good. An upstream that streamed although it was not
asked to is folded and written anew.
"""

from typing import Any, Final

import orjson

from freetheai.wire import finish
from freetheai.wire.chat.calls import CallTracker
from freetheai.wire.chat.decode import decode_body
from freetheai.wire.chat.encode import encode_body
from freetheai.wire.chat.mend import HIDDEN_FIELDS, first_piece
from freetheai.wire.chat.parts import choice_index, finish_word, output_parts, usage_of, whole_calls
from freetheai.wire.chat.rewrite import needs_translation
from freetheai.wire.chat.thoughts import tagged_details
from freetheai.wire.events import Usage
from freetheai.wire.fold import fold
from freetheai.wire.formats import Block, Quirks, Response, Stamp
from freetheai.wire.jsontext import try_loads
from freetheai.wire.relay import without
from freetheai.wire.request import ChatRequest
from freetheai.wire.toolcalls import answer_seed
from freetheai.wire.translate import counted, estimated_usage
from freetheai.wire.usage import to_chat

_USUAL_CHOICE: Final = frozenset(("index", "message", "finish_reason", "native_finish_reason", "logprobs"))


def relay_body(data: bytes, request: ChatRequest, stamp: Stamp, quirks: Quirks) -> bytes:
    """The client's answer from the upstream's."""
    body = try_loads(data.strip())
    choices = body.get("choices") if isinstance(body, dict) else None
    if needs_translation(request) or quirks.raw_think or not isinstance(choices, list) or not choices:
        return encode_body(counted(fold(decode_body(data, request, quirks)), request), request, stamp)
    return _sent(body, choices, request, stamp, usage_of(body, choices[0] if isinstance(choices[0], dict) else None))


def relay_usual(data: bytes, request: ChatRequest, stamp: Stamp) -> tuple[bytes, Response] | None:
    """``relay_body`` and what the answer says, for one choice that is nothing but text; None for any other."""
    body = try_loads(data)
    choices = body.get("choices") if isinstance(body, dict) else None
    if not isinstance(choices, list) or len(choices) != 1 or needs_translation(request):
        return None
    choice = choices[0]
    if not _is_usual(body, choice):
        return None
    usage = usage_of(body, choice)
    block = Block(kind="text", text=choice["message"]["content"])
    response = Response(blocks=[block], reason=finish.FROM_CHAT[choice["finish_reason"]], usage=usage)
    return _sent(body, choices, request, stamp, usage), response


def _is_usual(body: dict[str, Any], choice: Any) -> bool:
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(message, dict) or not _USUAL_CHOICE.issuperset(choice) or choice.get("index") != 0:
        return False
    text = message.get("content")
    return (
        isinstance(text, str)
        and bool(text)
        and choice.get("finish_reason") in ("stop", "length")
        and choice.get("logprobs") is None
        and not body.get("error")
        and body.get("x_groq") is None
        # Whatever else stands there is empty.
        and not any(value for name, value in message.items() if name not in ("role", "content"))
    )


def _sent(body: dict[str, Any], choices: list[Any], request: ChatRequest, stamp: Stamp, usage: Usage | None) -> bytes:
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
        _choice(choice, position, seed, stamp.origin)
        for position, choice in enumerate(choices)
        if isinstance(choice, dict)
    ]
    if usage is None:
        chars = sum(len(choice["message"].get("content") or "") for choice in sent["choices"])
        usage = estimated_usage(request, chars)
    sent["usage"] = to_chat(usage)
    return orjson.dumps(sent)


def _choice(choice: dict[str, Any], position: int, seed: str, origin: str) -> dict[str, Any]:
    message = choice.get("message")
    message = _message(message if isinstance(message, dict) else {}, seed)
    if message.get("reasoning_details"):
        message["reasoning_details"] = tagged_details(message["reasoning_details"], origin)
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
