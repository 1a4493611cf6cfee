"""Read the messages of a Chat Completions request into turns.

Rules:
- the leading system and developer messages are ``system``; later ones are ``system`` turns in place;
- an assistant's message is one turn: thinking, refusal, text, then calls; the tool messages after it are one user turn,
  which a user message right behind joins;
- ``function_call`` and ``function`` messages are calls and results with made ids;
- content may be null, a string, a part, or an array of parts; an unknown part is kept as it is (``OpaquePart``).
"""

from typing import Any, Final

from freetheai import errors
from freetheai.errors import ApiError
from freetheai.wire.chat.calls import call_signature
from freetheai.wire.chat.parts import REASONING_KEYS, reasoning_of, split_data_url
from freetheai.wire.chat.thoughts import Thought, read_thoughts
from freetheai.wire.fields import complaint
from freetheai.wire.request import (
    AudioPart,
    FilePart,
    ImagePart,
    OpaquePart,
    Part,
    RefusalPart,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolResultPart,
    Turn,
)
from freetheai.wire.toolcalls import arguments_text
from freetheai.wire.turns import split_system

# What clients call the two sides; the last three are seen in the wild.
ROLES: Final = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
    "function": "function",
    "model": "assistant",
    "bot": "assistant",
    "ai": "assistant",
}


def read_messages(messages: list[Any]) -> tuple[list[TextPart], list[Turn]]:
    """System text and turns.

    Raises:
        ApiError: INVALID_REQUEST naming the message and what is wrong with it.
    """
    return _Reader().read(messages)


class _Reader:
    """Reads messages one by one; knows the turn that is being added to."""

    def __init__(self) -> None:
        self.system: list[TextPart] = []
        self.turns: list[Turn] = []
        self._functions = 0
        self._takes_user = False

    def read(self, messages: list[Any]) -> tuple[list[TextPart], list[Turn]]:
        for number, message in enumerate(messages):
            where = f"messages[{number}]"
            if not isinstance(message, dict):
                raise complaint(where, "an object with role and content")
            role = read_role(message, where)
            parts = read_content(message.get("content"), f"{where}.content")
            getattr(self, f"_{role}")(message, parts, where)
        return self.system, self.turns

    def _system(self, message: dict[str, Any], parts: list[Part], where: str) -> None:
        del message, where
        if not self.turns:
            self.system.extend(part for part in parts if isinstance(part, TextPart))
            parts = [part for part in parts if not isinstance(part, TextPart)]
        if parts:
            self._takes_user = False
            self.turns.extend(split_system(parts))

    def _user(self, message: dict[str, Any], parts: list[Part], where: str) -> None:
        del where
        if self._takes_user:
            self.turns[-1].parts.extend(parts)
        else:
            self.turns.append(Turn("user", parts, _word(message.get("name"))))
        self._takes_user = False

    def _assistant(self, message: dict[str, Any], parts: list[Part], where: str) -> None:
        self._takes_user = False
        turn = Turn("assistant", [], _word(message.get("name")))
        thoughts: list[Thought] = []
        if any(message.get(key) for key in (*REASONING_KEYS, "reasoning_details")):
            thoughts = read_thoughts(reasoning_of(message), message.get("reasoning_details"))
        turn.parts.extend(thought.part for thought in thoughts if not thought.calls)
        if refusal := _word(message.get("refusal")):
            turn.parts.append(RefusalPart(refusal))
        turn.parts.extend(parts)
        turn.parts.extend(_images(message.get("images")))
        calls = message.get("tool_calls")
        if calls is not None and not isinstance(calls, list):
            raise complaint(f"{where}.tool_calls", "an array")
        read = [_read_call(call, f"{where}.tool_calls[{number}]") for number, call in enumerate(calls or ())]
        turn.parts.extend(_interleaved(read, [thought for thought in thoughts if thought.calls]))
        legacy = message.get("function_call")
        if isinstance(legacy, dict):
            self._functions += 1
            name, arguments = _word(legacy.get("name")), arguments_text(legacy.get("arguments"))
            turn.parts.append(ToolCallPart(f"call_fn_{self._functions}", name, arguments))
        self.turns.append(turn)

    def _tool(self, message: dict[str, Any], parts: list[Part], where: str) -> None:
        del where
        self._result(ToolResultPart(_word(message.get("tool_call_id")), parts, name=_word(message.get("name"))))

    def _function(self, message: dict[str, Any], parts: list[Part], where: str) -> None:
        del where
        self._result(ToolResultPart(f"call_fn_{self._functions}", parts, name=_word(message.get("name"))))

    def _result(self, result: ToolResultPart) -> None:
        if self._takes_user:
            self.turns[-1].parts.append(result)
            return
        self.turns.append(Turn("user", [result]))
        self._takes_user = True


def read_role(message: dict[str, Any], where: str) -> str:
    """The role in our words: system, user, assistant, tool or function."""
    role = message.get("role")
    if isinstance(role, str) and (known := ROLES.get(role.strip().lower())) is not None:
        return known
    raise complaint(f"{where}.role", "one of system, developer, user, assistant, tool")


