"""`freetheai models load|list|show|enable|disable`: the catalog."""

import argparse
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from freetheai import clock
from freetheai.catalog import BadRow, CatalogFileError, doubts_of, full_row, load_catalog_file, model_of
from freetheai.cli import EXIT_DONE, CommandRefused, Subparsers, output
from freetheai.cli.context import open_backends
from freetheai.config import Settings
from freetheai.config.suggest import nearest
from freetheai.store.models import Models

_COLUMNS: Final = ("id", "enabled", "visibility", "upstream_model", "context_window", "max_output_tokens", "problem")


def register(subparsers: Subparsers) -> None:
    """Add `models` and its actions."""
    actions = subparsers.add_parser("models", help="load, show and switch models").add_subparsers(
        dest="action", metavar="ACTION", required=True
    )
    loading = actions.add_parser("load", help="take the [[models]] of a TOML file into the catalog")
    loading.add_argument("file", type=Path, metavar="FILE")
    output.add_json_option(loading)
    loading.set_defaults(run=load)
    listing = actions.add_parser("list", help="every model, those switched off too")
    output.add_json_option(listing)
    listing.set_defaults(run=list_models)
    for name, text, run in (
        ("show", "one model", show),
        ("enable", "switch a model on", enable),
        ("disable", "switch a model off", disable),
    ):
        parser = actions.add_parser(name, help=text)
        parser.add_argument("alias", metavar="ALIAS")
        output.add_json_option(parser)
        parser.set_defaults(run=run)


async def load(args: argparse.Namespace, settings: Settings) -> int:
    """Upsert the rows of a file and print which aliases are new, changed or as they were."""
    try:
        rows = load_catalog_file(args.file)
    except CatalogFileError as error:
        *others, last = error.mistakes
        _tell(others)
        raise CommandRefused(last) from error
    async with open_backends(settings) as backends:
        loaded = await Models(backends.store).upsert(rows, clock.utc_now())
        for action, aliases in (("model.add", loaded.added), ("model.change", loaded.changed)):
            for alias in aliases:
                await backends.audit(action, alias, {"file": str(args.file)})
        if loaded.added or loaded.changed:
            # One notice is enough: who hears it reads the whole catalog.
            await backends.publish("models", "")
        known = {str(document.get("id")) for document in await Models(backends.store).all()}
    # Without any provider the local model serves, and its own row is no mistake.
    prefixes = settings.providers or {alias.partition("/")[0] for alias in known}
    _tell(doubts_of(args.file, rows, known, prefixes))
    output.write_record(args, {"added": loaded.added, "changed": loaded.changed, "unchanged": loaded.kept})
    return EXIT_DONE


async def list_models(args: argparse.Namespace, settings: Settings) -> int:
    """Print every model of the catalog."""
    async with open_backends(settings) as backends:
        documents = await Models(backends.store).all()
    output.write_rows(args, [_row(document, settings) for document in documents], _COLUMNS)
    return EXIT_DONE


async def show(args: argparse.Namespace, settings: Settings) -> int:
    """Print one model, with what follows from what its row does not say."""
    async with open_backends(settings) as backends:
        models = Models(backends.store)
        document = await models.find(args.alias) or await _refuse_unknown(args.alias, models)
    output.write_record(args, _row(document, settings))
    return EXIT_DONE


async def enable(args: argparse.Namespace, settings: Settings) -> int:
    """Switch a model on."""
    return await _switch(args, settings, is_enabled=True)


async def disable(args: argparse.Namespace, settings: Settings) -> int:
    """Switch a model off: requests for it are refused as for an unknown alias."""
    return await _switch(args, settings, is_enabled=False)


async def _switch(args: argparse.Namespace, settings: Settings, *, is_enabled: bool) -> int:
    async with open_backends(settings) as backends:
        models = Models(backends.store)
        document = await models.set_enabled(args.alias, is_enabled=is_enabled, at=clock.utc_now())
        if document is None:
            await _refuse_unknown(args.alias, models)
        await backends.audit("model.enable" if is_enabled else "model.disable", args.alias, {})
        await backends.publish("models", args.alias)
    output.write_record(args, {"id": args.alias, "enabled": is_enabled})
    return EXIT_DONE


async def _refuse_unknown(alias: str, models: Models) -> Mapping[str, Any]:
    aliases = [str(document.get("id")) for document in await models.all()]
    raise CommandRefused(f"there is no model {alias!r}{nearest(alias, aliases)}")


def _row(document: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    try:
        model = model_of(document, settings.discord.verified_role)
    except BadRow as bad:
        # Edited by hand into something the gateway leaves out.
        return {"id": document.get("id"), "enabled": document.get("enabled"), "problem": str(bad)}
    return {
        **full_row(model),
        "upstream_model": model.upstream_model,
        "roles": model.roles,
        "fallbacks": model.fallbacks,
        "enabled": model.enabled,
        "updated_at": document.get("updated_at"),
    }


def _tell(lines: Iterable[str]) -> None:
    sys.stderr.writelines(f"freetheai: {line}\n" for line in lines)
