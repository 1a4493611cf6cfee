"""Streams and plain answers in each upstream format, as providers write them, for ``codecs.py``.

A stream is its opening (bytes) and an endless run of pieces of about ``EVENT_BYTES`` bytes, each with a text of its own
(quotes, line ends, letters beyond ASCII). The kinds of stream:

- ``text``: what nearly all of an answer is;
- ``padded``: text as OpenAI itself sends it, every event with random padding, so that no two are alike around the text;
- ``reasoning`` and ``arguments``: thinking, and the JSON of a tool call.
"""

import random
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import orjson

EVENT_BYTES = 250
KINDS = ("text", "padded", "reasoning", "arguments")

# One word in twelve needs an escape, one in twelve is not ASCII: about what prose and code have.
_WORDS = [*["the", "of", "and", "to", "in", "that", "for", "it", "was", "on"] * 2, '"quoted"', "end.\n", "für", "naïve"]
_CHAT_HEAD = {"id": "chatcmpl-CkZ1uY0a8", "object": "chat.completion.chunk", "created": 1790000000, "model": "gpt-x-1"}
_ITEM = {"item_id": "msg_0a1b2c3d4e5f60718293a4b5c6d7e8f9", "output_index": 0}
_TOOL = ("call_0a1b2c3d4e5f", "write_file")

Opening = tuple[bytes, Callable[[str, str, int], bytes]]


def opening_and_pieces(upstream: str, kind: str) -> tuple[bytes, Iterator[bytes]]:
    """The bytes that open a stream, and its pieces, one SSE event each."""
    opening, piece = _WRITERS[upstream](kind)
    return opening, _run(piece, is_padded=kind == "padded", is_json=kind == "arguments")


def payload(event: bytes) -> bytes:
    """The JSON of one event."""
    return event.rpartition(b"data: ")[2].strip()


