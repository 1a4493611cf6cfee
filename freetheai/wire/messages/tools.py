"""Read the tools of a Messages request.

Rules:
- a tool with a schema is one the client runs, whatever its type is called;
- Anthropic's own tool types that the client runs (shell, editor, computer, memory) have no schema in the request: the
  documented one is put in, so that any model can call them;
- all other types are run by the provider (``HostedTool``): relayed where they are known, else skipped.

Format: https://platform.claude.com/docs/en/agents-and-tools/tool-use/overview
"""

import re
from typing import Any, Final

from freetheai.wire import fields
from freetheai.wire.fields import complaint
from freetheai.wire.request import HostedTool, Tool, ToolChoice

_DATED: Final = re.compile(r"_\d{8}$")


def _schema(required: tuple[str, ...], **properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required)}


def _string(description: str, *values: str) -> dict[str, Any]:
    return {"type": "string", "description": description, **({"enum": list(values)} if values else {})}


_RANGE: Final = {"type": "array", "items": {"type": "integer"}, "description": "First and last line, counted from 1."}
_POINT: Final = {"type": "array", "items": {"type": "integer"}, "description": "x and y in pixels."}
_LINE: Final = {"type": "integer", "description": "Line after which the text is inserted; 0 is the beginning."}

# Type without its date -> description and schema, as its documentation page gives them.
_DEFINED: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "bash": (
        "Run a command in a shell that keeps its state between calls.",
        _schema(
            (),
            command=_string("The command. Needed unless the shell is restarted."),
            restart={"type": "boolean", "description": "True to restart the shell."},
        ),
    ),
    "text_editor": (
        "View, create and edit text files.",
        _schema(
            ("command", "path"),
            command=_string("What to do.", "view", "create", "str_replace", "insert", "undo_edit"),
            path=_string("Absolute path of the file or folder."),
            file_text=_string("Content of the file that `create` writes."),
            old_str=_string("Text that `str_replace` replaces; it must occur exactly once."),
            new_str=_string("Text that `str_replace` or `insert` puts in."),
            insert_text=_string("Text that `insert` puts in."),
            insert_line=_LINE,
            view_range=_RANGE,
        ),
    ),
    "computer": (
        "Use a screen, mouse and keyboard.",
        _schema(
            ("action",),
            action=_string("What to do, as in screenshot, left_click, type, key, mouse_move, scroll, wait or zoom."),
            coordinate=_POINT,
            start_coordinate=_POINT,
            text=_string("Text to type, or keys to press."),
            scroll_direction=_string("Where to scroll.", "up", "down", "left", "right"),
            scroll_amount={"type": "integer", "description": "How far to scroll."},
            duration={"type": "number", "description": "Seconds to hold a key or to wait."},
            region={"type": "array", "items": {"type": "integer"}, "description": "What `zoom` shows: x0, y0, x1, y1."},
        ),
    ),
    "memory": (
        "Keep notes in files under /memories between conversations.",
        _schema(
            ("command",),
            command=_string("What to do.", "view", "create", "str_replace", "insert", "delete", "rename"),
            path=_string("Path under /memories."),
            file_text=_string("Content of the file that `create` writes."),
            old_str=_string("Text that `str_replace` replaces."),
            new_str=_string("Text that it is replaced by."),
            insert_line=_LINE,
            insert_text=_string("Text that `insert` puts in."),
            old_path=_string("Path that `rename` moves from."),
            new_path=_string("Path that `rename` moves to."),
            view_range=_RANGE,
        ),
    ),
}
_MODES: Final[dict[str, ToolChoice]] = {
    "auto": ToolChoice(mode="auto"),
    "none": ToolChoice(mode="none"),
    "any": ToolChoice(mode="required"),
    "required": ToolChoice(mode="required"),
}


def read_tools(body: dict[str, Any]) -> tuple[list[Tool], list[HostedTool]]:
    """The tools the client runs, and those it wants the provider to run.

    Raises:
        ApiError: INVALID_REQUEST naming the tool and what is wrong with it.
    """
    tools: list[Tool] = []
    hosted: list[HostedTool] = []
    for number, item in enumerate(fields.items(body, "tools")):
        where = f"tools[{number}]"
        if not isinstance(item, dict):
            raise complaint(where, "an object with name and input_schema")
        kind = item.get("type")
        if kind is not None and not isinstance(kind, str):
            raise complaint(f"{where}.type", "a string")
        nested = item.get("function")
        if kind == "function" and isinstance(nested, dict):
            item = {**nested, "input_schema": nested.get("input_schema", nested.get("parameters"))}
        if kind in (None, "", "custom", "function") or isinstance(item.get("input_schema"), dict):
            tools.append(_client_tool(item, where))
        elif (known := _DEFINED.get(_DATED.sub("", kind))) is not None:
            tools.append(_defined_tool(item, *known))
        else:
            hosted.append(HostedTool(kind=kind, name=_word(item.get("name")) or kind, value=item))
    return tools, hosted


def read_tool_choice(body: dict[str, Any]) -> tuple[ToolChoice | None, bool | None]:
    """Which tool is to be called, and whether calls may be parallel (None: nothing said).

    Raises:
        ApiError: INVALID_REQUEST.
    """
    choice = body.get("tool_choice")
    if choice is None:
        return None, None
    if isinstance(choice, str):
        choice = {"type": choice}
    if not isinstance(choice, dict):
        raise complaint("tool_choice", "an object with type auto, any, tool or none")
    kind = choice.get("type")
    is_serial = fields.flag(choice, "disable_parallel_tool_use")
    parallel = None if is_serial is None else not is_serial
    if kind == "tool":
        name = choice.get("name")
        if not isinstance(name, str) or not name:
            raise complaint("tool_choice.name", "the name of a tool")
        return ToolChoice(mode="named", names=(name,)), parallel
    if not isinstance(kind, str) or kind not in _MODES:
        raise complaint("tool_choice.type", "auto, any, tool or none")
    return _MODES[kind], parallel


def _client_tool(item: dict[str, Any], where: str) -> Tool:
    name = item.get("name")
    if not isinstance(name, str) or not name:
        raise complaint(f"{where}.name", "the name of the tool")
    schema = item.get("input_schema")
    if schema is not None and not isinstance(schema, dict):
        raise complaint(f"{where}.input_schema", "a JSON Schema object")
    cache = item.get("cache_control")
    return Tool(
        name=name,
        description=fields.text(item, "description"),
        schema=schema,
        strict=fields.flag(item, "strict"),
        cache=cache if isinstance(cache, dict) else None,
    )


def _defined_tool(item: dict[str, Any], description: str, schema: dict[str, Any]) -> Tool:
    kind = _DATED.sub("", item["type"])
    if item.get("display_width_px") and item.get("display_height_px"):
        description = f"{description} It is {item['display_width_px']} by {item['display_height_px']} pixels."
    return Tool(name=_word(item.get("name")) or kind, description=description, schema=schema)


def _word(value: Any) -> str:
    return value if isinstance(value, str) else ""
