"""Read the tools of a Responses request, and the choice among them.

Rules:
- tools are flat; nested ones (as Chat Completions has them) are read too;
- the tools of a ``namespace`` are tools of their own that remember it; they are offered and chosen as ``ns__name``;
- every other type is run by the provider (``HostedTool``): skipped where that is another one.
"""

from collections.abc import Mapping
from typing import Any, Final

from freetheai.wire import fields
from freetheai.wire.fields import complaint
from freetheai.wire.request import HostedTool, Tool, ToolChoice
from freetheai.wire.responses.parts import word
from freetheai.wire.toolcalls import flat_name

_MODES: Final[Mapping[str, ToolChoice]] = {
    "auto": ToolChoice(mode="auto"),
    "none": ToolChoice(mode="none"),
    "required": ToolChoice(mode="required"),
    "any": ToolChoice(mode="required"),
}


def read_tools(items: list[Any]) -> tuple[list[Tool], list[HostedTool]]:
    """Tools the client runs, and those the provider would.

    Raises:
        ApiError: INVALID_REQUEST naming the tool.
    """
    tools: list[Tool] = []
    hosted: list[HostedTool] = []
    for number, item in enumerate(items):
        where = f"tools[{number}]"
        if not isinstance(item, dict):
            raise complaint(where, "an object with a type")
        kind = item.get("type") or "function"
        if kind == "namespace":
            tools.extend(_namespace(item, where))
        elif kind in ("function", "custom"):
            tools.append(_tool(item, where))
        else:
            kind = str(kind)
            hosted.append(HostedTool(kind=kind, name=word(item.get("name")) or kind, value=item))
    return tools, hosted


def _namespace(item: dict[str, Any], where: str) -> list[Tool]:
    namespace = word(item.get("name"))
    if not namespace:
        raise complaint(f"{where}.name", "the name of the namespace")
    return [
        _tool(inner, f"{where}.tools[{number}]", namespace)
        for number, inner in enumerate(fields.items(item, "tools"))
        if isinstance(inner, dict) and inner.get("type", "function") in ("function", "custom")
    ]


def _tool(item: dict[str, Any], where: str, namespace: str = "") -> Tool:
    is_custom = item.get("type") == "custom"
    nested = item.get("custom" if is_custom else "function")
    item = nested if isinstance(nested, dict) else item
    name = word(item.get("name"))
    if not name:
        raise complaint(f"{where}.name", "the name of the tool")
    schema, strict, grammar = item.get("parameters"), item.get("strict"), item.get("format")
    if not isinstance(schema, dict | None):
        raise complaint(f"{where}.parameters", "a JSON Schema object")
    return Tool(
        name=name,
        description=word(item.get("description")),
        schema=None if is_custom else schema,
        strict=strict if isinstance(strict, bool) else None,
        custom=is_custom,
        grammar=grammar if is_custom and isinstance(grammar, dict) else None,
        namespace=namespace,
    )


def read_choice(body: dict[str, Any]) -> ToolChoice | None:
    """The field ``tool_choice``, in all its forms.

    Raises:
        ApiError: INVALID_REQUEST.
    """
    choice = body.get("tool_choice")
    if choice is None:
        return None
    if isinstance(choice, str) and choice in _MODES:
        return _MODES[choice]
    if not isinstance(choice, dict):
        raise complaint("tool_choice", "auto, none, required, or an object that names a tool")
    kind = word(choice.get("type")) or "function"
    if kind in _MODES:
        return _MODES[kind]
    if kind == "allowed_tools":
        nested = choice.get("allowed_tools")
        allowed = nested if isinstance(nested, dict) else choice
        if not isinstance(allowed.get("tools"), list):
            raise complaint("tool_choice.tools", "an array of tools")
        names = tuple(name for name in (_named(item) for item in allowed["tools"]) if name)
        return ToolChoice(mode="allowed", names=names, must=allowed.get("mode") == "required")
    return ToolChoice(mode="named", names=(_named(choice),))


def _named(item: Any) -> str:
    """The flat name of the tool that an object names; of a hosted one its type."""
    if not isinstance(item, dict):
        return ""
    for holder in (item.get("function"), item.get("custom"), item):
        if isinstance(holder, dict) and word(holder.get("name")):
            return flat_name(holder["name"], word(holder.get("namespace")))
    return word(item.get("type"))
