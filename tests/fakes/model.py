"""A model behind a scripted provider that speaks all four upstream formats: for programs that run tools in a loop.

    model = ScriptedModel(lambda heard: Turn(text=["Done."]) if heard.results else Turn(calls=[("Read", {...})]))
    upstream.script = model.answer

``speak`` is asked once a request and says what the model does in that turn; the format is read from the path.
A turn may be cut off after some of its events, or be any other ``Reply`` (an error, silence).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import orjson

from fakes.replies import Cut, Delay, Part, Reply, json_reply, named_sse, sse, stream
from fakes.upstream import Request

Json = dict[str, Any]
_HEAD = {"id": "msg_1", "type": "message", "role": "assistant", "model": "model-1", "stop_sequence": None}
_CHUNK = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "model-1"}


@dataclass(frozen=True)
class Turn:
    """What the model says in one answer: reasoning, then text in pieces, then tool calls (name and arguments).

    ``cut_after``: close the connection after so many events of the stream.
    """

    text: Sequence[str] = ()
    thinking: str = ""
    calls: Sequence[tuple[str, Json]] = ()
    cut_after: int | None = None
    used: tuple[int, int] = (11, 7)
    delay_s: float = 0.0


@dataclass(frozen=True)
class Heard:
    """A request as the model hears it, whatever its format."""

    format: str
    body: Json
    tools: frozenset[str] = field(default_factory=frozenset)
    results: int = 0

    @property
    def is_stream(self) -> bool:
        return bool(self.body.get("stream"))

    @property
    def whole(self) -> str:
        """All of it, to look for a word in."""
        return orjson.dumps(self.body).decode()


class ScriptedModel:
    """See the head of this file. ``heard`` is every request, in order."""

    def __init__(self, speak: Callable[[Heard], Turn | Part]) -> None:
        self.speak = speak
        self.heard: list[Heard] = []

    def answer(self, request: Request) -> Part:
        """A script for ``ScriptedUpstream``."""
        name = format_of(request.path)
        body = request.json()
        heard = Heard(name, body, frozenset(_tools(name, body)), sum(1 for _ in _results(name, body)))
        self.heard.append(heard)
        turn = self.speak(heard)
        if not isinstance(turn, Turn):
            return turn
        is_stream = ":streamGenerateContent" in request.path if name == "gemini" else heard.is_stream
        if not is_stream:
            return json_reply(_PLAIN[name](turn))
        events = _STREAMED[name](turn)
        if turn.delay_s:
            return stream([step for event in events for step in (event, Delay(turn.delay_s))])
        if turn.cut_after is not None:
            return stream([*events[: turn.cut_after], Delay(0.05), Cut()])
        return stream(events)


def format_of(path: str) -> str:
    """The upstream format that a path belongs to."""
    path = path.partition("?")[0]
    for name in ("messages", "responses"):
        if path.endswith(f"/{name}"):
            return name
    return "gemini" if ":" in path.rsplit("/", 1)[-1] else "chat"


def _tools(name: str, body: Json) -> Iterator[str]:
    for tool in body.get("tools") or ():
        if name == "gemini":
            yield from (declared["name"] for declared in tool.get("functionDeclarations") or ())
        elif name == "chat" and "function" in tool:
            yield tool["function"]["name"]
        else:
            yield str(tool.get("name", tool.get("type")))


def _results(name: str, body: Json) -> Iterator[Json]:
    """The tool results after the last words of the user."""
    found: list[Json] = []
    items = body.get({"responses": "input", "gemini": "contents"}.get(name, "messages"))
    for item in items if isinstance(items, list) else ():
        parts = cast("Any", item.get("parts") if name == "gemini" else item.get("content"))
        inner = [part for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []
        found += [part for part in inner if part.get("type") == "tool_result" or "functionResponse" in part]
        if item.get("role") == "tool" or str(item.get("type", "")).endswith("_call_output"):
            found.append(item)
    yield from found


def _numbered(turn: Turn) -> list[tuple[str, str, str]]:
    """Id, name and arguments of each call."""
    return [(f"call_{at}", name, orjson.dumps(given).decode()) for at, (name, given) in enumerate(turn.calls)]


def _chat_usage(turn: Turn) -> Json:
    asked, said = turn.used
    return {"prompt_tokens": asked, "completion_tokens": said, "total_tokens": asked + said}


def _chat_plain(turn: Turn) -> Json:
    message: Json = {"role": "assistant", "content": "".join(turn.text) or None}
    if turn.thinking:
        message["reasoning_content"] = turn.thinking
    if turn.calls:
        message["tool_calls"] = [
            {"id": call_id, "type": "function", "function": {"name": name, "arguments": given}}
            for call_id, name, given in _numbered(turn)
        ]
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if turn.calls else "stop"}
    return {**_CHUNK, "object": "chat.completion", "choices": [choice], "usage": _chat_usage(turn)}


def _chat_stream(turn: Turn) -> list[bytes]:
    deltas: list[Json] = [{"role": "assistant", "content": ""}]
    deltas += [{"reasoning_content": turn.thinking}] if turn.thinking else []
    deltas += [{"content": piece} for piece in turn.text]
    for at, (call_id, name, given) in enumerate(_numbered(turn)):
        head = {"index": at, "id": call_id, "type": "function", "function": {"name": name, "arguments": ""}}
        half = len(given) // 2
        deltas += [{"tool_calls": [head]}]
        deltas += [
            {"tool_calls": [{"index": at, "function": {"arguments": piece}}]} for piece in (given[:half], given[half:])
        ]
    chunks = [{**_CHUNK, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    reason = "tool_calls" if turn.calls else "stop"
    last = {**_CHUNK, "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]}
    return sse(*chunks, last, {**_CHUNK, "choices": [], "usage": _chat_usage(turn)})


def _messages_plain(turn: Turn) -> Json:
    blocks: list[Json] = []
    if turn.thinking:
        blocks.append({"type": "thinking", "thinking": turn.thinking, "signature": "c2ln"})
    if turn.text:
        blocks.append({"type": "text", "text": "".join(turn.text)})
    for call_id, name, given in _numbered(turn):
        blocks.append({"type": "tool_use", "id": f"toolu_{call_id}", "name": name, "input": orjson.loads(given)})
    usage = {"input_tokens": turn.used[0], "output_tokens": turn.used[1]}
    return {**_HEAD, "content": blocks, "stop_reason": "tool_use" if turn.calls else "end_turn", "usage": usage}


def _messages_stream(turn: Turn) -> list[bytes]:
    whole = _messages_plain(turn)
    events: list[Json] = [{"type": "message_start", "message": {**whole, "content": [], "stop_reason": None}}]
    for at, block in enumerate(whole["content"]):
        empty, deltas = _block_deltas(block, turn)
        events.append({"type": "content_block_start", "index": at, "content_block": empty})
        events += [{"type": "content_block_delta", "index": at, "delta": delta} for delta in deltas]
        events.append({"type": "content_block_stop", "index": at})
    end = {"stop_reason": whole["stop_reason"], "stop_sequence": None}
    events += [{"type": "message_delta", "delta": end, "usage": whole["usage"]}, {"type": "message_stop"}]
    return named_sse(*events)


def _block_deltas(block: Json, turn: Turn) -> tuple[Json, list[Json]]:
    if block["type"] == "text":
        return {**block, "text": ""}, [{"type": "text_delta", "text": piece} for piece in turn.text]
    if block["type"] == "thinking":
        return {"type": "thinking", "thinking": "", "signature": ""}, [
            {"type": "thinking_delta", "thinking": block["thinking"]},
            {"type": "signature_delta", "signature": block["signature"]},
        ]
    given = orjson.dumps(block["input"]).decode()
    half = len(given) // 2
    return {**block, "input": {}}, [
        {"type": "input_json_delta", "partial_json": piece} for piece in (given[:half], given[half:])
    ]


def _responses_items(turn: Turn) -> list[Json]:
    items: list[Json] = []
    if turn.thinking:
        summary = [{"type": "summary_text", "text": turn.thinking}]
        items.append({"id": "rs_1", "type": "reasoning", "summary": summary})
    if turn.text:
        part = {"type": "output_text", "text": "".join(turn.text), "annotations": []}
        items.append({"id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": [part]})
    for call_id, name, given in _numbered(turn):
        call = {"id": f"fc_{call_id}", "type": "function_call", "call_id": call_id, "name": name}
        items.append({**call, "arguments": given, "status": "completed"})
    return items


def _responses_plain(turn: Turn) -> Json:
    asked, said = turn.used
    return {
        "id": "resp_1", "object": "response", "created_at": 1, "model": "model-1", "status": "completed",
        "output": _responses_items(turn), "error": None, "tools": [], "tool_choice": "auto",
        "parallel_tool_calls": True,
        "usage": {"input_tokens": asked, "output_tokens": said, "total_tokens": asked + said},
    }  # fmt: skip


def _responses_stream(turn: Turn) -> list[bytes]:
    whole = _responses_plain(turn)
    begun = {**whole, "status": "in_progress", "output": [], "usage": None}
    events: list[Json] = [{"type": "response.created", "response": begun}]
    for at, item in enumerate(whole["output"]):
        events += _item_events(at, item, turn)
    events.append({"type": "response.completed", "response": whole})
    return named_sse(*({**event, "sequence_number": number} for number, event in enumerate(events)))


def _item_events(at: int, item: Json, turn: Turn) -> list[Json]:
    where = {"output_index": at, "item_id": item["id"]}
    if item["type"] == "function_call":
        empty = {**item, "arguments": "", "status": "in_progress"}
        inside: list[Json] = [
            {"type": "response.function_call_arguments.delta", **where, "delta": item["arguments"]},
            {"type": "response.function_call_arguments.done", **where, "arguments": item["arguments"]},
        ]
    elif item["type"] == "reasoning":
        empty = {**item, "summary": []}
        part, where = item["summary"][0], {**where, "summary_index": 0}
        inside = [
            {"type": "response.reasoning_summary_part.added", **where, "part": {**part, "text": ""}},
            {"type": "response.reasoning_summary_text.delta", **where, "delta": part["text"]},
            {"type": "response.reasoning_summary_text.done", **where, "text": part["text"]},
            {"type": "response.reasoning_summary_part.done", **where, "part": part},
        ]
    else:
        empty = {**item, "content": [], "status": "in_progress"}
        part, where = item["content"][0], {**where, "content_index": 0}
        inside = [
            {"type": "response.content_part.added", **where, "part": {**part, "text": ""}},
            *({"type": "response.output_text.delta", **where, "delta": piece} for piece in turn.text),
            {"type": "response.output_text.done", **where, "text": part["text"]},
            {"type": "response.content_part.done", **where, "part": part},
        ]
    added: Json = {"type": "response.output_item.added", "output_index": at, "item": empty}
    return [added, *inside, {"type": "response.output_item.done", "output_index": at, "item": item}]


def _gemini_chunks(turn: Turn) -> list[Json]:
    parts: list[Json] = [{"text": turn.thinking, "thought": True}] if turn.thinking else []
    parts += [{"text": piece} for piece in turn.text]
    parts += [{"functionCall": {"name": name, "args": given}} for name, given in turn.calls]
    asked, said = turn.used
    usage = {"promptTokenCount": asked, "candidatesTokenCount": said, "totalTokenCount": asked + said}
    chunks: list[Json] = [
        {"candidates": [{"index": 0, "content": {"role": "model", "parts": [part]}}], "usageMetadata": usage}
        for part in parts
    ]
    chunks[-1]["candidates"][0]["finishReason"] = "STOP"
    return chunks


def _gemini_plain(turn: Turn) -> Json:
    chunks = _gemini_chunks(turn)
    parts = [part for chunk in chunks for part in chunk["candidates"][0]["content"]["parts"]]
    whole = chunks[-1]
    whole["candidates"][0]["content"]["parts"] = parts
    return whole


_PLAIN: dict[str, Callable[[Turn], Json]] = {
    "chat": _chat_plain,
    "messages": _messages_plain,
    "responses": _responses_plain,
    "gemini": _gemini_plain,
}
_STREAMED: dict[str, Callable[[Turn], list[bytes]]] = {
    "chat": _chat_stream,
    "messages": _messages_stream,
    "responses": _responses_stream,
    "gemini": lambda turn: sse(*_gemini_chunks(turn), done=False),
}


def refusal(status: int, body: Json, retry_after_s: int | None = None) -> Reply:
    """An error answer of a provider."""
    headers = [] if retry_after_s is None else [("Retry-After", str(retry_after_s))]
    return json_reply(body, status, headers)
