"""``version`` and its self-check: complete when all is there, and naming what is not."""

import sys
from pathlib import Path

import orjson
import pytest

import adapters
import freetheai
from freetheai import __main__ as entry
from freetheai.cli import COMMANDS, parts, version


def test_the_version_is_printed(capsys):
    assert entry.main(["version"]) == 0
    assert capsys.readouterr().out.startswith(f"freetheai {freetheai.__version__} (Python ")


def test_the_version_as_json(capsys):
    assert entry.main(["version", "--json"]) == 0
    assert orjson.loads(capsys.readouterr().out)["version"] == freetheai.__version__


def test_everything_that_is_found_by_name_is_looked_at():
    report = version.self_check()
    names = [line.split(":")[0] for line in report.loaded + report.missing]
    expected = ["scripts of the limits", "handlers", "moderation worker"]
    expected += [f"adapter {family}/{name}" for family, names in adapters.FAMILIES.items() for name in names]
    expected += [f"command {name}" for name in COMMANDS]
    expected += [f"module {name}" for name in own_modules()]
    expected += [
        "file freetheai/limits/acquire.lua",
        "file freetheai/local_model.toml",
        "certificates",
        "library PIL.Image",
    ]
    assert set(expected) <= set(names)
    assert len(names) == len(set(names))


def own_modules() -> list[str]:
    """Each file of our packages, as what it is imported by; programs begin to work when they are imported."""
    root = Path(freetheai.__file__).parents[1]
    paths = [path for name in ("freetheai", "handlers", "adapters") for path in (root / name).rglob("*.py")]
    paths = [path for path in paths if path.with_name("__init__.py").exists()]
    names = {".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__") for path in paths}
    return sorted(names - {"freetheai.__main__", "freetheai.frozen"})


def test_a_template_is_compiled_and_an_empty_file_is_no_file(tmp_path, monkeypatch):
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "page.html").write_text('{% extends "frame.html" %}')
    (tmp_path / "script.lua").write_text("")
    (tmp_path / "example.py").write_text("print()")
    monkeypatch.setattr(parts, "_folder_of", lambda package: tmp_path)
    assert parts.data_files("any") == [Path("example.py"), Path("script.lua"), Path("templates/page.html")]
    with pytest.raises(FileNotFoundError, match=r"frame\.html"):
        parts._open_file("any", Path("templates/page.html"))
    (tmp_path / "templates" / "frame.html").write_text("<p>{% block a %}{% end %}</p>")
    parts._open_file("any", Path("templates/page.html"))
    with pytest.raises(ValueError, match="empty"):
        parts._open_file("any", Path("script.lua"))


def test_the_source_tree_is_complete():
    assert version.self_check().missing == []


def test_all_scripts_are_where_they_are_looked_for():
    root = Path(freetheai.__file__).parent
    assert {path.parent.name for path in root.rglob("*.lua")} == {"limits"}


@pytest.mark.parametrize(
    ("module", "line"),
    [
        pytest.param("freetheai.limits.scripts", "scripts of the limits: ", id="scripts"),
        pytest.param("adapters.openai.chat", "adapter openai/chat: ", id="an adapter"),
        pytest.param("handlers.routes", "handlers: ", id="the handlers"),
        pytest.param("freetheai.cli.keys", "command keys: ", id="a command"),
    ],
)
def test_what_is_missing_is_named_and_the_rest_still_looked_at(monkeypatch, capsys, module, line):
    monkeypatch.setitem(sys.modules, module, None)
    assert entry.main(["version", "--self-check"]) == 1
    printed = capsys.readouterr().out.splitlines()
    assert any(text.startswith(f"missing {line}") and module in text for text in printed)
    assert "loaded command version" in printed


def test_the_report_as_json(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "freetheai.cli.keys", None)
    assert entry.main(["version", "--self-check", "--json"]) == 1
    report = orjson.loads(capsys.readouterr().out)
    assert "command version" in report["loaded"]
    assert any(line.startswith("command keys: ") for line in report["missing"])
