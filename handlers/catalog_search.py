"""Search, filter and turn the pages of the model catalog; the query of the page's address is the whole state.

Rules: what a filter does not know it ignores; every word of the search must be found in alias, name or description.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

Row = Mapping[str, Any]

ROWS_A_PAGE: Final = 60

KINDS: Final[Mapping[str, tuple[str, str]]] = {
    "chat": ("Text", "supports_chat"),
    "image": ("Images", "supports_images"),
    "audio": ("Audio", "supports_audio"),
    "video": ("Video", "supports_video"),
}
ABILITIES: Final[Mapping[str, tuple[str, str]]] = {
    "tools": ("Tools", "supports_tools"),
    "reasoning": ("Reasoning", "supports_reasoning"),
    "vision": ("Reads images", "supports_image_input"),
    "structured": ("Structured outputs", "supports_structured_outputs"),
}
CONTEXTS: Final[Mapping[str, tuple[str, int]]] = {
    "32k": ("32k and more", 32_000),
    "128k": ("128k and more", 128_000),
    "200k": ("200k and more", 200_000),
    "1m": ("1M and more", 1_000_000),
}
ACCESS: Final[Mapping[str, tuple[str, bool]]] = {"open": ("Everyone", True), "gated": ("With a role", False)}
SORTS: Final[Mapping[str, tuple[str, Callable[[Row], Any]]]] = {
    "name": ("Alias", lambda row: row["id"].lower()),
    "context": ("Largest context", lambda row: (-(row["context_window"] or 0), row["id"].lower())),
    "newest": ("Newest", lambda row: (-row["created"], row["id"].lower())),
}
# What the page's address may say, with what it means to say nothing.
ARGUMENTS: Final[Mapping[str, str]] = {
    "q": "", "kind": "", "can": "", "context": "", "access": "", "provider": "", "sort": "name", "page": "1",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One page of what was found: the rows, how many there are in all, and the way around."""

    rows: Sequence[Row]
    total: int
    page: int
    pages: int
    query: Mapping[str, str]

    def address(self, page: int) -> str:
        """The address of another page of the same search."""
        query = {**self.query, "page": str(page)} if page > 1 else dict(self.query)
        return f"/catalog?{urlencode(query)}" if query else "/catalog"


def search(rows: Sequence[Row], arguments: Mapping[str, str]) -> Found:
    """The rows that ``arguments`` ask for, sorted, one page of them."""
    found = [row for row in rows if _matches(row, arguments)]
    _, order = SORTS.get(arguments.get("sort", ""), SORTS["name"])
    found.sort(key=order)
    pages = max(1, -(-len(found) // ROWS_A_PAGE))
    asked = arguments.get("page", "1")
    page = min(pages, max(1, int(asked))) if asked.isascii() and asked.isdigit() else 1
    query = {name: value for name, value in arguments.items() if name in ARGUMENTS and name != "page"}
    first = (page - 1) * ROWS_A_PAGE
    return Found(rows=found[first : first + ROWS_A_PAGE], total=len(found), page=page, pages=pages, query=query)


def _matches(row: Row, arguments: Mapping[str, str]) -> bool:
    kind, ability = KINDS.get(arguments.get("kind", "")), ABILITIES.get(arguments.get("can", ""))
    context, access = CONTEXTS.get(arguments.get("context", "")), ACCESS.get(arguments.get("access", ""))
    provider = arguments.get("provider", "")
    if any(wanted is not None and not row[wanted[1]] for wanted in (kind, ability)):
        return False
    if context is not None and (row["context_window"] or 0) < context[1]:
        return False
    if access is not None and row["access"]["available"] is not access[1]:
        return False
    if provider and row["prefix"] != provider:
        return False
    text = f"{row['id']} {row['display_name']} {row['description']}".lower()
    return all(word in text for word in arguments.get("q", "").lower().split())
