"""Encode events as a Messages stream, and a folded answer as a plain one.

Strategy: blocks of events are blocks of this format; they get indexes of their own, because some are not shown. A
delta, nearly all events, is a constant head, one JSON string and a constant tail.

Rules:
- ``message_start`` first and once, then one ping; every block started and stopped once, indexes 0, 1, 2 …;
- a text block stays open until something else begins: what it cites may come behind it;
- a text block begins with its first text, so that an answer of only calls has none; an answer without any block has
  one of empty text: clients read ``content[0]``;
- thinking is shown only to clients that asked for it; where its text is omitted the signature still goes out;
- a call's signature, for which this format has no field, stands before it in thinking without words;
- a signature is never empty: unsigned thinking carries ``UNSIGNED``, by which we know it when it comes back;
- ``message_delta`` waits for the counts, which replace the zeros of ``message_start``; ``message_stop`` is last;
- an error stops the open block, then is one event, then ``[DONE]``; no stop reason is made up for it.

Format: https://platform.claude.com/docs/en/build-with-claude/streaming
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

from orjson import dumps

from freetheai.errors import ApiError
from freetheai.wire import finish
from freetheai.wire.events import (
    BlockDelta,
    BlockEnd,
    BlockStart,
    Citation,
    Citations,
    Event,
    Finish,
    FinishReason,
    ResponseStart,
    Usage,
)
from freetheai.wire.formats import Block, Response, Stamp, ToolCall
from freetheai.wire.messages.links import written_link
from freetheai.wire.messages.signed import signature_sent
from freetheai.wire.request import ChatRequest
from freetheai.wire.signature import tag, tag_call
from freetheai.wire.toolcalls import arguments_object, arguments_text, custom_arguments
from freetheai.wire.usage import to_messages

PING: Final = b'event: ping\ndata: {"type": "ping"}\n\n'
DONE: Final = b"data: [DONE]\n\n"
_DELTA_TYPES: Final = {
    "text": ("text_delta", "text"),
    "refusal": ("text_delta", "text"),
    "thinking": ("thinking_delta", "thinking"),
    "tool_call": ("input_json_delta", "partial_json"),
}
_HIDDEN: Final = frozenset({"thinking", "redacted"})


class MessagesEncoder:
    """One stream. See ``formats.StreamEncoder``."""

    def __init__(self, request: ChatRequest, stamp: Stamp) -> None:
        self._stamp = stamp
        self._shows_thinking = request.reasoning.show
        self._shows_signature = request.reasoning.show or request.reasoning.summary == "omitted"
        self._has_started = self._is_over = False
        self._count = 0
        self._is_open = False
        self._block = BlockStart(-1, "text")
        self._pieces: list[str] = []
        self._is_whole = False
        self._delta_head = b""
        # The same while each further piece of the open block is passed on as it comes; else empty.
        self._piece_head = b""
        self._usage: Usage | None = None
        self._by_type: dict[type, Callable[[Any], bytes]] = {
            ResponseStart: self._start,
            BlockStart: self._block_start,
            BlockDelta: self._block_delta,
            BlockEnd: self._block_end,
            Citations: self._cite,
            Usage: self._keep_usage,
            Finish: self._finish,
        }

    def encode(self, event: Event) -> bytes:
        """The bytes for one event."""
        if type(event) is BlockDelta and self._piece_head and event.text:
            return self._piece_head + dumps(event.text) + b"}}\n\n"
        return self._by_type[type(event)](event)

    def error(self, error: ApiError) -> bytes:
        """The open block's stop, the error event and the end; nothing if the stream has ended."""
        if self._is_over:
            return b""
        self._is_over = True
        return self._close() + error_events(error)

    def _start(self, event: ResponseStart | None) -> bytes:
        del event
        if self._has_started:
            return b""
        self._has_started = True
        return sse({"type": "message_start", "message": message_head(self._stamp)}) + PING

    def _block_start(self, event: BlockStart) -> bytes:
        out = self._close() if self._has_started else self._start(None)
        self._block = event
        self._piece_head = b""
        self._pieces.clear()
        self._is_whole = event.custom
        if event.kind == "tool_call":
            out += self._call_signature(event)
            out += self._open({"type": "tool_use", "id": event.call_id, "name": event.name, "input": {}})
        return out

    def _call_signature(self, event: BlockStart) -> bytes:
        if not (event.signature and self._shows_signature):
            return b""
        block = _empty_block("thinking")
        start = {"type": "content_block_start", "index": self._count, "content_block": block}
        signature = tag_call(self._stamp.origin, event.call_id, event.signature)
        self._is_open = True
        return sse(start) + self._signature(signature) + self._close()

    def _signature(self, signature: str) -> bytes:
        delta = {"type": "signature_delta", "signature": signature}
        return sse({"type": "content_block_delta", "index": self._count, "delta": delta})

    def _block_delta(self, event: BlockDelta) -> bytes:
        kind = self._block.kind
        if not event.text or (kind in _HIDDEN and not self._shows_thinking and kind != "redacted"):
            return b""
        if kind not in _DELTA_TYPES or self._is_whole:
            self._pieces.append(event.text)
            return b""
        out = b""
        if kind == "tool_call":
            if not self._begins_object(event.text):
                return b""
        elif not self._is_open:
            out = self._open(_empty_block(kind))
        self._piece_head = self._delta_head
        return out + self._delta_head + dumps(event.text) + b"}}\n\n"

    def _begins_object(self, text: str) -> bool:
        """Whether a call's arguments may be passed on piece by piece: SDKs want an object of them."""
        if self._pieces:
            return True
        start = text.lstrip()[:1]
        if start == "{":
            self._pieces.append("{")
            return True
        if start:
            self._is_whole = True
            self._pieces.append(text)
        return False

    def _block_end(self, event: BlockEnd) -> bytes:
        kind = self._block.kind
        if kind == "tool_call":
            return self._end_call()
        if kind == "thinking":
            return self._end_thinking(event.signature)
        if kind == "redacted":
            if not self._shows_signature or not self._pieces:
                return b""
            data = tag(self._stamp.origin, "".join(self._pieces))
            return self._open({"type": "redacted_thinking", "data": data}) + self._close()
        if kind == "media":
            out = self._open(_empty_block("text"))
            return out + self._delta_head + dumps(_media_marker(self._block.name)) + b"}}\n\n" + self._close()
        return b""

    def _end_call(self) -> bytes:
        out = b""
        if self._is_whole:
            text = "".join(self._pieces)
            whole = custom_arguments(text) if self._block.custom else _object_text(text)
            out = self._delta_head + dumps(whole) + b"}}\n\n"
        return out + self._close()

    def _end_thinking(self, signature: str) -> bytes:
        out = b""
        if not self._is_open:
            if not (signature and self._shows_signature):
                return b""
            out = self._open(_empty_block("thinking"))
        return out + self._signature(signature_sent(self._stamp.origin, signature)) + self._close()

    def _open(self, block: dict[str, Any]) -> bytes:
        self._is_open = True
        name, field = _DELTA_TYPES.get(self._block.kind, ("text_delta", "text"))
        self._delta_head = (
            b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,"delta":{"type":"%s","%s":'
            % (self._count, name.encode(), field.encode())
        )
        return sse({"type": "content_block_start", "index": self._count, "content_block": block})

    def _close(self) -> bytes:
        if not self._is_open:
            return b""
        self._is_open = False
        self._piece_head = b""
        self._count += 1
        return sse({"type": "content_block_stop", "index": self._count - 1})

    def _cite(self, event: Citations) -> bytes:
        if not self._is_open:
            return b""
        delta = {"type": "content_block_delta", "index": self._count}
        links = map(written_link, event.cited)
        return b"".join(sse({**delta, "delta": {"type": "citations_delta", "citation": link}}) for link in links)

    def _keep_usage(self, event: Usage) -> bytes:
        self._usage = event
        return b""

    def _finish(self, event: Finish) -> bytes:
        if self._is_over:
            return b""
        self._is_over = True
        out = self._close() if self._has_started else self._start(None)
        if not self._count:
            out += self._open(_empty_block("text")) + self._close()
        delta = {**stop_members(event.reason, event.stop_sequence), "container": None}
        usage = counts(self._usage) if self._usage is not None else {"output_tokens": 0}
        return out + sse({"type": "message_delta", "delta": delta, "usage": usage}) + sse({"type": "message_stop"})


def sse(value: dict[str, Any]) -> bytes:
    """An object as the event its ``type`` names."""
    name: str = value["type"]
    return b"event: " + name.encode() + b"\ndata: " + dumps(value) + b"\n\n"


def error_events(error: ApiError) -> bytes:
    """The events that end a stream with an error."""
    return sse(error.messages_envelope()) + DONE


def message_head(stamp: Stamp) -> dict[str, Any]:
    """The message of ``message_start``: empty, its counts still unknown."""
    return {
        "id": stamp.id,
        "type": "message",
        "role": "assistant",
        "model": stamp.model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "stop_details": None,
        "container": None,
        "usage": full_counts(Usage()),
    }


def stop_members(reason: FinishReason, stop_sequence: str) -> dict[str, Any]:
    """Why the answer ended, as a message and ``message_delta`` say it."""
    details = {"type": "refusal", "category": None, "explanation": None} if reason == "content_filter" else None
    return {
        "stop_reason": finish.TO_MESSAGES[reason],
        "stop_sequence": stop_sequence or None,
        "stop_details": details,
    }


def counts(usage: Usage) -> dict[str, Any]:
    """The counts of ``message_delta``."""
    return {
        **to_messages(usage),
        "output_tokens_details": {"thinking_tokens": usage.out_reasoning},
        "server_tool_use": None,
    }


def full_counts(usage: Usage) -> dict[str, Any]:
    """The ``usage`` of a message, with every member that strict clients look for."""
    return {
        **counts(usage),
        "cache_creation": {"ephemeral_5m_input_tokens": usage.in_written, "ephemeral_1h_input_tokens": 0},
        "service_tier": None,
        "inference_geo": None,
    }


def encode_body(response: Response, request: ChatRequest, stamp: Stamp) -> bytes:
    """A plain answer of a folded one."""
    content = [item for block in response.blocks for item in _whole_block(block, request, stamp)]
    message = {
        **message_head(stamp),
        "content": content or [text_block("")],
        **stop_members(response.reason, response.stop_sequence),
        "usage": full_counts(response.usage or Usage()),
    }
    return dumps(message)


def _whole_block(block: Block, request: ChatRequest, stamp: Stamp) -> list[dict[str, Any]]:
    reasoning = request.reasoning
    shows_signature = reasoning.show or reasoning.summary == "omitted"
    if (call := block.call) is not None:
        if not (call.signature and shows_signature):
            return [_whole_call(call)]
        signature = tag_call(stamp.origin, call.call_id, call.signature)
        return [{**_empty_block("thinking"), "signature": signature}, _whole_call(call)]
    if block.kind == "thinking":
        text = block.text if reasoning.show else ""
        if not text and not (block.signature and shows_signature):
            return []
        return [{"type": "thinking", "thinking": text, "signature": signature_sent(stamp.origin, block.signature)}]
    if block.kind == "redacted":
        data = tag(stamp.origin, block.text)
        return [{"type": "redacted_thinking", "data": data}] if data and shows_signature else []
    text = _media_marker(block.media_type) if block.kind == "media" else block.text
    return [text_block(text, block.cited)] if text else []


def text_block(text: str, cited: Sequence[Citation] = ()) -> dict[str, Any]:
    """A text block. Strict clients want ``citations``; the AI SDK takes a list or nothing at all, and no null."""
    return {"type": "text", "text": text, "citations": [written_link(citation) for citation in cited]}


def _whole_call(call: ToolCall) -> dict[str, Any]:
    given = {"input": call.arguments} if call.custom else arguments_object(call.arguments)
    return {"type": "tool_use", "id": call.call_id, "name": call.name, "input": given, "caller": {"type": "direct"}}


def _empty_block(kind: str) -> dict[str, Any]:
    if kind == "thinking":
        return {"type": "thinking", "thinking": "", "signature": ""}
    return {"type": "text", "text": ""}


def _object_text(text: str) -> str:
    return arguments_text(arguments_object(text))


def _media_marker(media_type: str) -> str:
    return f"[{media_type or 'media'}: it can't be shown in this format]"
