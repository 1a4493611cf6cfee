"""docs/providers.md names every family with every format it speaks, and no other."""

import re
from pathlib import Path

import adapters

PAGE = Path(__file__).parent.parent.parent / "docs" / "providers.md"


def test_the_table_says_what_the_code_has():
    said: dict[str, set[str]] = {}
    for family, formats in re.findall(r"^\| `(\w+)` \|[^|]*\|([^|]*)\|", PAGE.read_text(), re.MULTILINE):
        said.setdefault(family, set()).update(name.strip() for name in formats.split(","))
    spoken = {"chat", "messages", "responses", "gemini"}
    assert {family: formats & spoken for family, formats in said.items()} == {
        family: set(formats) & spoken for family, formats in adapters.FAMILIES.items()
    }
