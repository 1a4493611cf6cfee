"""Relay a plain Messages answer: mended where it must be, else as the upstream wrote it.

Rules: as the relay of streams; total for what ``decode_body`` found good. An upstream that streamed although it was not
asked to is folded and written anew.
"""

from typing import Any

import orjson

from freetheai.wire.fold import fold
from freetheai.wire.formats import Quirks, Stamp
from freetheai.wire.jsontext import try_loads
from freetheai.wire.messages.decode import decode_body
from freetheai.wire.messages.encode import encode_body, full_counts, text_block
from freetheai.wire.messages.mend import HIDDEN_FIELDS, relayed_block, stop_word
from freetheai.wire.messages.rewrite import needs_translation
from freetheai.wire.relay import without
from freetheai.wire.request import ChatRequest
from freetheai.wire.toolcalls import answer_seed, arguments_object, made_call_id
from freetheai.wire.translate import counted, estimated_usage
from freetheai.wire.usage import from_messages


def relay_body(data: bytes, request: ChatRequest, stamp: Stamp, quirks: Quirks) -> bytes:
    """The client's answer from the upstream's."""
    body = try_loads(data.strip())
    content = body.get("content") if isinstance(body, dict) else None
    if needs_translation(request, quirks) or not isinstance(body, dict) or not isinstance(content, list):
        return encode_body(counted(fold(decode_body(data, request, quirks)), request), request, stamp)
    blocks = _blocks(content, request, stamp, quirks)
    answer_id, word = body.get("id"), body.get("stop_reason")
    has_calls = any(block.get("type") == "tool_use" for block in blocks)
    sent: dict[str, Any] = {
        "stop_sequence": None,
        **without(body, HIDDEN_FIELDS),
        "id": answer_id if isinstance(answer_id, str) and answer_id.startswith("msg_") else stamp.id,
        "type": "message",
        "role": "assistant",
        "model": stamp.model,
        "content": blocks or [text_block("")],
        "stop_reason": stop_word(word if isinstance(word, str) else "", has_calls=has_calls),
    }
    if from_messages(body.get("usage")) is None:
        chars = sum(len(block.get("text") or "") for block in blocks)
        sent["usage"] = full_counts(estimated_usage(request, chars))
    return orjson.dumps(sent)


def _blocks(content: list[Any], request: ChatRequest, stamp: Stamp, quirks: Quirks) -> list[dict[str, Any]]:
    hides_thinking = not quirks.messages_extras and not request.reasoning.show
    blocks: list[dict[str, Any]] = []
    ids: set[str] = set()
    for block in content:
        if not isinstance(block, dict) or (hides_thinking and block.get("type") in ("thinking", "redacted_thinking")):
            continue
        if block.get("type") == "tool_use":
            block = _call(block, ids, answer_seed(request, stamp.id))
        elif block.get("type") == "text" and block.get("citations", ()) is None:
            block = {**block, "citations": []}
        blocks.append(relayed_block(block, stamp.origin))
    return blocks


def _call(block: dict[str, Any], ids: set[str], seed: str) -> dict[str, Any]:
    """A call with an id of its own and an object for its input."""
    call_id, given = block.get("id"), block.get("input")
    if not isinstance(call_id, str) or not call_id or call_id in ids:
        call_id = made_call_id(seed, len(ids))
    ids.add(call_id)
    given = arguments_object(given) if isinstance(given, str) else given
    return {**block, "id": call_id, "input": given if isinstance(given, dict) else {}}
