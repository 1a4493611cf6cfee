"""Read the content blocks of a Messages request into parts.

Rules:
- content may be null, a string, a block, or an array of blocks; an empty text says nothing and is left out;
- a document is a file part, or text where the client inlined it; a search result is text with its source;
- thinking that only carries a call's signature is no thinking: it signs the call;
- blocks of tools that Anthropic ran itself become visible text: the model that reads on must know what was found;
- files by id are refused: they would be read out of one account that all members share;
- a block nobody knows stays as it is (``OpaquePart``), to be relayed or refused by name.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from freetheai import errors
from freetheai.errors import ApiError
from freetheai.wire import fields
from freetheai.wire.fields import complaint
from freetheai.wire.jsontext import dumps_text
from freetheai.wire.request import (
    FilePart,
    ImagePart,
    OpaquePart,
    Part,
    RedactedPart,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolResultPart,
)
from freetheai.wire.signature import read_call_tag

Block = dict[str, Any]

# What a block of a server's own tool is told with (characters).
_MAX_TOLD_CHARS: Final = 8000
# Members of such blocks that a reader gains nothing from.
_UNTOLD: Final = frozenset(
    {"type", "id", "tool_use_id", "encrypted_content", "encrypted_index", "cache_control", "caller"}
)


def read_content(content: Any, where: str) -> list[Part]:
    """The parts of a message's content.

    Raises:
        ApiError: INVALID_REQUEST naming the block and what is wrong with it.
    """
    if content is None or content == "":
        return []
    if isinstance(content, str):
        return [TextPart(content)]
    if isinstance(content, dict):
        content = [content]
    if not isinstance(content, list):
        raise complaint(where, "a string or an array of content blocks")
    parts: list[Part] = []
    for number, item in enumerate(content):
        parts.extend(_read_block(item, f"{where}[{number}]"))
    return _with_signed_calls(parts)


def _with_signed_calls(parts: list[Part]) -> list[Part]:
    signatures: dict[str, str] = {}
    kept: list[Part] = []
    for part in parts:
        if isinstance(part, ThinkingPart) and (signed := read_call_tag(part.signature)) is not None:
            signatures[signed[0]] = signed[1]
        else:
            kept.append(part)
    for part in kept if signatures else ():
        if isinstance(part, ToolCallPart):
            part.signature = signatures.get(part.call_id, "")
    return kept


def read_system(content: Any, where: str) -> list[TextPart]:
    """System text, a string or text blocks, each with its caching hint."""
    return [part for part in read_content(content, where) if isinstance(part, TextPart)]


def _read_block(item: Any, where: str) -> list[Part]:
    if isinstance(item, str):
        return [TextPart(item)] if item else []
    if not isinstance(item, dict):
        raise complaint(where, "a content block: an object with a type")
    kind = item.get("type")
    if kind is None and isinstance(item.get("text"), str):
        kind = "text"
    if not isinstance(kind, str):
        raise complaint(f"{where}.type", "a string, as in text, image, tool_use or tool_result")
    if (read := _READERS.get(kind)) is not None:
        return read(item, where)
    if kind in _TOLD or (kind.endswith("_tool_result") and kind != "tool_result"):
        told = _told(item)[:_MAX_TOLD_CHARS]
        # On lines of its own: other formats join an answer's texts without anything between them.
        return [TextPart(f"\n[{kind}] {told}".rstrip() + "\n")]
    return [OpaquePart(kind, item)]


def _text(item: Block, where: str) -> list[Part]:
    text = _string(item, "text", where)
    return [TextPart(text, _cache(item))] if text else []


def _image(item: Block, where: str) -> list[Part]:
    source = _source(item, where)
    if source.get("type") == "url":
        return [ImagePart(url=_required(source, "url", f"{where}.source"), cache=_cache(item))]
    if source.get("type") == "base64":
        media_type = _required(source, "media_type", f"{where}.source")
        return [ImagePart(media_type, _required(source, "data", f"{where}.source"), cache=_cache(item))]
    raise complaint(f"{where}.source.type", "base64 or url")


def _document(item: Block, where: str) -> list[Part]:
    source = _source(item, where)
    name = fields.text(item, "title")
    context = fields.text(item, "context")
    before: list[Part] = [TextPart(f"[about the document {name or 'below'}] {context}")] if context else []
    at = f"{where}.source"
    match source.get("type"):
        case "base64":
            file = FilePart(_required(source, "media_type", at), _required(source, "data", at), name=name)
        case "text":
            file = FilePart("text/plain", _required(source, "data", at), name=name, is_text=True)
        case "url":
            file = FilePart("application/pdf", url=_required(source, "url", at), name=name)
        case "content":
            return [*before, *_inlined(read_content(source.get("content"), f"{at}.content"), name, item)]
        case _:
            raise complaint(f"{at}.type", "base64, text, url or content")
    file.cache = _cache(item)
    return [*before, file]


def _inlined(parts: list[Part], name: str, item: Block) -> list[Part]:
    texts = [part.text for part in parts if isinstance(part, TextPart)]
    others: list[Part] = [part for part in parts if not isinstance(part, TextPart)]
    if not texts:
        return others
    return [FilePart("text/plain", "\n".join(texts), name=name, is_text=True, cache=_cache(item)), *others]


def _search_result(item: Block, where: str) -> list[Part]:
    texts = [part.text for part in read_content(item.get("content"), f"{where}.content") if isinstance(part, TextPart)]
    head = " ".join(
        filter(None, (fields.text(item, "title"), f"({source})" if (source := _word(item.get("source"))) else ""))
    )
    return [TextPart("\n".join([f"[search result] {head}".rstrip(), *texts]), _cache(item))]


def _tool_use(item: Block, where: str) -> list[Part]:
    name = _required(item, "name", where)
    given = item.get("input")
    arguments = given if isinstance(given, str) else dumps_text({} if given is None else given)
    return [ToolCallPart(_word(item.get("id")), name, arguments or "{}", cache=_cache(item))]


def _tool_result(item: Block, where: str) -> list[Part]:
    return [
        ToolResultPart(
            _word(item.get("tool_use_id")),
            read_content(item.get("content"), f"{where}.content"),
            is_error=item.get("is_error") is True,
            cache=_cache(item),
        )
    ]


def _thinking(item: Block, where: str) -> list[Part]:
    return [ThinkingPart(_string(item, "thinking", where), _word(item.get("signature")))]


def _redacted(item: Block, where: str) -> list[Part]:
    data = _string(item, "data", where)
    return [RedactedPart(data)] if data else []


def _tool_reference(item: Block, where: str) -> list[Part]:
    del where
    return [TextPart(f"[tool {_word(item.get('tool_name')) or _word(item.get('name'))}]")]


def _upload(item: Block, where: str) -> list[Part]:
    del item
    raise _no_file_ids(where)


def _source(item: Block, where: str) -> Block:
    source = item.get("source")
    if not isinstance(source, dict):
        raise complaint(f"{where}.source", "an object with type, and data or url")
    if source.get("type") == "file" or source.get("file_id"):
        raise _no_file_ids(where)
    return source


def _no_file_ids(where: str) -> ApiError:
    return ApiError(errors.INVALID_REQUEST, f"{where}: file ids are not supported; send the file itself as base64")


def _told(value: Any) -> str:
    """What a reader would want of a nested value: its texts, in order."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "\n".join(filter(None, map(_told, value)))
    if isinstance(value, dict):
        return " ".join(filter(None, (_told(item) for key, item in value.items() if key not in _UNTOLD)))
    return "" if value is None or isinstance(value, bool) else str(value)


def _cache(item: Block) -> dict[str, Any] | None:
    cache = item.get("cache_control")
    return cache if isinstance(cache, dict) else None


def _string(item: Block, name: str, where: str) -> str:
    value = item.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise complaint(f"{where}.{name}", "a string")
    return value


def _required(item: Block, name: str, where: str) -> str:
    value = _string(item, name, where)
    if not value:
        raise complaint(f"{where}.{name}", "a string that is not empty")
    return value


def _word(value: Any) -> str:
    return value if isinstance(value, str) else ""


_READERS: Final[Mapping[str, Callable[[Block, str], list[Part]]]] = {
    "text": _text,
    "image": _image,
    "document": _document,
    "search_result": _search_result,
    "tool_use": _tool_use,
    "tool_result": _tool_result,
    "thinking": _thinking,
    "redacted_thinking": _redacted,
    "tool_reference": _tool_reference,
    "container_upload": _upload,
}
# Blocks of tools that Anthropic runs, and of its own keeping of long conversations.
_TOLD: Final = frozenset({"server_tool_use", "mcp_tool_use", "mcp_tool_result", "compaction"})
