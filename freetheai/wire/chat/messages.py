"""Write turns as Chat Completions messages, in the order and shape that a provider takes.

Rules:
- system text is one leading message; a later system turn stays in place, or becomes user text where the provider's
  template takes only a first one (``system_first_only``);
- results come right behind their calls, one ``tool`` message each; what they hold beside text follows in one user
  message;
- earlier reasoning goes back as ``reasoning_content`` as the quirk says, and opaque reasoning only to the provider that
  gave it out, as the entries of ``reasoning_details`` that it was;
- ``strict_alternation``: neighbours of one role are joined, and a missing turn is filled in.
"""

from typing import Any

from freetheai.wire.chat.thoughts import returned_details
from freetheai.wire.formats import Quirks, Target
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
from freetheai.wire.toolcalls import arguments_text, custom_arguments, flat_name, sent_name
from freetheai.wire.turns import marker, merged, paired, result_text

Message = dict[str, Any]


def write_messages(request: ChatRequest, target: Target, quirks: Quirks) -> list[Message]:
    """All messages of a request."""
    writer = _Writer(request, target, quirks)
    turns = paired(request.turns)
    if quirks.strict_alternation:
        turns = _alternating(turns)
    messages = [message for turn in turns for message in writer.turn(turn)]
    if system := writer.system(request.system):
        messages.insert(0, {"role": "system", "content": system})
    return messages


class _Writer:
    def __init__(self, request: ChatRequest, target: Target, quirks: Quirks) -> None:
        self._is_chat = request.format == "chat"
        self._keeps_cache = quirks.cache_control
        self._target = target
        self._quirks = quirks

    def system(self, parts: list[TextPart]) -> str | list[dict[str, Any]]:
        """The system text; in parts where one of them has a caching hint that goes along."""
        parts = [part for part in parts if part.text]
        if self._keeps_cache and any(part.cache for part in parts):
            return [self._text_part(part) for part in parts]
        return "\n\n".join(part.text for part in parts)

    def turn(self, turn: Turn) -> list[Message]:
        if turn.role == "assistant":
            return [self._assistant(turn)]
        if turn.role == "system" and not self._quirks.system_first_only:
            return [{"role": "system", "content": _text(turn.parts)}]
        if turn.role == "system":
            return [{"role": "user", "content": f"<system>\n{_text(turn.parts)}\n</system>"}]
        return self._user(turn)

    def _assistant(self, turn: Turn) -> Message:
        text = _said(turn.parts)
        message: Message = {"role": "assistant", "content": text or None}
        if turn.name:
            message["name"] = turn.name
        calls = [_call(part, keep_custom=self._is_chat) for part in turn.parts if isinstance(part, ToolCallPart)]
        if calls:
            message["tool_calls"] = calls
        if not text and not (calls and self._quirks.null_content):
            message["content"] = ""
        thought = "".join(part.text for part in turn.parts if isinstance(part, ThinkingPart))
        if self._quirks.replay_reasoning == "always" or (thought and self._quirks.replay_reasoning == "when_known"):
            message["reasoning_content"] = thought
        if details := returned_details(turn.parts, self._target.origin):
            message["reasoning_details"] = details
        return message

    def _user(self, turn: Turn) -> list[Message]:
        results = [part for part in turn.parts if isinstance(part, ToolResultPart)]
        rest = [part for part in turn.parts if not isinstance(part, ToolResultPart)]
        messages = [self._result(result) for result in results]
        media = [part for result in results for part in result.parts if self._follows(part)]
        if media:
            what = "Images returned" if all(isinstance(part, ImagePart) for part in media) else "Returned"
            media.insert(0, TextPart(f"{what} by the tools above:"))
        content = self._content([*media, *rest])
        if content or not results:
            message: Message = {"role": "user", "content": content}
            if turn.name:
                message["name"] = turn.name
            messages.append(message)
        return messages

    def _follows(self, part: Part) -> bool:
        """Whether this part of a result, which `tool` messages have no place for, is shown behind them."""
        match part:
            case ImagePart():
                return self._target.supports_image_input
            case AudioPart():
                return self._target.supports_audio
            case FilePart():
                return self._target.supports_files and not part.is_text
        return False

    def _result(self, result: ToolResultPart) -> Message:
        names: dict[type, str] = {ImagePart: "image", AudioPart: "audio", FilePart: "document"}
        parts: list[Part] = [
            TextPart(f"[{names[type(part)]} below]") if self._follows(part) else part for part in result.parts
        ]
        text = result_text(ToolResultPart(result.call_id, parts))
        content = f"Error: {text}" if result.is_error else text
        return {"role": "tool", "tool_call_id": result.call_id, "content": content}

    def _content(self, parts: list[Part]) -> str | list[dict[str, Any]]:
        written = [item for item in (self._part(part) for part in parts) if item is not None]
        if all(item.keys() == {"type", "text"} and item["type"] == "text" for item in written):
            return "\n".join(item["text"] for item in written)
        return written

    def _part(self, part: Part) -> dict[str, Any] | None:
        match part:
            case TextPart():
                return self._text_part(part)
            case ImagePart():
                image: dict[str, Any] = {"url": part.url or f"data:{part.media_type};base64,{part.data}"}
                if part.detail:
                    image["detail"] = part.detail
                return {"type": "image_url", "image_url": image}
            case AudioPart():
                return {"type": "input_audio", "input_audio": {"data": part.data, "format": part.format}}
            case FilePart():
                return _file(part)
            case OpaquePart() if self._is_chat:
                return part.value
            case OpaquePart():
                return {"type": "text", "text": f"[{part.kind}]"}
            case RefusalPart():
                return {"type": "text", "text": part.text}
        return None

    def _text_part(self, part: TextPart) -> dict[str, Any]:
        cache = {"cache_control": part.cache} if part.cache and (self._is_chat or self._keeps_cache) else {}
        return {"type": "text", "text": part.text, **cache}


