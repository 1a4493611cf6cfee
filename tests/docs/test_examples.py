"""The example files: they work as they are, and with every line of them switched on."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from adapters import FAMILIES
from freetheai.catalog import doubts_of, load_catalog_file
from freetheai.config import docs, load_settings
from freetheai.providers import Providers
from support.mongo_server import new_database, shared_server
from support.program import Program
from support.redis_server import RedisServer

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
CONFIGURATION = EXAMPLES / "freetheai.example.toml"
CATALOG = EXAMPLES / "catalog.example.toml"
# The aliases that the API's documentation names.
DOCUMENTED = {"opc/deepseek-v4-flash-free", "xai/grok-tts", "xai/grok-stt", "mim/mimo-v2.5-tts"}


def switched_on(*, providers: bool = True) -> str:
    """The configuration with its examples; each replaces the default above it."""
    lines: list[str] = []
    for line in CONFIGURATION.read_text(encoding="utf-8").splitlines():
        example = re.match(r"#(?=\[|[a-z_]+ = )(.*)", line)
        if example is None:
            lines.append(line)
            continue
        if not providers and example[1].startswith("[providers."):
            break
        name = example[1].partition(" = ")[0]
        if lines and " = " in example[1] and lines[-1].startswith(f"{name} = "):
            lines.pop()
        lines.append(example[1])
    return "\n".join(lines)


def environ_of(text: str) -> dict[str, str]:
    """What the secrets of the file refer to."""
    return {name: "a-key" for name in re.findall(r'"env:(\w+)"', text)} | {"REDIS_URL": "redis://127.0.0.1:6379"}


def test_the_configuration_says_the_defaults(tmp_path: Path) -> None:
    (tmp_path / "empty.toml").write_text("")
    shown, defaults = load_settings(CONFIGURATION, {}), load_settings(tmp_path / "empty.toml", {})
    for section in ("gates", "limits", "timeouts", "moderation", "embedded", "discord", "mongodb", "redis"):
        assert getattr(shown, section) == getattr(defaults, section), section
    assert shown.server.port == defaults.server.port
    assert not shown.providers


def test_the_configuration_has_every_section_and_only_what_there_is() -> None:
    known = {(entry.section, entry.name) for entry in docs.entries()}
    written = tomllib.loads(switched_on())
    sections = {section for section, _ in known if not section.startswith("providers")}
    assert sections - set(written) <= {"site"}, "sections of the operator's interface"
    for section, entries in written.items():
        if section != "providers":
            assert {(section, name) for name in entries} <= known


def test_every_provider_of_the_configuration_can_be_switched_on(tmp_path: Path) -> None:
    text = switched_on().replace("file:/run/secrets/mongodb-url", "mongodb://127.0.0.1")
    (tmp_path / "catalog.example.toml").write_bytes(CATALOG.read_bytes())
    (tmp_path / "blocked.txt").write_text("")
    path = tmp_path / "freetheai.toml"
    path.write_text(text)
    settings = load_settings(path, environ_of(text))
    providers = Providers(settings.providers)
    assert {settings.providers[provider.prefix].adapter for provider in providers} == set(FAMILIES)
    assert all(provider.adapter_for("chat") is not None for provider in providers)


def test_the_catalog_has_no_mistakes_and_no_doubts() -> None:
    rows = load_catalog_file(CATALOG)
    aliases = {row["id"] for row in rows}
    prefixes = set(re.findall(r"^#\[providers\.(\w+)\]", CONFIGURATION.read_text(), re.MULTILINE))
    assert doubts_of(CATALOG, rows, aliases, prefixes) == []
    assert aliases >= DOCUMENTED
    assert {alias.partition("/")[0] for alias in aliases} >= {"opc", "glm", "xai", "mim", "kai"}


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    redis = RedisServer(tmp_path)
    redis.start()
    sections = tomllib.loads(CONFIGURATION.read_text())
    providers = tomllib.loads(switched_on())["providers"]
    for provider in providers.values():
        provider["api_keys"] = ["a-key"]
    database = new_database()
    flat: dict[str, Any] = {name: entries for name, entries in sections.items() if name != "catalog"}
    flat["server"] = {
        name: value for name, value in flat["server"].items() if "port" not in name and name != "data_dir"
    }
    flat["mongodb"] = {"url": shared_server().url, "database": database}
    flat["redis"] = {"url": redis.url, "prefix": "fta"}
    flat |= {f"providers.{prefix}": entries for prefix, entries in providers.items()}
    program = Program(tmp_path, flat, [])
    program.start()
    yield program
    program.stop()
    redis.stop()


def test_the_program_runs_with_both(program: Program) -> None:
    loaded = program.cli("models", "load", str(CATALOG), "--json")
    assert loaded.stderr == ""
    rows = load_catalog_file(CATALOG)
    assert sorted(orjson.loads(loaded.stdout)["added"]) == sorted(row["id"] for row in rows)
    again = orjson.loads(program.cli("models", "load", str(CATALOG), "--json").stdout)
    assert (again["added"], again["changed"]) == ([], [])
    listed = orjson.loads(program.cli("models", "list", "--json").stdout)
    assert not [row for row in listed if "problem" in row]