def plain_answer(upstream: str, body_bytes: int, calls: int) -> bytes:
    """A plain answer of about ``body_bytes``: one text, or so many tool calls."""
    chooser = random.Random(8)
    words = "".join(f"{chooser.choice(_WORDS)} " for _ in range(4000))
    text = words * (body_bytes // (len(orjson.dumps(words)) - 2))
    texts = [text] if not calls else [text[start::calls][: body_bytes // calls] for start in range(calls)]
    return orjson.dumps(_BODIES[upstream](texts, bool(calls)))


def _run(piece: Callable[[str, str, int], bytes], *, is_padded: bool, is_json: bool) -> Iterator[bytes]:
    chooser = random.Random(7)
    bare = len(piece("", "p" * 8 if is_padded else "", 1000))
    for number in count():
        text = ""
        while len(text) < max(EVENT_BYTES - bare - 8, 8):
            text += f"{chooser.choice(_WORDS)} "
        padding = "".join(chooser.choices("abcdefghijklmnopqrstuvwxyz", k=chooser.randint(1, 16))) if is_padded else ""
        yield piece(orjson.dumps(text)[1:-1].decode() if is_json else text, padding, number)


def _event(value: Any, name: str = "") -> bytes:
    head = b"event: " + name.encode() + b"\n" if name else b""
    return head + b"data: " + orjson.dumps(value) + b"\n\n"


def _chat(kind: str) -> Opening:
    def chunk(delta: dict[str, Any], padding: str) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": None}
        return _event({**_CHAT_HEAD, "choices": [choice], **({"obfuscation": padding} if padding else {})})

    def piece(text: str, padding: str, number: int) -> bytes:
        del number
        if kind == "arguments":
            return chunk({"tool_calls": [{"index": 0, "function": {"arguments": text}}]}, padding)
        return chunk({"reasoning_content" if kind == "reasoning" else "content": text}, padding)

    opening = chunk({"role": "assistant", "content": ""}, "")
    if kind == "arguments":
        function = {"name": _TOOL[1], "arguments": '{"a":"'}
        opening += chunk({"tool_calls": [{"index": 0, "id": _TOOL[0], "type": "function", "function": function}]}, "")
    return opening, piece


def _messages(kind: str) -> Opening:
    blocks = {
        "reasoning": {"type": "thinking", "thinking": "", "signature": ""},
        "arguments": {"type": "tool_use", "id": _TOOL[0], "name": _TOOL[1], "input": {}},
    }
    deltas = {"reasoning": ("thinking_delta", "thinking"), "arguments": ("input_json_delta", "partial_json")}
    block = blocks.get(kind, {"type": "text", "text": ""})
    delta_type, member = deltas.get(kind, ("text_delta", "text"))

    def typed(name: str, **fields: Any) -> bytes:
        return _event({"type": name, **fields}, name)

    def piece(text: str, padding: str, number: int) -> bytes:
        del padding, number
        return typed("content_block_delta", index=0, delta={"type": delta_type, member: text})

    usage = {"input_tokens": 12, "output_tokens": 1}
    message = {"id": "msg_01AbC", "type": "message", "role": "assistant", "model": "claude-x", "content": []}
    opening = typed("message_start", message={**message, "stop_reason": None, "stop_sequence": None, "usage": usage})
    opening += typed("content_block_start", index=0, content_block=block)
    return opening + (piece('{"a":"', "", 0) if kind == "arguments" else b""), piece


def _responses(kind: str) -> Opening:
    names = {
        "reasoning": "response.reasoning_text.delta",
        "arguments": "response.function_call_arguments.delta",
    }
    name = names.get(kind, "response.output_text.delta")
    items = {
        "reasoning": {"type": "reasoning", "summary": [], "content": []},
        "arguments": {"type": "function_call", "call_id": _TOOL[0], "name": _TOOL[1], "arguments": ""},
    }
    item = items.get(kind, {"type": "message", "role": "assistant", "content": []})
    part_type = "reasoning_text" if kind == "reasoning" else "output_text"

    def typed(name: str, number: int, **fields: Any) -> bytes:
        return _event({"type": name, "sequence_number": number, **fields}, name)

    def piece(text: str, padding: str, number: int) -> bytes:
        place = _ITEM if kind == "arguments" else {**_ITEM, "content_index": 0}
        logprobs = {} if kind in names else {"logprobs": []}
        pad = {"obfuscation": padding} if padding else {}
        return typed(name, number + shift, **place, delta=text, **logprobs, **pad)

    response = {"id": "resp_0a1b", "object": "response", "created_at": 1790000000, "model": "gpt-x", "output": []}
    response |= {"status": "in_progress"}
    opening = typed("response.created", 0, response=response) + typed("response.in_progress", 1, response=response)
    added = {"id": _ITEM["item_id"], "status": "in_progress", **item}
    opening += typed("response.output_item.added", 2, output_index=0, item=added)
    if kind == "arguments":
        shift = 3
        opening += piece('{"a":"', "", 0)
        shift = 4
        return opening, piece
    part = {"type": part_type, "text": ""}
    part |= {} if kind == "reasoning" else {"annotations": [], "logprobs": []}
    opening += typed("response.content_part.added", 3, **_ITEM, content_index=0, part=part)
    shift = 4
    return opening, piece


def _gemini(kind: str) -> Opening:
    def piece(text: str, padding: str, number: int) -> bytes:
        del padding
        part: dict[str, Any] = {"text": text}
        if kind == "reasoning":
            part["thought"] = True
        if kind == "arguments":
            part = {"functionCall": {"name": _TOOL[1], "args": {"a": text}}}
        counts = {"promptTokenCount": 12, "candidatesTokenCount": number, "totalTokenCount": 12 + number}
        candidate = {"content": {"parts": [part], "role": "model"}, "index": 0}
        return _event({"candidates": [candidate], "usageMetadata": counts, "modelVersion": "gemini-x"})

    return b"", piece


_WRITERS = {"chat": _chat, "messages": _messages, "responses": _responses, "gemini": _gemini}


def _chat_body(texts: list[str], is_calls: bool) -> Any:
    calls = [
        {"id": f"call_{n}", "type": "function", "function": {"name": "f", "arguments": _arguments(text)}}
        for n, text in enumerate(texts)
    ]
    message = {"role": "assistant", **({"content": None, "tool_calls": calls} if is_calls else {"content": texts[0]})}
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if is_calls else "stop"}
    usage = {"prompt_tokens": 12, "completion_tokens": 1, "total_tokens": 13}
    return {**_CHAT_HEAD, "object": "chat.completion", "choices": [choice], "usage": usage}


def _messages_body(texts: list[str], is_calls: bool) -> Any:
    calls = [
        {"type": "tool_use", "id": f"toolu_{n}", "name": "f", "input": {"a": text}} for n, text in enumerate(texts)
    ]
    return {
        "id": "msg_01AbC",
        "type": "message",
        "role": "assistant",
        "model": "claude-x",
        "content": calls if is_calls else [{"type": "text", "text": texts[0]}],
        "stop_reason": "tool_use" if is_calls else "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 12, "output_tokens": 1},
    }


def _responses_body(texts: list[str], is_calls: bool) -> Any:
    done = {"status": "completed"}
    calls = [
        {"id": f"fc_{n}", "type": "function_call", "call_id": f"c{n}", "name": "f", "arguments": _arguments(t), **done}
        for n, t in enumerate(texts)
    ]
    part = {"type": "output_text", "text": texts[0], "annotations": [], "logprobs": []}
    message = {"id": "msg_1", "type": "message", "role": "assistant", "content": [part], **done}
    usage = {"input_tokens": 12, "output_tokens": 1, "total_tokens": 13}
    head = {"id": "resp_0a1b", "object": "response", "created_at": 1790000000, "model": "gpt-x", **done}
    return {**head, "output": calls if is_calls else [message], "usage": usage}


def _gemini_body(texts: list[str], is_calls: bool) -> Any:
    calls = [{"functionCall": {"name": "f", "args": {"a": text}}} for text in texts]
    content = {"parts": calls if is_calls else [{"text": texts[0]}], "role": "model"}
    counts = {"promptTokenCount": 12, "candidatesTokenCount": 1, "totalTokenCount": 13}
    return {"candidates": [{"content": content, "finishReason": "STOP", "index": 0}], "usageMetadata": counts}


def _arguments(text: str) -> str:
    return orjson.dumps({"a": text}).decode()


_BODIES = {"chat": _chat_body, "messages": _messages_body, "responses": _responses_body, "gemini": _gemini_body}
