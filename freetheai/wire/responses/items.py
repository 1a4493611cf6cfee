"""Read the input items of a Responses request into turns.

Rules:
- ``instructions`` and the leading system and developer messages are ``system``; later ones are ``system`` turns;
- neighbouring reasoning, assistant messages and calls are one assistant turn; neighbouring outputs one user turn, which
  a user message right behind joins;
- items of tools that a provider ran itself are left out, but for the images it made, which are part of the answer;
  those of the local tools (shell, patch, computer) are calls;
- what needs stored content, and what nobody knows, is a 400 that says where it stands and what to do.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from freetheai import errors
from freetheai.errors import ApiError
from freetheai.wire.jsontext import dumps_text
from freetheai.wire.request import ImagePart, Part, RefusalPart, TextPart, ToolCallPart, ToolResultPart, Turn
from freetheai.wire.responses.opaque import read_call_signature, reasoning_part
from freetheai.wire.responses.parts import read_parts, unsupported, word
from freetheai.wire.toolcalls import arguments_text
from freetheai.wire.turns import split_system

ROLES: Final = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
    "model": "assistant",
    "bot": "assistant",
    "ai": "assistant",
}
# What a provider's own tools left in the history, or only steers OpenAI's own service: nothing another model can read.
_LEFT_OUT: Final = frozenset(
    {
        "web_search_call",
        "file_search_call",
        "code_interpreter_call",
        "mcp_list_tools",
        "mcp_approval_request",
        "mcp_approval_response",
        "mcp_call",
        "tool_search_call",
        "tool_search_output",
        "compaction",
        "compaction_summary",
        "compaction_trigger",
        "context_compaction",
        "configuration_update",
        "program",
        "program_output",
        "ghost_snapshot",
    }
)
# Tools with a type of their own that the client runs: name of the tool, and the member that holds the arguments.
_LOCAL_CALLS: Final[Mapping[str, tuple[str, str]]] = {
    "local_shell_call": ("local_shell", "action"),
    "shell_call": ("shell", "action"),
    "apply_patch_call": ("apply_patch", "operation"),
    "computer_call": ("computer", "action"),
}


class InputReader:
    """Reads items one by one; knows the turn that is being added to.

    ``tools`` are the raw tools that came inside the input (``additional_tools``).
    """

    def __init__(self) -> None:
        self.system: list[TextPart] = []
        self.turns: list[Turn] = []
        self.tools: list[Any] = []
        self._is_open = False
        self._by_kind: dict[str, Callable[[dict[str, Any], str], None]] = {
            "message": self._message,
            "reasoning": self._reasoning,
            "function_call": self._call,
            "custom_tool_call": self._custom_call,
            "image_generation_call": self._image,
            "additional_tools": self._additional_tools,
            "item_reference": self._reference,
        }

    def read(self, items: list[Any]) -> None:
        """Read all items of ``input``.

        Raises:
            ApiError: UNSUPPORTED_INPUT or INVALID_REQUEST, naming the item.
        """
        for number, item in enumerate(items):
            where = f"input[{number}]"
            if not isinstance(item, dict):
                raise unsupported(f"{where} is no object")
            self._item(item, where)

    def _item(self, item: dict[str, Any], where: str) -> None:
        kind = item.get("type")
        if kind is None:
            kind = "message" if "role" in item else "item_reference" if "id" in item and len(item) <= 2 else None
        if not isinstance(kind, str):
            raise unsupported(f"{where} has neither a type nor a role")
        if (read := self._by_kind.get(kind)) is not None:
            read(item, where)
        elif kind in _LOCAL_CALLS:
            self._local_call(item, kind)
        elif kind.endswith("_output") and (kind[: -len("_output")] in _LOCAL_CALLS or kind in _OUTPUTS):
            self._output(item, where, custom=kind == "custom_tool_call_output")
        elif kind not in _LEFT_OUT:
            raise unsupported(f"{where} has the unknown type {kind[:64]!r}")

    def _message(self, item: dict[str, Any], where: str) -> None:
        role = item.get("role")
        known = ROLES.get(role.strip().lower()) if isinstance(role, str) else None
        if known is None:
            raise unsupported(f"{where}.role is none of user, assistant, system, developer")
        parts = read_parts(item.get("content"), f"{where}.content")
        if known == "assistant":
            self._assistant(*parts)
        elif known == "user":
            self._user(parts)
        else:
            self._system(parts)

    def _system(self, parts: list[Part]) -> None:
        if not self.turns:
            self.system.extend(part for part in parts if isinstance(part, TextPart))
            parts = [part for part in parts if not isinstance(part, TextPart)]
        if parts:
            self._is_open = False
            self.turns.extend(split_system(parts))

    def _user(self, parts: list[Part]) -> None:
        if self._is_open and self.turns[-1].role == "user":
            self.turns[-1].parts.extend(parts)
        else:
            self.turns.append(Turn("user", parts))
        self._is_open = False

    def _assistant(self, *parts: Part) -> None:
        if not (self._is_open and self.turns[-1].role == "assistant"):
            self.turns.append(Turn("assistant", []))
        self._is_open = True
        self.turns[-1].parts.extend(parts)

    def _reasoning(self, item: dict[str, Any], where: str) -> None:
        del where
        value = word(item.get("encrypted_content"))
        if (signed := read_call_signature(value)) is not None:
            self._sign_call(*signed)
            return
        text = _joined(item.get("content"), "") or _joined(item.get("summary"), "\n\n")
        if (part := reasoning_part(text, value)) is not None:
            self._assistant(part)

    def _sign_call(self, call_id: str, tagged: str) -> None:
        # The newest call of that id, also where its output came before this.
        for turn in reversed(self.turns):
            for part in turn.parts:
                if isinstance(part, ToolCallPart) and part.call_id == call_id:
                    part.signature = tagged
                    return

    def _call(self, item: dict[str, Any], where: str) -> None:
        name = word(item.get("name"))
        if not name:
            raise unsupported(f"{where}.name is missing")
        arguments = arguments_text(item.get("arguments"))
        self._assistant(ToolCallPart(_call_id(item), name, arguments, namespace=word(item.get("namespace"))))

    def _custom_call(self, item: dict[str, Any], where: str) -> None:
        name = word(item.get("name"))
        if not name:
            raise unsupported(f"{where}.name is missing")
        text, namespace = word(item.get("input")), word(item.get("namespace"))
        self._assistant(ToolCallPart(_call_id(item), name, text, custom=True, namespace=namespace))

    def _image(self, item: dict[str, Any], where: str) -> None:
        del where
        if data := word(item.get("result")):
            self._assistant(ImagePart(f"image/{word(item.get('output_format')) or 'png'}", data))

    def _local_call(self, item: dict[str, Any], kind: str) -> None:
        name, member = _LOCAL_CALLS[kind]
        self._assistant(ToolCallPart(_call_id(item), name, arguments_text(item.get(member))))

    def _output(self, item: dict[str, Any], where: str, *, custom: bool) -> None:
        parts = _output_parts(item.get("output"), f"{where}.output")
        result = ToolResultPart(_call_id(item), parts, custom=custom, name=word(item.get("name")))
        if not (self._is_open and self.turns[-1].role == "user"):
            self.turns.append(Turn("user", []))
        self._is_open = True
        self.turns[-1].parts.append(result)

    def _additional_tools(self, item: dict[str, Any], where: str) -> None:
        tools = item.get("tools")
        if not isinstance(tools, list):
            raise unsupported(f"{where}.tools is no array")
        self.tools.extend(tools)

    def _reference(self, item: dict[str, Any], where: str) -> None:
        del item
        raise ApiError(
            errors.INVALID_REQUEST,
            f"{where}: item_reference is not supported, nothing is stored here; send the whole input"
            " (in your client, set `store` to false)",
        )


_OUTPUTS: Final = frozenset({"function_call_output", "custom_tool_call_output"})


def _call_id(item: dict[str, Any]) -> str:
    return word(item.get("call_id")) or word(item.get("id"))


def _joined(pieces: Any, separator: str) -> str:
    """The texts of a reasoning item's content or summary."""
    if isinstance(pieces, str):
        return pieces
    texts = (word(piece.get("text")) for piece in pieces if isinstance(piece, dict)) if isinstance(pieces, list) else ()
    return separator.join(filter(None, texts))


def _output_parts(output: Any, where: str) -> list[Part]:
    """What a tool answered: text, parts, or (local tools) an object of their own."""
    if isinstance(output, dict) and isinstance(output.get("content"), str | list):
        output = output["content"]
    if isinstance(output, list) and not all(_is_part(item) for item in output):
        return [TextPart(dumps_text(output))]
    if isinstance(output, str | list) or output is None:
        parts = read_parts(output, where)
        return [TextPart(part.text) if isinstance(part, RefusalPart) else part for part in parts]
    if isinstance(output, dict) and _is_part(output):
        return read_parts([output], where)
    return [TextPart(dumps_text(output))]


def _is_part(item: Any) -> bool:
    return isinstance(item, str) or (isinstance(item, dict) and isinstance(item.get("type"), str))
