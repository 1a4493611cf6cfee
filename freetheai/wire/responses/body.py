"""Relay a plain Responses answer: mended where it must be, else as the upstream wrote it.

Rules: as the relay of streams; total for what ``decode_body`` found good. An upstream that streamed although it was not
asked to is folded and written anew, and so is an answer that stop strings may cut.
"""

from typing import Any

import orjson

from freetheai.wire.fold import fold
from freetheai.wire.formats import Quirks, Stamp
from freetheai.wire.jsontext import try_loads
from freetheai.wire.request import ChatRequest
from freetheai.wire.responses.decode import decode_body
from freetheai.wire.responses.encode import encode_body
from freetheai.wire.responses.mend import CALL_KINDS, done_item, shown_response
from freetheai.wire.responses.objects import ItemIds, Json, response_object
from freetheai.wire.responses.rewrite import needs_translation
from freetheai.wire.stops import cut_answer
from freetheai.wire.toolcalls import answer_seed, made_call_id
from freetheai.wire.translate import estimated_usage
from freetheai.wire.usage import from_responses, to_responses


def relay_body(data: bytes, request: ChatRequest, stamp: Stamp, quirks: Quirks) -> bytes:
    """The client's answer from the upstream's."""
    body = try_loads(data.strip())
    output = body.get("output") if isinstance(body, dict) else None
    if needs_translation(quirks) or request.stop or not isinstance(output, list):
        events = decode_body(data, request, quirks)
        response = fold(cut_answer(events, request.stop) if request.stop else events)
        if response.usage is None:
            response.usage = estimated_usage(request, sum(len(block.text) for block in response.blocks))
        return encode_body(response, request, stamp)
    base = response_object(request, stamp)
    created = body.get("created_at")
    if isinstance(created, int | float) and 0 < created < 1e12:
        base["created_at"] = int(created)
    sent = shown_response(body, base, request)
    sent["output"] = _output(output, request, stamp)
    sent["status"] = "incomplete" if body.get("status") == "incomplete" else "completed"
    usage = from_responses(body.get("usage")) or estimated_usage(request, len(data) // 4)
    sent["usage"] = to_responses(usage)
    return orjson.dumps(sent)


def _output(output: list[Any], request: ChatRequest, stamp: Stamp) -> list[Json]:
    ids, seed = ItemIds(stamp), answer_seed(request, stamp.id)
    used: set[str] = set()
    shown: list[Json] = []
    for item in output:
        if not isinstance(item, dict):
            continue
        item_id, call_id = item.get("id"), item.get("call_id")
        index = len(shown)
        if not isinstance(item_id, str) or not item_id:
            item_id = ids.item_id("item_", index)
        if item.get("type") in CALL_KINDS:
            if not isinstance(call_id, str) or not call_id or call_id in used:
                call_id = made_call_id(f"{seed}{call_id or ''}", index)
            used.add(call_id)
        shown.append(done_item(item, item_id, call_id if isinstance(call_id, str) else "", stamp.origin))
    return shown
