"""The reference of the configuration, made from the fields themselves.

``python -m freetheai.config.docs FILE`` rewrites the block between the markers in FILE; a test compares them.
"""

import sys
from collections.abc import Iterator
from dataclasses import MISSING, Field, dataclass, fields
from pathlib import Path
from typing import Any

from freetheai.config.secret import Secret
from freetheai.config.settings import SECTIONS, ProviderSettings

BEGIN = "<!-- generated: python -m freetheai.config.docs docs/configuration.md -->"
END = "<!-- end of the generated part -->"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of the reference. ``variable`` is what overrides it (NAME stands for a provider's)."""

    section: str
    name: str
    type: str
    default: str
    doc: str
    variable: str


def entries() -> Iterator[Entry]:
    """Every entry of the configuration, in the file's order."""
    for section, known in [*SECTIONS.items(), ("providers.NAME", ProviderSettings)]:
        for item in fields(known):
            yield Entry(
                section=section,
                name=item.name,
                type=item.metadata["kind"].label,
                default=_default(item),
                doc=item.metadata["doc"],
                variable=f"FREETHEAI_{section.replace('.', '_')}_{item.name}".upper(),
            )


def reference() -> str:
    """All entries as Markdown: a heading and a table for each section."""
    lines: list[str] = []
    section = ""
    for entry in entries():
        if entry.section != section:
            section = entry.section
            lines += ["", f"### `[{section}]`", "", "| entry | type | default | meaning |", "|---|---|---|---|"]
        lines.append(f"| `{entry.name}` | {entry.type} | {entry.default} | {entry.doc} |")
    return "\n".join(lines[1:]) + "\n"


def with_reference(text: str) -> str:
    """``text`` with the block between the markers made anew. Raises ``ValueError`` where a marker is missing."""
    before, rest = text.split(BEGIN, 1)
    _, after = rest.split(END, 1)
    return f"{before}{BEGIN}\n\n{reference()}\n{END}{after}"


def _default(item: Field[Any]) -> str:
    if shown := item.metadata["shown"]:
        return str(shown) if shown[0] not in "{[" else f"`{shown}`"
    written = item.metadata["written"]
    value = item.default if written is None else written
    return f"`{_toml(value)}`"


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, tuple):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    if isinstance(value, Secret) or value is MISSING:
        raise TypeError("a secret's default is shown as it would be written")
    return f'"{value or ""}"'


def main(path: Path) -> None:
    """Rewrite the generated block of ``path``."""
    path.write_text(with_reference(path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
