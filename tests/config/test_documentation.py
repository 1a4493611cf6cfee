"""The page on the configuration says what the code does."""

import re
import tomllib
from pathlib import Path

import pytest

from freetheai.config import docs

PAGE = Path(__file__).parents[2] / "docs" / "configuration.md"


def test_the_reference_is_the_one_the_code_gives():
    text = PAGE.read_text(encoding="utf-8")
    assert text == docs.with_reference(text), f"run: {docs.BEGIN.split(': ', 1)[1].removesuffix(' -->')}"


def test_every_entry_has_its_line_type_and_meaning():
    reference = docs.reference()
    for entry in docs.entries():
        assert f"| `{entry.name}` | {entry.type} | {entry.default} | {entry.doc} |" in reference
        assert entry.type
        assert entry.doc.endswith(".")
        assert "|" not in entry.doc + entry.default


def test_every_variable_in_the_reference_changes_its_entry(load):
    """Each is understood: what it is given is either taken or refused under its own name, never overlooked."""
    from freetheai.config import ConfigError

    for entry in docs.entries():
        variable = entry.variable.replace("_NAME_", "_OPC_")
        environ = {"FREETHEAI_PROVIDERS_OPC_BASE_URL": "http://x"} if "_OPC_" in variable else {}
        untouched = load(**environ)
        try:
            assert load(**(environ | {variable: "http://changed"})) != untouched, variable
        except ConfigError as error:
            assert variable in str(error)


def test_every_example_of_the_page_can_be_loaded(load, tmp_path):
    (tmp_path / "mongodb-url").write_text("mongodb://h")
    examples = re.findall(r"```toml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert examples
    for example in examples:
        tomllib.loads(example)
        load(example, OPENCODE_API_KEY="k", OPENCODE_API_KEY_2="k", DISCORD_TOKEN="t", HOUSE_KEY="k")


def test_a_page_without_its_markers_is_refused():
    with pytest.raises(ValueError, match="unpack"):
        docs.with_reference("no markers here")


def test_the_command_rewrites_the_page(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"before\n{docs.BEGIN}\nold\n{docs.END}\nafter\n")
    docs.main(page)
    assert page.read_text() == f"before\n{docs.BEGIN}\n\n{docs.reference()}\n{docs.END}\nafter\n"
