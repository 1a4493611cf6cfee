"""Streams of the three formats that are relayed, written in any order of members and with any spelling of a text."""

import random
from typing import Any

import orjson

Json = dict[str, Any]

# Stands where a piece's text is to be written.
HOLE = "\x00"


def written(value: Any, order: random.Random, space: str) -> str:
    """JSON with the members of each object in an order of their own."""
    if not isinstance(value, dict):
        return orjson.dumps(value).decode()
    items = [*value.items()]
    order.shuffle(items)
    members = (f"{space}{orjson.dumps(key).decode()}:{space}{written(item, order, space)}" for key, item in items)
    return "{" + ",".join(members) + "}"


def event(value: Json, body: bytes = b"", *, seed: int = 0, space: str = "", named: bool = True) -> bytes:
    """An event whose text is written as ``body`` where ``value`` has a hole."""
    head = f"event: {value['type']}\n".encode() if named and "type" in value else b""
    text = written(value, random.Random(seed), space).encode()
    return head + b"data: " + text.replace(orjson.dumps(HOLE)[1:-1], body) + b"\n\n"


def opening(name: str, kind: str) -> list[Json]:
    if name == "chat":
        function = {"name": "get", "arguments": '{"a":"'}
        call = {"tool_calls": [{"index": 0, "id": "call_1", "type": "function", "function": function}]}
        begun = [chat_chunk({"role": "assistant", "content": ""}, "")]
        return [*begun, chat_chunk(call, "")] if kind == "arguments" else begun
    if name == "messages":
        blocks = {
            "reasoning": {"type": "thinking", "thinking": "", "signature": ""},
            "arguments": {"type": "tool_use", "id": "toolu_1", "name": "get", "input": {}},
        }
        message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [], "usage": {}}
        block = blocks.get(kind, {"type": "text", "text": ""})
        start = {"type": "content_block_start", "index": 0, "content_block": block}
        return [{"type": "message_start", "message": message}, start]
    item: Json = {"id": "item_1", "type": "message", "role": "assistant", "content": [], "status": "in_progress"}
    if kind == "arguments":
        item = {"id": "item_1", "type": "function_call", "call_id": "c1", "name": "get", "arguments": ""}
    if kind == "reasoning":
        item = {"id": "item_1", "type": "reasoning", "summary": []}
    response = {"id": "resp_1", "model": "m", "status": "in_progress", "output": []}
    added = {"type": "response.output_item.added", "output_index": 0, "item": item}
    part: Json = {"type": "reasoning_text", "text": ""}
    if kind == "text":
        part = {"type": "output_text", "text": "", "annotations": [], "logprobs": []}
    place = {"item_id": "item_1", "output_index": 0, "content_index": 0}
    begun = {"type": "response.content_part.added", "sequence_number": 3, **place, "part": part}
    return [
        {"type": "response.created", "sequence_number": 0, "response": response},
        {"type": "response.in_progress", "sequence_number": 1, "response": response},
        {**added, "sequence_number": 2},
        *([] if kind == "arguments" else [begun]),
    ]


def chat_chunk(delta: Json, padding: str) -> Json:
    chunk = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1790000000, "model": "m"}
    pad = {"obfuscation": padding} if padding else {}
    return {**chunk, "choices": [{"index": 0, "delta": delta, "finish_reason": None}], **pad}


def piece(name: str, kind: str, number: int, padding: str) -> Json:
    """The event of a piece of text, with a hole."""
    if name == "chat":
        deltas: dict[str, Json] = {
            "reasoning": {"reasoning_content": HOLE},
            "arguments": {"tool_calls": [{"index": 0, "function": {"arguments": HOLE}}]},
        }
        return chat_chunk(deltas.get(kind, {"content": HOLE}), padding)
    if name == "messages":
        types = {"reasoning": ("thinking_delta", "thinking"), "arguments": ("input_json_delta", "partial_json")}
        delta_type, member = types.get(kind, ("text_delta", "text"))
        return {"type": "content_block_delta", "index": 0, "delta": {"type": delta_type, member: HOLE}}
    stems = {"reasoning": "response.reasoning_text", "arguments": "response.function_call_arguments"}
    head = {"type": f"{stems.get(kind, 'response.output_text')}.delta", "sequence_number": number}
    logprobs: Json = {"logprobs": []} if kind == "text" else {}
    pad = {"obfuscation": padding} if padding else {}
    return {**head, "item_id": "item_1", "output_index": 0, "content_index": 0, "delta": HOLE, **logprobs, **pad}


def ending(name: str, number: int) -> list[Json]:
    if name == "chat":
        chunk = chat_chunk({}, "")
        return [{**chunk, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}]
    if name == "messages":
        last = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 3}}
        return [{"type": "content_block_stop", "index": 0}, last, {"type": "message_stop"}]
    response = {"id": "resp_1", "model": "m", "status": "completed", "output": []}
    return [{"type": "response.completed", "sequence_number": number, "response": response}]


def closings(name: str) -> list[bytes]:
    """Events after which a piece does not belong where it belonged before."""
    place = {"item_id": "item_1", "output_index": 0, "content_index": 0}
    item = {"id": "item_1", "type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "x"}]}
    values: dict[str, list[Json]] = {
        "chat": ending("chat", 0),
        "messages": [*ending("messages", 0)[:1], opening("messages", "text")[1]],
        "responses": [
            {"type": "response.output_text.done", "sequence_number": 9, **place, "text": "x"},
            {"type": "response.output_item.done", "sequence_number": 9, "output_index": 0, "item": item},
            {
                "type": "response.output_item.added",
                "sequence_number": 9,
                "output_index": 0,
                "item": {"type": "message"},
            },
        ],
    }
    return [event(value) for value in values[name]]


def streamed(name: str, kind: str, texts: list[bytes], spelling: Json, changes: dict[int, int]) -> list[bytes]:
    """A whole stream; ``changes``: which pieces are written in another order, or numbered otherwise from there on."""
    seed, space, is_padded, first = (spelling[key] for key in ("seed", "space", "is_padded", "first"))
    events = [event(value, seed=seed) for value in opening(name, kind)]
    number = len(events) + first
    for place, text in enumerate(texts):
        change = changes.get(place, 0)
        number += change > 1
        padding = "aZ9" * (1 + place % 5) if is_padded else ""
        own = seed if change != 1 else seed + 1
        events.append(event(piece(name, kind, number, padding), text, seed=own, space=space, named=change != 3))
        number += 1
    return [*events, *(event(value, seed=seed) for value in ending(name, number)), b"data: [DONE]\n\n"]


def in_order(value: Json, body: bytes) -> bytes:
    head = f"event: {value['type']}\n".encode() if "type" in value else b""
    return head + b"data: " + orjson.dumps(value).replace(orjson.dumps(HOLE)[1:-1], body) + b"\n\n"


def grouped(events: list[bytes], sizes: list[int]) -> list[bytes]:
    """Reads of whole events."""
    reads, place = [], 0
    for size in sizes:
        reads.append(b"".join(events[place : place + size]))
        place += size
    return [read for read in [*reads, *events[place:]] if read]
