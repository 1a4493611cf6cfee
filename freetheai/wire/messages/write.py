"""Write turns as Messages messages, in the order and shape upstreams demand.

Rules:
- user first, roles in turn, neighbours of one role joined; results first in their message, one for each call;
- no text that is empty or white space; the last assistant text without white space at its end;
- a later system turn becomes user text in its place: it would change its meaning at the top;
- thinking goes back only to the model that signed it, byte for byte, and stands before everything else of its turn;
  where signatures aren't checked, text that nobody signed goes back too;
- a last assistant turn is carried on by models that can, else the user asks for it;
- ids are made of the characters this format allows, the call's and its result's alike.
"""

import base64
import binascii
import re
from typing import Any, Final

from freetheai import errors
from freetheai.errors import ApiError
from freetheai.wire.formats import Quirks, Target
from freetheai.wire.messages.models import Traits
from freetheai.wire.messages.signed import is_unsigned, signature_back
from freetheai.wire.request import (
    AudioPart,
    ChatRequest,
    FilePart,
    ImagePart,
    OpaquePart,
    Part,
    RedactedPart,
    RefusalPart,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolResultPart,
    Turn,
)
from freetheai.wire.toolcalls import CUSTOM_INPUT, arguments_object, flat_name, sent_name
from freetheai.wire.turns import marker, paired, result_text

Block = dict[str, Any]
Message = dict[str, Any]

# What stands in where the format demands words and the client sent none.
_START: Final = "."
_CONTINUE: Final = "Continue."
_NOT_IN_ID: Final = re.compile(r"[^a-zA-Z0-9_-]")
# More caching marks in one request are refused.
MAX_CACHE_MARKS: Final = 4


