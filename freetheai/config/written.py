"""What the operator wrote, before it is checked: the file's entries with the environment's laid over them.

Rules:
- a name that is in no section stops the start, with the nearest known one;
- of the environment only ``FREETHEAI_SECTION_NAME`` with a known section counts: other programs (and members, with
  ``FREETHEAI_API_KEY``) have variables of their own; one whose section is nearly a known one is a mistake, though;
- ``FREETHEAI_PROVIDERS_PREFIX_NAME`` changes a provider of the file (``-`` in its name is ``_`` there) or makes one.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from freetheai.config.kinds import ConfigError, Kind, Place
from freetheai.config.settings import SECTIONS, ProviderSettings, TimeoutSettings
from freetheai.config.suggest import nearest

CONFIG_VARIABLE = "FREETHEAI_CONFIG"
DEFAULT_FILE = Path("freetheai.toml")
_VARIABLE_PREFIX = "FREETHEAI_"
_PROVIDER_PREFIX = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
# How alike (0 to 1) the section of a variable must be to a known one to be taken for a mistake in writing it.
_ALIKE = 0.75


@dataclass(frozen=True, slots=True)
class Value:
    """One value as written: what TOML gave, or the text of an environment variable."""

    raw: Any
    place: Place
    is_text: bool = False

    def read(self, kind: Kind, *, is_needed: bool = True) -> Any:
        """The setting. Raises ``ConfigError``."""
        place = self.place if is_needed else replace(self.place, is_needed=False)
        return kind.read(kind.from_text(self.raw, place) if self.is_text else self.raw, place)


Entries = dict[str, Value]


@dataclass(slots=True)
class Written:
    """All values by section and name; providers by prefix and name (``timeouts`` apart, as ``timeouts.connect``)."""

    source: Path | None
    sections: dict[str, Entries] = field(default_factory=lambda: {name: {} for name in SECTIONS})
    providers: dict[str, Entries] = field(default_factory=dict)

    @property
    def origin(self) -> str:
        """What an error that belongs to no written line begins with."""
        return str(self.source) if self.source else "defaults"


def collect(path: Path | None, environ: Mapping[str, str]) -> Written:
    """Read the file (``path``, else what the environment names, else ``./freetheai.toml``) and the environment.

    Raises:
        ConfigError: no such file, not TOML, an unknown section or entry.
    """
    source = _find_source(path, environ)
    written = Written(source)
    if source is not None:
        _add_file(written, source, environ)
    for variable in sorted(environ):
        if variable.startswith(_VARIABLE_PREFIX) and variable != CONFIG_VARIABLE:
            _add_variable(written, variable, environ)
    return written


def _find_source(path: Path | None, environ: Mapping[str, str]) -> Path | None:
    if path is not None:
        return path
    if named := environ.get(CONFIG_VARIABLE):
        return Path(named)
    return DEFAULT_FILE if DEFAULT_FILE.exists() else None


def _read_toml(source: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(source.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ConfigError(f"{source}: can't be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{source}: not UTF-8 text") from None
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{source}: not TOML: {error}") from None


def _add_file(written: Written, source: Path, environ: Mapping[str, str]) -> None:
    for section, content in _read_toml(source).items():
        if section not in SECTIONS and section != "providers":
            raise ConfigError(f"{source}: {_unknown_section(section, content)}")
        if not isinstance(content, dict):
            raise ConfigError(f"{source}: {section}: must be a section, as in [{section}]")
        tables = content.items() if section == "providers" else [("", content)]
        for prefix, table in tables:
            name = f"{section}.{prefix}" if prefix else section
            if not isinstance(table, dict):
                raise ConfigError(f"{source}: [{section}] {prefix}: must be a section, as in [{name}]")
            place = Place(origin=f"{source}: [{name}] ", folder=source.parent, environ=environ)
            known, entries = _target(written, section, prefix, place)
            _add_table(known, entries, table, place)


def _unknown_section(name: str, content: Any) -> str:
    if isinstance(content, dict):
        return f"[{name}]: unknown section{nearest(name, [*SECTIONS, 'providers'])}"
    homes = [section for section, known in SECTIONS.items() if name in _names(known)]
    hint = f" (it belongs in [{homes[0]}])" if homes else ""
    return f"{name}: an entry outside of any section{hint}"


def _target(written: Written, section: str, prefix: str, place: Place) -> tuple[type, Entries]:
    """The section's fields, and where its values are gathered."""
    if section != "providers":
        return SECTIONS[section], written.sections[section]
    if not _PROVIDER_PREFIX.fullmatch(prefix):
        reason = "a provider's name must be 1 to 32 of a-z 0-9 _ - and begin with a letter or digit"
        raise ConfigError(f"{place.origin.strip()}: {reason}")
    return ProviderSettings, written.providers.setdefault(prefix, {})


