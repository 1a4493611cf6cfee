"""Encode events as a Chat Completions stream, and a folded answer as a plain one.

Strategy: all chunks share their head, written once; a text piece, nearly all of them, is that head, one JSON string and
a constant tail. Blocks have no ends in this format, calls are numbered in order.

Rules:
- one id, ``created`` and model in all chunks; the role once, in the first;
- id, type and name of a call once, with its index; a call without arguments gets `{}` at its end;
- the finish chunk, then the usage chunk (``choices: []``) if the client asked, then ``[DONE]``, each once;
- a client of the old ``functions`` gets the first call in the old shape;
- links that were cited: `annotations` behind their text, numbered since SDKs join lists by `index`;
- signed and hidden thinking: one entry of ``reasoning_details`` each (``thoughts.py``);
- an error is one event, then ``[DONE]``; no finish reason is made up for it.

Format: https://platform.openai.com/docs/api-reference/chat/streaming
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from orjson import dumps

from freetheai.errors import ApiError
from freetheai.wire import finish
from freetheai.wire.chat.thoughts import ThoughtWriter
from freetheai.wire.citations import url_citation
from freetheai.wire.events import (
    BlockDelta,
    BlockEnd,
    BlockStart,
    Citation,
    Citations,
    Event,
    Finish,
    ResponseStart,
    Usage,
)
from freetheai.wire.formats import Block, Response, Stamp, ToolCall
from freetheai.wire.request import ChatRequest
from freetheai.wire.signature import tag
from freetheai.wire.usage import to_chat

DONE_EVENT: Final = b"data: [DONE]\n\n"
# The field of the delta that a block's text goes into.
_FIELDS: Final = {"text": "content", "thinking": "reasoning_content", "refusal": "refusal"}


class ChatEncoder:
    """One stream of chunks. See ``formats.StreamEncoder``."""

    def __init__(self, request: ChatRequest, stamp: Stamp) -> None:
        self._origin = stamp.origin
        self._include_usage = request.include_usage
        self._is_legacy = wants_legacy_calls(request)
        head = {"id": stamp.id, "object": "chat.completion.chunk", "created": stamp.created_s, "model": stamp.model}
        self._open = b"data: " + dumps(head)[:-1]
        self._delta = self._open + b',"choices":[{"index":0,"delta":'
        usage = b',"usage":null' if request.include_usage else b""
        self._tail = b',"logprobs":null,"finish_reason":null}]' + usage + b"}\n\n"
        self._usage = usage
        self._fields = {kind: self._delta + b'{"' + field.encode() + b'":' for kind, field in _FIELDS.items()}
        # Around each further piece of the open block; empty while a piece asks for more than that.
        self._text_head = self._thought_head = self._text_tail = b""
        self._block = BlockStart(-1, "text")
        self._calls = self._images = self._annotations = 0
        self._thoughts = ThoughtWriter(stamp.origin)
        self._note_thought = self._thoughts.add
        self._has_role = self._has_arguments = self._is_over = False
        self._media: list[str] = []
        self._usage_event: Usage | None = None

    def encode(self, event: Event) -> bytes:
        """The chunks for one event."""
        if type(event) is BlockDelta:
            if self._text_head and event.logprobs is None:
                return self._text_head + dumps(event.text) + self._text_tail
            if self._thought_head:
                self._note_thought(event.text)
                return self._thought_head + dumps(event.text) + self._text_tail
        return _WRITERS[type(event)](self, event)

    def error(self, error: ApiError) -> bytes:
        """The error event and the end; nothing if the stream has ended."""
        if self._is_over:
            return b""
        self._is_over = True
        return error_events(error)

    def _start(self, event: ResponseStart | None) -> bytes:
        del event
        if self._has_role:
            return b""
        self._has_role = True
        return self._chunk({"role": "assistant", "content": "", "refusal": None})

    def _block_start(self, event: BlockStart) -> bytes:
        role = b"" if self._has_role else self._start(None)
        self._block = event
        if event.kind in self._fields:
            # Thinking is measured piece by piece, since it may turn out to be signed.
            head, is_thought = self._fields[event.kind], event.kind == "thinking"
            self._text_head, self._thought_head = (b"", head) if is_thought else (head, b"")
            self._text_tail = b"}" + self._tail
            return role
        self._text_head = self._thought_head = b""
        self._media.clear()
        self._has_arguments = False
        if event.kind != "tool_call":
            return role
        self._calls += 1
        if self._is_legacy:
            if self._calls > 1:
                return role
            return role + self._chunk({"function_call": {"name": event.name, "arguments": ""}})
        piece = {"index": self._calls - 1, "id": event.call_id, **_call_body(event.name, "", custom=event.custom)}
        return role + self._chunk({"tool_calls": [piece]})

    def _block_delta(self, event: BlockDelta) -> bytes:
        kind = self._block.kind
        if kind in self._fields:
            logprobs = event.logprobs if kind == "text" else None
            return self._chunk({_FIELDS[kind]: event.text}, logprobs=logprobs)
        if kind == "tool_call":
            return self._arguments(event.text)
        self._media.append(event.text)
        return b""

    def _arguments(self, text: str) -> bytes:
        self._has_arguments = self._has_arguments or bool(text.strip())
        if self._is_legacy:
            return self._chunk({"function_call": {"arguments": text}}) if self._calls == 1 else b""
        member = b'"custom":{"input":' if self._block.custom else b'"function":{"arguments":'
        head = self._delta + b'{"tool_calls":[{"index":%d,' % (self._calls - 1) + member
        tail = b"}}]}" + self._tail
        if self._has_arguments:
            self._text_head, self._text_tail = head, tail
        return head + dumps(text) + tail

    def _block_end(self, event: BlockEnd) -> bytes:
        kind = self._block.kind
        if kind == "tool_call":
            out = b"" if self._has_arguments or self._block.custom else self._arguments("{}")
            if event.signature and not self._is_legacy:
                signed = _call_signature(tag(self._origin, event.signature))
                out += self._chunk({"tool_calls": [{"index": self._calls - 1, **signed}]})
            return out
        if kind == "redacted":
            return self._chunk({"reasoning_details": [self._thoughts.hidden("".join(self._media))]})
        if kind == "thinking":
            detail = self._thoughts.signed(event.signature, self._calls)
            return b"" if detail is None else self._chunk({"reasoning_details": [detail]})
        if kind == "media":
            image = _image(self._block.name, "".join(self._media))
            self._images += 1
            return self._chunk({"images": [{"index": self._images - 1, **image}]})
        return b""

    def _cite(self, event: Citations) -> bytes:
        first = self._annotations
        self._annotations += len(event.cited)
        notes = [{**_annotation(citation), "index": first + number} for number, citation in enumerate(event.cited)]
        return self._chunk({"annotations": notes})

    def _keep_usage(self, event: Usage) -> bytes:
        self._usage_event = event
        return b""

    def _finish(self, event: Finish) -> bytes:
        if self._is_over:
            return b""
        self._is_over = True
        out = b"" if self._has_role else self._start(None)
        word = finish.TO_CHAT[event.reason]
        if self._is_legacy and word == "tool_calls":
            word = "function_call"
        out += self._delta + b'{},"logprobs":null,"finish_reason":"' + word.encode() + b'"}]' + self._usage + b"}\n\n"
        if self._include_usage and self._usage_event is not None:
            out += self._open + b',"choices":[],"usage":' + dumps(to_chat(self._usage_event)) + b"}\n\n"
        return out + DONE_EVENT

    def _chunk(self, delta: dict[str, Any], logprobs: list[dict[str, Any]] | None = None) -> bytes:
        if logprobs is None:
            return self._delta + dumps(delta) + self._tail
        shown = {"content": logprobs, "refusal": None}
        tail = b',"logprobs":' + dumps(shown) + b',"finish_reason":null}]' + self._usage + b"}\n\n"
        return self._delta + dumps(delta) + tail


# Functions of the class, not of the instance: no cycle to be collected after each stream.
_WRITERS: Final[Mapping[type, Callable[[ChatEncoder, Any], bytes]]] = {
    ResponseStart: ChatEncoder._start,
    BlockStart: ChatEncoder._block_start,
    BlockDelta: ChatEncoder._block_delta,
    BlockEnd: ChatEncoder._block_end,
    Citations: ChatEncoder._cite,
    Usage: ChatEncoder._keep_usage,
    Finish: ChatEncoder._finish,
}


def wants_legacy_calls(request: ChatRequest) -> bool:
    """Whether the client speaks the old ``functions`` and so must be answered with ``function_call``."""
    body = request.body
    return request.format == "chat" and bool(body.get("functions")) and not body.get("tools")


def error_events(error: ApiError) -> bytes:
    """The events that end a stream with an error."""
    return b"data: " + dumps(error.envelope()) + b"\n\n" + DONE_EVENT


def encode_body(response: Response, request: ChatRequest, stamp: Stamp) -> bytes:
    """A plain answer of a folded one."""
    answers = (response, *response.others)
    body = {
        "id": stamp.id,
        "object": "chat.completion",
        "created": stamp.created_s,
        "model": stamp.model,
        "choices": [{"index": index, **_choice(answer, request, stamp)} for index, answer in enumerate(answers)],
    }
    if response.usage is not None:
        body["usage"] = to_chat(response.usage)
    return dumps(body)


def _choice(answer: Response, request: ChatRequest, stamp: Stamp) -> dict[str, Any]:
    calls = [block.call for block in answer.blocks if block.call is not None]
    reason = finish.TO_CHAT[answer.reason]
    message = _message(answer, stamp)
    if calls and wants_legacy_calls(request):
        message["function_call"] = {"name": calls[0].name, "arguments": calls[0].arguments or "{}"}
        reason = "function_call" if reason == "tool_calls" else reason
    elif calls:
        message["tool_calls"] = [_whole_call(call, stamp) for call in calls]
    if not calls and message["content"] is None and message["refusal"] is None:
        message["content"] = ""
    entries = [entry for block in answer.blocks for entry in block.logprobs or ()]
    logprobs = {"content": entries, "refusal": None} if entries else None
    return {"message": message, "logprobs": logprobs, "finish_reason": reason}


def _message(response: Response, stamp: Stamp) -> dict[str, Any]:
    blocks = response.blocks
    message: dict[str, Any] = {
        "role": "assistant",
        "content": response.text() or None,
        "refusal": _joined(blocks, "refusal") or None,
        "annotations": [_annotation(citation) for block in blocks for citation in block.cited],
    }
    if thought := _joined(blocks, "thinking"):
        message["reasoning_content"] = thought
    if details := _details(blocks, stamp):
        message["reasoning_details"] = details
    images = [_image(block.media_type, block.text) for block in blocks if block.kind == "media"]
    if images:
        message["images"] = images
    return message


def _details(blocks: list[Block], stamp: Stamp) -> list[dict[str, Any]]:
    """An entry for each block of signed or hidden thinking."""
    writer = ThoughtWriter(stamp.origin)
    details: list[dict[str, Any] | None] = []
    calls = 0
    for block in blocks:
        calls += block.call is not None
        if block.kind == "redacted":
            details.append(writer.hidden(block.text))
        elif block.kind == "thinking":
            writer.add(block.text)
            details.append(writer.signed(block.signature, calls))
    return [detail for detail in details if detail is not None]


def _joined(blocks: list[Block], kind: str) -> str:
    return "".join(block.text for block in blocks if block.kind == kind)


def _whole_call(call: ToolCall, stamp: Stamp) -> dict[str, Any]:
    arguments = call.arguments if call.custom else call.arguments or "{}"
    signed = _call_signature(tag(stamp.origin, call.signature)) if call.signature else {}
    return {"id": call.call_id, **_call_body(call.name, arguments, custom=call.custom), **signed}


def _call_body(name: str, arguments: str, *, custom: bool) -> dict[str, Any]:
    if custom:
        return {"type": "custom", "custom": {"name": name, "input": arguments}}
    return {"type": "function", "function": {"name": name, "arguments": arguments}}


def _call_signature(tagged: str) -> dict[str, Any]:
    return {"extra_content": {"google": {"thought_signature": tagged}}}


def _annotation(citation: Citation) -> dict[str, Any]:
    """A link; the source's own words stand in ``content``, as OpenRouter has it."""
    quote = {"content": citation.quote} if citation.quote else {}
    return {"type": "url_citation", "url_citation": {**url_citation(citation, citation.start, citation.end), **quote}}


def _image(media_type: str, data: str) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": f"data:{media_type or 'image/png'};base64,{data}"}}