def _file(part: FilePart) -> dict[str, Any]:
    if part.is_text:
        heading = f"[{part.name}]\n" if part.name else ""
        return {"type": "text", "text": heading + part.data}
    if part.url:
        return {"type": "file", "file": {"file_url": part.url, "filename": part.name or "file"}}
    data = f"data:{part.media_type or 'application/pdf'};base64,{part.data}"
    return {"type": "file", "file": {"file_data": data, "filename": part.name or "file"}}


def _call(part: ToolCallPart, *, keep_custom: bool) -> dict[str, Any]:
    if part.custom and keep_custom:
        return {"id": part.call_id, "type": "custom", "custom": {"name": part.name, "input": part.arguments}}
    arguments = custom_arguments(part.arguments) if part.custom else arguments_text(part.arguments)
    name = sent_name(flat_name(part.name, part.namespace))
    return {"id": part.call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def _text(parts: list[Part]) -> str:
    return "".join(part.text for part in parts if isinstance(part, TextPart | RefusalPart))


def _said(parts: list[Part]) -> str:
    """What the assistant said, with a marker for what can't stand in its message."""
    shown = (part for part in parts if not isinstance(part, ThinkingPart | RedactedPart | ToolCallPart))
    return "".join(part.text if isinstance(part, TextPart | RefusalPart) else marker(part) for part in shown)


def _alternating(turns: list[Turn]) -> list[Turn]:
    """User and assistant in turn, from the user on: for templates that take nothing else."""
    wrapped = [
        Turn("user", [TextPart(f"<system>\n{_text(turn.parts)}\n</system>")]) if turn.role == "system" else turn
        for turn in turns
    ]
    out: list[Turn] = []
    for turn in merged(wrapped):
        if turn.role == "assistant" and not out:
            out.append(Turn("user", [TextPart(".")]))
        results = [part for part in turn.parts if isinstance(part, ToolResultPart)]
        rest: list[Part] = [part for part in turn.parts if not isinstance(part, ToolResultPart)]
        if results and rest:
            # Between tool messages and the next user message such templates want the assistant to have spoken.
            out.extend((Turn("user", [*results]), Turn("assistant", [TextPart("Understood.")])))
            turn = Turn(turn.role, rest, turn.name)
        out.append(turn)
    return out
