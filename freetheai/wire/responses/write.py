"""Write turns as input items for a Responses upstream.

Rules:
- items carry no ids of their own: nothing is stored, and an id would be looked up;
- every call has its output right behind its turn; call ids are at most 64 characters;
- reasoning goes back as an item only to its maker (``encrypted_content``), or, to servers that take unsigned reasoning
  (``Quirks.replay_reasoning``), as its text; else it is left out;
- a tool of free text is one here too, unless the server knows only functions;
- a later system turn stays in place, or becomes user text where the template takes only a first one.
"""

from typing import Any, Final

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
from freetheai.wire.signature import untag
from freetheai.wire.toolcalls import arguments_text, custom_arguments, flat_name, made_call_id, sent_name
from freetheai.wire.turns import marker, paired, result_text

Json = dict[str, Any]

# Longest call id the API takes (characters).
MAX_CALL_ID_CHARS: Final = 64


def write_input(request: ChatRequest, target: Target, quirks: Quirks) -> list[Json]:
    """All items of a request but the leading system text, which is ``instructions``."""
    writer = _Writer(target, quirks)
    return [item for turn in paired(request.turns) for item in writer.turn(turn)]


class _Writer:
    def __init__(self, target: Target, quirks: Quirks) -> None:
        self._target = target
        self._quirks = quirks
        # Calls of tools of free text: their outputs are items of another type.
        self._custom_ids: set[str] = set()

    def turn(self, turn: Turn) -> list[Json]:
        if turn.role == "assistant":
            return self._assistant(turn)
        if turn.role == "system" and not self._quirks.system_first_only:
            return self._message(self._quirks.developer_role, turn.parts)
        if turn.role == "system":
            text = "".join(part.text for part in turn.parts if isinstance(part, TextPart))
            return self._message("user", [TextPart(f"<system>\n{text}\n</system>")])
        results = [part for part in turn.parts if isinstance(part, ToolResultPart)]
        rest: list[Part] = [part for part in turn.parts if not isinstance(part, ToolResultPart)]
        return [*(self._output(result) for result in results), *self._message("user", rest)]

    def _assistant(self, turn: Turn) -> list[Json]:
        items: list[Json] = []
        content: list[Json] = []
        for part in turn.parts:
            if isinstance(part, TextPart) and part.text:
                content.append({"type": "output_text", "text": part.text, "annotations": []})
            elif isinstance(part, RefusalPart) and part.text:
                content.append({"type": "refusal", "refusal": part.text})
            elif isinstance(part, ImagePart | AudioPart | FilePart | OpaquePart):
                content.append({"type": "output_text", "text": marker(part), "annotations": []})
            elif isinstance(part, ToolCallPart | ThinkingPart | RedactedPart):
                item = self._call(part) if isinstance(part, ToolCallPart) else self._reasoning(part)
                if item is not None:
                    items += [*_assistant_message(content), item]
                    content = []
        return items + _assistant_message(content)

    def _reasoning(self, part: ThinkingPart | RedactedPart) -> Json | None:
        text = part.text if isinstance(part, ThinkingPart) else ""
        signature = part.signature if isinstance(part, ThinkingPart) else part.data
        if opaque := untag(self._target.origin, signature):
            summary = [{"type": "summary_text", "text": text}] if text else []
            return {"type": "reasoning", "summary": summary, "encrypted_content": opaque}
        if text and self._quirks.replay_reasoning != "never":
            return {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": text}]}
        return None

    def _call(self, part: ToolCallPart) -> Json:
        name = sent_name(flat_name(part.name, part.namespace))
        call_id = sent_call_id(part.call_id)
        if part.custom and not self._quirks.only_functions:
            self._custom_ids.add(part.call_id)
            return {"type": "custom_tool_call", "call_id": call_id, "name": name, "input": part.arguments}
        arguments = custom_arguments(part.arguments) if part.custom else arguments_text(part.arguments)
        return {"type": "function_call", "call_id": call_id, "name": name, "arguments": arguments}

    def _output(self, result: ToolResultPart) -> Json:
        kind = "custom_tool_call_output" if result.call_id in self._custom_ids else "function_call_output"
        output: str | list[Json] = result_text(result)
        if result.is_error:
            output = f"Error: {output}"
        if self._shows_media(result):
            output = [{"type": "input_text", "text": "Error:"}] if result.is_error else []
            output += self._content([self._shown(part) for part in result.parts])
        return {"type": kind, "call_id": sent_call_id(result.call_id), "output": output}

    def _shows_media(self, result: ToolResultPart) -> bool:
        return not self._quirks.text_tool_results and any(map(self._reads, result.parts))

    def _reads(self, part: Part) -> bool:
        """Whether an output may hold this, which is no text: sound may never."""
        if isinstance(part, ImagePart):
            return self._target.supports_image_input
        return isinstance(part, FilePart) and not part.is_text and self._target.supports_files

    def _shown(self, part: Part) -> Part:
        is_text = isinstance(part, TextPart | RefusalPart)
        return part if is_text or self._reads(part) else TextPart(marker(part))

    def _message(self, role: str, parts: list[Part]) -> list[Json]:
        content = self._content(parts)
        if not content:
            return []
        return [{"type": "message", "role": role, "content": content}]

    def _content(self, parts: list[Part]) -> list[Json]:
        return [written for part in parts if (written := _part(part)) is not None]


def sent_call_id(call_id: str) -> str:
    """A call id as the API takes it: itself where it fits, else one made of it."""
    return call_id if 0 < len(call_id) <= MAX_CALL_ID_CHARS else made_call_id(call_id, 0)


def _assistant_message(content: list[Json]) -> list[Json]:
    return [{"type": "message", "role": "assistant", "content": content}] if content else []


def _part(part: Part) -> Json | None:
    match part:
        case TextPart() | RefusalPart():
            return {"type": "input_text", "text": part.text} if part.text else None
        case ImagePart():
            url = part.url or f"data:{part.media_type or 'image/png'};base64,{part.data}"
            return {"type": "input_image", "image_url": url, "detail": part.detail or "auto"}
        case AudioPart():
            return {"type": "input_audio", "input_audio": {"data": part.data, "format": part.format}}
        case FilePart():
            return _file(part)
        case OpaquePart():
            return {"type": "input_text", "text": f"[{part.kind}]"}
    return None


def _file(part: FilePart) -> Json:
    if part.is_text:
        heading = f"[{part.name}]\n" if part.name else ""
        return {"type": "input_text", "text": heading + part.data}
    if part.url:
        return {"type": "input_file", "file_url": part.url}
    data = f"data:{part.media_type or 'application/pdf'};base64,{part.data}"
    return {"type": "input_file", "filename": part.name or "file", "file_data": data}