def read_content(content: Any, where: str) -> list[Part]:
    """The parts of a message's content; texts without characters are left out."""
    if content is None or content == "":
        return []
    if isinstance(content, str):
        return [TextPart(content)]
    if isinstance(content, dict):
        content = [content]
    if not isinstance(content, list):
        raise complaint(where, "a string or an array of content parts")
    parts: list[Part] = []
    for number, item in enumerate(content):
        part = _read_part(item, f"{where}[{number}]")
        if part is not None:
            parts.append(part)
    return parts


def _read_part(item: Any, where: str) -> Part | None:
    if isinstance(item, str):
        return TextPart(item) if item else None
    if not isinstance(item, dict):
        raise complaint(where, "a content part: an object with a type")
    kind = item.get("type")
    cache = item.get("cache_control")
    cache = cache if isinstance(cache, dict) else None
    if kind in ("text", "input_text", "output_text") or (kind is None and "text" in item):
        text = item.get("text")
        if text is not None and not isinstance(text, str):
            raise complaint(f"{where}.text", "a string")
        return TextPart(text, cache) if text else None
    if kind in ("image_url", "input_image") or (kind is None and "image_url" in item):
        return _read_image(item, where, cache)
    if kind == "input_audio":
        return _read_audio(item.get("input_audio"), where)
    if kind in ("file", "input_file"):
        return _read_file(item.get("file", item), where, cache)
    if kind == "refusal":
        return RefusalPart(_word(item.get("refusal")))
    if kind == "thinking":
        return ThinkingPart(reasoning_of({"reasoning": item.get("thinking")}), _word(item.get("signature")))
    if not isinstance(kind, str):
        raise complaint(f"{where}.type", "a string, as in text or image_url")
    return OpaquePart(kind, item)


def _read_image(item: dict[str, Any], where: str, cache: dict[str, Any] | None) -> ImagePart:
    image = item.get("image_url")
    url = image.get("url") if isinstance(image, dict) else image
    if not isinstance(url, str) or not url:
        raise complaint(f"{where}.image_url.url", "an https URL or a data URL")
    detail = _word(image.get("detail")) if isinstance(image, dict) else _word(item.get("detail"))
    media_type, data = split_data_url(url)
    return ImagePart(media_type, data, "" if data else url, detail, cache)


def _images(images: Any) -> list[Part]:
    """Images of an earlier answer, as such answers have them; old turns are never refused."""
    parts: list[Part] = []
    for item in images if isinstance(images, list) else ():
        image = item.get("image_url") if isinstance(item, dict) else None
        if url := _word(image.get("url") if isinstance(image, dict) else image):
            media_type, data = split_data_url(url)
            parts.append(ImagePart(media_type, data, "" if data else url))
    return parts


def _read_audio(audio: Any, where: str) -> AudioPart:
    if not isinstance(audio, dict) or not isinstance(audio.get("data"), str):
        raise complaint(f"{where}.input_audio", "an object with data (base64) and format")
    return AudioPart(audio["data"], _word(audio.get("format")) or "wav")


def _read_file(file: Any, where: str, cache: dict[str, Any] | None) -> FilePart:
    if not isinstance(file, dict):
        raise complaint(f"{where}.file", "an object with file_data and filename")
    if file.get("file_id"):
        raise ApiError(errors.INVALID_REQUEST, f"{where}: file ids are not supported; send the file as file_data")
    media_type, data = split_data_url(_word(file.get("file_data")))
    url = _word(file.get("file_url"))
    if not data and not url:
        data = _word(file.get("file_data"))
    if not data and not url:
        raise complaint(f"{where}.file.file_data", "the file as a data URL")
    return FilePart(media_type, data, url, _word(file.get("filename")), cache=cache)


def _read_call(call: Any, where: str) -> ToolCallPart:
    if not isinstance(call, dict):
        raise complaint(where, "an object with id, type and function")
    custom = call.get("custom")
    if isinstance(custom, dict):
        return ToolCallPart(_word(call.get("id")), _word(custom.get("name")), _word(custom.get("input")), custom=True)
    function = call.get("function")
    if not isinstance(function, dict) or not _word(function.get("name")):
        raise complaint(f"{where}.function.name", "the name of the tool that was called")
    arguments = arguments_text(function.get("arguments"))
    return ToolCallPart(_word(call.get("id")), function["name"], arguments, signature=call_signature(call))


def _interleaved(calls: list[ToolCallPart], thoughts: list[Thought]) -> list[Part]:
    """The calls, with the thinking that stood between them in its place."""
    out: list[Part] = []
    for number, call in enumerate(calls, start=1):
        out.append(call)
        out.extend(thought.part for thought in thoughts if min(thought.calls, len(calls)) == number)
    return out or [thought.part for thought in thoughts]


def _word(value: Any) -> str:
    return value if isinstance(value, str) else ""
