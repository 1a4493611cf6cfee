"""``version`` and its self-check: complete when all is there, and naming what is not."""

import sys
from pathlib import Path

import orjson
import pytest

import adapters
import freetheai
from freetheai import __main__ as entry
from freetheai.cli import COMMANDS, version


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
    assert sorted(names) == sorted(expected)


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