def _add_table(known: type, entries: Entries, table: Mapping[str, Any], place: Place) -> None:
    names = _names(known)
    for name, raw in table.items():
        here = place.inside(name)
        if name not in names:
            raise here.refuse(f"unknown entry{nearest(name, names)}")
        if known is ProviderSettings and name == "timeouts":
            _add_timeouts(entries, raw, here)
        else:
            entries[name] = Value(raw, here)


def _add_timeouts(entries: Entries, raw: Any, place: Place) -> None:
    if not isinstance(raw, dict):
        raise place.refuse("must be a table, as in { first_byte = 120 }")
    names = _names(TimeoutSettings)
    for name, value in raw.items():
        here = place.inside(f".{name}")
        if name not in names:
            raise here.refuse(f"unknown entry{nearest(name, names)}")
        entries[f"timeouts.{name}"] = Value(value, here)


def _add_variable(written: Written, variable: str, environ: Mapping[str, str]) -> None:
    place = Place(origin=f"environment {variable}", folder=Path(), environ=environ)
    section, _, rest = variable.removeprefix(_VARIABLE_PREFIX).lower().partition("_")
    if section == "providers":
        _add_provider_variable(written, rest, Value(environ[variable], place, is_text=True))
    elif section not in SECTIONS:
        if get_close_matches(section, [*SECTIONS, "providers"], n=1, cutoff=_ALIKE):
            raise place.refuse(f"unknown section{nearest(section, [*SECTIONS, 'providers'])}")
    elif rest not in (names := _names(SECTIONS[section])):
        raise place.refuse(f"unknown entry of [{section}]{nearest(rest, names)}")
    else:
        written.sections[section][rest] = Value(environ[variable], place, is_text=True)


def _add_provider_variable(written: Written, rest: str, value: Value) -> None:
    prefix, name = _split_provider_variable(written, rest, value.place)
    _, entries = _target(written, "providers", prefix, value.place)
    if name == "timeouts":
        table = ProviderSettings.__dataclass_fields__["timeouts"].metadata["kind"]
        _add_timeouts(entries, value.read(table), value.place)
    else:
        entries[name] = value


def _split_provider_variable(written: Written, rest: str, place: Place) -> tuple[str, str]:
    """``opc_base_url`` to prefix and entry. The longest entry wins: ``…_timeouts_total``."""
    for name in _provider_names():
        ending = "_" + name.replace(".", "_")
        if rest.endswith(ending) and len(rest) > len(ending):
            prefix = rest.removesuffix(ending)
            configured = (known for known in written.providers if known.replace("-", "_") == prefix)
            return next(configured, prefix), name
    known_prefix = next((name for name in written.providers if rest.startswith(f"{name.replace('-', '_')}_")), None)
    entry = rest[len(known_prefix) + 1 :] if known_prefix else rest.partition("_")[2]
    raise place.refuse(f"unknown entry of a provider{nearest(entry, _names(ProviderSettings))}")


def _provider_names() -> Iterator[str]:
    names = _names(ProviderSettings) + [f"timeouts.{name}" for name in _names(TimeoutSettings)]
    return iter(sorted(names, key=len, reverse=True))


def _names(section: type) -> list[str]:
    return [item.name for item in fields(section)]