class MessageWriter:
    """Writes the turns of one request for one target."""

    def __init__(self, request: ChatRequest, target: Target, quirks: Quirks, traits: Traits) -> None:
        self._request = request
        self._target = target
        self._quirks = quirks
        self._traits = traits
        self._is_own_format = request.format == "messages"
        self._cache_marks = 0

    def system(self) -> list[Block]:
        """The system text as blocks; empty if there is none."""
        parts = [part for part in self._request.system if part.text.strip()]
        return [{"type": "text", "text": part.text, **self._cache(part.cache)} for part in parts]

    def messages(self) -> list[Message]:
        """All messages."""
        messages: list[Message] = []
        for turn in paired(self._request.turns):
            role = "assistant" if turn.role == "assistant" else "user"
            blocks = self._assistant(turn) if role == "assistant" else self._user(turn)
            if not blocks:
                continue
            if messages and messages[-1]["role"] == role:
                messages[-1]["content"] += blocks
            else:
                messages.append({"role": role, "content": blocks})
        return with_ends(messages, self._traits)

    def name(self, name: str, namespace: str = "") -> str:
        """A tool's name as it is sent: a Messages client's own names fit already."""
        return name if self._is_own_format else sent_name(flat_name(name, namespace))

    def _assistant(self, turn: Turn) -> list[Block]:
        thoughts: list[Block] = []
        blocks: list[Block] = []
        for part in turn.parts:
            match part:
                case ThinkingPart():
                    thoughts.extend(self._thinking(part))
                case RedactedPart():
                    data = signature_back(self._target.origin, part.data, takes_untagged=self._is_own_format)
                    thoughts.extend([{"type": "redacted_thinking", "data": data}] if data else [])
                case ToolCallPart():
                    blocks.append(self._call(part))
                case TextPart() | RefusalPart() if part.text.strip():
                    blocks.append({"type": "text", "text": part.text})
                case ImagePart() | AudioPart() | FilePart() | OpaquePart():
                    blocks.append({"type": "text", "text": marker(part)})
        return [*thoughts, *blocks] if blocks else []

    def _thinking(self, part: ThinkingPart) -> list[Block]:
        quirks = self._quirks
        if is_unsigned(part.signature):
            may_replay = not quirks.messages_extras and quirks.replay_reasoning != "never"
            return [{"type": "thinking", "thinking": part.text, "signature": ""}] if may_replay and part.text else []
        if not part.text and not self._is_own_format:
            # Other formats carry redacted thinking as a signature alone: what it was can't be told.
            return []
        signature = signature_back(self._target.origin, part.signature, takes_untagged=self._is_own_format)
        return [{"type": "thinking", "thinking": part.text, "signature": signature}] if signature else []

    def _call(self, part: ToolCallPart) -> Block:
        given = {CUSTOM_INPUT: part.arguments} if part.custom else arguments_object(part.arguments)
        name = self.name(part.name, part.namespace)
        return {
            "type": "tool_use",
            "id": sent_id(part.call_id),
            "name": name,
            "input": given,
            **self._cache(part.cache),
        }

    def _user(self, turn: Turn) -> list[Block]:
        if turn.role == "system":
            text = "\n".join(part.text for part in turn.parts if isinstance(part, TextPart) and part.text.strip())
            return [{"type": "text", "text": f"<system>\n{text}\n</system>"}] if text else []
        results = [self._result(part) for part in turn.parts if isinstance(part, ToolResultPart)]
        rest = [part for part in turn.parts if not isinstance(part, ToolResultPart)]
        return [*results, *(block for part in rest for block in self._part(part))]

    def _result(self, part: ToolResultPart) -> Block:
        block: Block = {"type": "tool_result", "tool_use_id": sent_id(part.call_id)}
        if self._quirks.text_tool_results:
            block["content"] = result_text(part)
        elif content := [item for inner in part.parts for item in self._inner(inner)]:
            block["content"] = content
        if part.is_error:
            block["is_error"] = True
        return {**block, **self._cache(part.cache)}

    def _inner(self, part: Part) -> list[Block]:
        """A part of a tool's result: what can't be read there becomes a visible marker."""
        target = self._target
        readable = isinstance(part, TextPart | RefusalPart) or (isinstance(part, FilePart) and part.is_text)
        readable = readable or (isinstance(part, ImagePart) and target.supports_image_input)
        readable = readable or (isinstance(part, FilePart) and target.supports_files and _is_pdf(part))
        return self._part(part) if readable else [{"type": "text", "text": marker(part)}]

    def _part(self, part: Part) -> list[Block]:
        match part:
            case TextPart():
                return [{"type": "text", "text": part.text, **self._cache(part.cache)}] if part.text.strip() else []
            case RefusalPart():
                return [{"type": "text", "text": part.text}] if part.text.strip() else []
            case ImagePart():
                source = {"type": "url", "url": part.url}
                if not part.url:
                    source = {"type": "base64", "media_type": part.media_type, "data": part.data}
                return [{"type": "image", "source": source, **self._cache(part.cache)}]
            case FilePart():
                return [self._document(part)]
            case AudioPart():
                raise _unreadable("audio")
            case OpaquePart():
                raise _unreadable(part.kind)
        return []

    def _document(self, part: FilePart) -> Block:
        named = {"title": part.name} if part.name else {}
        text = _text_of(part)
        if text is not None and not self._quirks.messages_extras:
            return {"type": "text", "text": f"[{part.name}]\n{text}" if part.name else text, **self._cache(part.cache)}
        if text is not None:
            source = {"type": "text", "media_type": "text/plain", "data": text}
        elif part.url:
            source = {"type": "url", "url": part.url}
        elif _is_pdf(part):
            source = {"type": "base64", "media_type": "application/pdf", "data": part.data}
        else:
            raise _unreadable(f"a document of type {part.media_type or 'unknown'}")
        return {"type": "document", "source": source, **named, **self._cache(part.cache)}

    def _cache(self, cache: dict[str, Any] | None) -> dict[str, Any]:
        if cache is None or self._cache_marks >= MAX_CACHE_MARKS:
            return {}
        self._cache_marks += 1
        return {"cache_control": cache}


def with_ends(messages: list[Message], traits: Traits) -> list[Message]:
    """The messages with a user's first, and an end that this model can answer."""
    if not messages or messages[0]["role"] != "user":
        messages = [_user_text(_START), *messages]
    if messages[-1]["role"] != "assistant":
        return messages
    last = messages[-1]["content"]
    blocks = [{"type": "text", "text": last}] if isinstance(last, str) else last
    if not traits.continues or blocks[-1].get("type") != "text":
        return [*messages, _user_text(_CONTINUE)]
    trimmed = {**blocks[-1], "text": blocks[-1]["text"].rstrip()}
    return [*messages[:-1], {**messages[-1], "content": [*blocks[:-1], trimmed]}]


def sent_id(call_id: str) -> str:
    """A call's id in the characters this format allows."""
    return _NOT_IN_ID.sub("_", call_id)


def _user_text(text: str) -> Message:
    return {"role": "user", "content": [{"type": "text", "text": text}]}


def _is_pdf(part: FilePart) -> bool:
    return bool(part.data or part.url) and part.media_type in ("", "application/pdf")


def _text_of(part: FilePart) -> str | None:
    """The text of a text file, also where it came as base64; None for other files."""
    if part.is_text:
        return part.data
    is_text = part.media_type.startswith("text/") or part.media_type in ("application/json", "application/xml")
    if not is_text or not part.data:
        return None
    try:
        return base64.b64decode(part.data, validate=True).decode()
    except (binascii.Error, ValueError):
        return None


def _unreadable(what: str) -> ApiError:
    return ApiError(
        errors.INVALID_REQUEST, f"{what} input is not supported by this model: remove it or use another model"
    )
