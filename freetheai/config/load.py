"""From what was written to ``Settings``: every value read by its kind, then what only the whole can tell."""

from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from freetheai.config.kinds import Place
from freetheai.config.settings import (
    SECTIONS,
    DiscordSettings,
    ProviderSettings,
    Settings,
    TimeoutSettings,
)
from freetheai.config.written import Entries, Value, Written, collect

_ANY_ADDRESS = frozenset({"0.0.0.0", "::", "*"})  # noqa: S104  (compared with, never bound here)


def load_settings(path: Path | None, environ: Mapping[str, str]) -> Settings:
    """The configuration from ``path``, else ``$FREETHEAI_CONFIG``, else ``./freetheai.toml``, else defaults.

    The environment's ``FREETHEAI_SECTION_NAME`` lie over the file. Reads files, changes nothing.

    Raises:
        ConfigError: file, entry and reason in one line.
    """
    written = collect(path, environ)
    loader = _Loader(written, environ)
    sections = {name: loader.section(name) for name in SECTIONS}
    settings = Settings(**sections, providers=loader.providers(sections["timeouts"]), source=written.source)
    return _settled(settings, written)


class _Loader:
    """Reads the values of one configuration."""

    def __init__(self, written: Written, environ: Mapping[str, str]) -> None:
        self._written = written
        self._environ = environ

    def section(self, name: str) -> Any:
        """One section, its unwritten entries at their defaults."""
        entries = self._written.sections[name]
        return self._build(SECTIONS[name], name, entries, is_needed=self._is_needed(name, entries))

    def providers(self, timeouts: TimeoutSettings) -> Mapping[str, ProviderSettings]:
        """All providers by prefix, each with ``timeouts`` under its own."""
        return MappingProxyType(
            {prefix: self._provider(prefix, entries, timeouts) for prefix, entries in self._written.providers.items()}
        )

    def _provider(self, prefix: str, entries: Entries, timeouts: TimeoutSettings) -> ProviderSettings:
        own = {name: value for name, value in entries.items() if not name.startswith("timeouts.")}
        provider = self._build(ProviderSettings, f"providers.{prefix}", own, is_needed=True)
        overrides = {
            item.name: value.read(item.metadata["kind"])
            for item in fields(TimeoutSettings)
            if (value := entries.get(f"timeouts.{item.name}"))
        }
        merged: ProviderSettings = replace(provider, timeouts=replace(timeouts, **overrides))
        return merged

    def _build(self, section: type, title: str, entries: Entries, *, is_needed: bool) -> Any:
        values = {}
        for item in fields(section):
            value = entries.get(item.name) or self._default(item, title)
            if value is not None:
                values[item.name] = value.read(item.metadata["kind"], is_needed=is_needed)
        return section(**values)

    def _default(self, item: Field[Any], title: str) -> Value | None:
        place = Place(origin=f"{self._written.origin}: [{title}] {item.name}", folder=Path(), environ=self._environ)
        if item.metadata["written"] is not None:
            return Value(item.metadata["written"], place)
        if item.default is MISSING and item.default_factory is MISSING:
            raise place.refuse("must be given")
        return None

    def _is_needed(self, name: str, entries: Entries) -> bool:
        """Whether the section's secrets must be there: not while what they belong to is off."""
        if name == "discord":
            enabled = entries.get("enabled")
            kind = DiscordSettings.__dataclass_fields__["enabled"].metadata["kind"]
            return bool(enabled and enabled.read(kind))
        if name == "moderation":
            endpoint = entries.get("endpoint")
            return bool(endpoint and endpoint.raw)
        return True


def _settled(settings: Settings, written: Written) -> Settings:
    """What depends on more than one entry: checks, and defaults that follow other entries."""
    server, discord = settings.server, settings.discord
    if server.port and server.port == server.admin_port:
        raise _place_of(written, "server", "admin_port").refuse("must not be the public port")
    if discord.enabled and not discord.token:
        raise _place_of(written, "discord", "token").refuse("must be given when Discord is enabled")
    if discord.enabled and not discord.guild_id:
        raise _place_of(written, "discord", "guild_id").refuse("must be given when Discord is enabled")
    if "public_url" not in written.sections["server"]:
        server = replace(server, public_url=_local_url(server.host, server.port))
    elif not settings.site.base_url and server.public_url != _local_url(server.host, server.port):
        settings = replace(settings, site=replace(settings.site, base_url=server.public_url))
    unsaid = {name: discord.enabled for name in ("membership", "checkin") if name not in written.sections["gates"]}
    return replace(settings, server=server, gates=replace(settings.gates, **unsaid))


def _place_of(written: Written, section: str, name: str) -> Place:
    if value := written.sections[section].get(name):
        return value.place
    return Place(origin=f"{written.origin}: [{section}] {name}", folder=Path(), environ={})


def _local_url(host: str, port: int) -> str:
    name = "127.0.0.1" if host in _ANY_ADDRESS else host
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"
