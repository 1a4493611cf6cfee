"""What a running server can take over from a configuration that was read again."""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Any

from freetheai.config.settings import SECTIONS, Settings

RELOADABLE = ("site", "providers", "limits", "gates", "moderation", "timeouts")


@dataclass(frozen=True, slots=True, kw_only=True)
class Differences:
    """Names of entries that differ (``limits.max_addresses``, ``providers.opc.base_url``; a new or dropped provider is
    ``providers.opc``): what a reload applies, and what only a restart does.
    """

    reloadable: tuple[str, ...]
    needs_restart: tuple[str, ...]


def reloadable_differences(old: Settings, new: Settings) -> Differences:
    """Which entries differ, in the order of the file; names only, since a value may be a secret."""
    names = list(_differences(old, new))
    return Differences(
        reloadable=tuple(name for name in names if name.partition(".")[0] in RELOADABLE),
        needs_restart=tuple(name for name in names if name.partition(".")[0] not in RELOADABLE),
    )


def reloaded(old: Settings, new: Settings) -> Settings:
    """``old`` with everything of ``new`` that can be applied without a restart."""
    return replace(old, **{name: getattr(new, name) for name in RELOADABLE})


def _differences(old: Settings, new: Settings) -> Iterator[str]:
    for section in SECTIONS:
        yield from _entries(section, getattr(old, section), getattr(new, section))
    for prefix in dict.fromkeys([*old.providers, *new.providers]):
        before, after = old.providers.get(prefix), new.providers.get(prefix)
        if before is None or after is None:
            yield f"providers.{prefix}"
        else:
            yield from _entries(f"providers.{prefix}", before, after)


def _entries(section: str, old: Any, new: Any) -> Iterator[str]:
    for item in fields(old):
        if getattr(old, item.name) != getattr(new, item.name):
            yield f"{section}.{item.name}"
