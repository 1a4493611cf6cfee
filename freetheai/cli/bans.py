"""`freetheai bans add|remove|list`: source addresses, networks and client names that are refused."""

import argparse
from collections.abc import Awaitable, Callable
from typing import Any

from freetheai import clock
from freetheai.ban_values import NotBannable, normalised_ban
from freetheai.cli import EXIT_DONE, CommandRefused, Subparsers, output
from freetheai.cli.context import Backends, open_backends
from freetheai.config import Settings
from freetheai.store.bans import Ban, BanKind, Bans
from freetheai.store.mongo import StoreUnavailable

_MAX_REASON_CHARS = 500


def register(subparsers: Subparsers) -> None:
    """Add `bans` and its three actions."""
    actions = subparsers.add_parser("bans", help="ban addresses and clients").add_subparsers(
        dest="action", metavar="ACTION", required=True
    )
    for name, text, run in (("add", "ban", add), ("remove", "lift a ban", remove)):
        parser = actions.add_parser(name, help=text)
        kinds = parser.add_subparsers(dest="kind", metavar="KIND", required=True)
        ip = kinds.add_parser("ip", help="an address or CIDR, v4 or v6")
        ip.add_argument("value", metavar="ADDRESS-OR-CIDR")
        client = kinds.add_parser("client", help="a client name as logs print it; * at its end matches any rest")
        client.add_argument("value", metavar="SIGNATURE")
        for kind in (ip, client):
            kind.add_argument("--reason", default="", help="why, for staff")
            output.add_json_option(kind)
            kind.set_defaults(run=run)
    listing = actions.add_parser("list", help="every ban")
    listing.add_argument("kind", nargs="?", choices=("ip", "client"), help="only these")
    output.add_json_option(listing)
    listing.set_defaults(run=list_bans)


async def add(args: argparse.Namespace, settings: Settings) -> int:
    """Ban one value."""
    ban = Ban(
        kind=args.kind,
        value=_normalised(args.kind, args.value),
        reason=args.reason[:_MAX_REASON_CHARS],
        created_at=clock.utc_now(),
    )

    async def work(backends: Backends) -> None:
        await Bans(backends.store).add(ban)
        await _announce(backends, "ban.add", ban["kind"], ban["value"], {"reason": ban["reason"]})

    await _with_backends(settings, work)
    output.write_record(args, ban)
    return EXIT_DONE


async def remove(args: argparse.Namespace, settings: Settings) -> int:
    """Lift the ban of one value."""
    value = _normalised(args.kind, args.value)

    async def work(backends: Backends) -> None:
        if not await Bans(backends.store).remove(args.kind, value):
            raise CommandRefused(f"{args.kind} {value} is not banned")
        await _announce(backends, "ban.remove", args.kind, value, {})

    await _with_backends(settings, work)
    output.write_record(args, {"kind": args.kind, "value": value})
    return EXIT_DONE


async def list_bans(args: argparse.Namespace, settings: Settings) -> int:
    """Print every ban, or those of one kind."""
    found: list[Ban] = []

    async def work(backends: Backends) -> None:
        found.extend(await Bans(backends.store).all())

    await _with_backends(settings, work)
    rows = [ban for ban in found if args.kind in (None, ban["kind"])]
    output.write_rows(args, rows, ("kind", "value", "reason", "created_at"))
    return EXIT_DONE


def _normalised(kind: BanKind, value: str) -> str:
    """The form bans are kept and compared in."""
    try:
        return normalised_ban(kind, value)
    except NotBannable as error:
        raise CommandRefused(str(error)) from error


async def _with_backends(settings: Settings, work: Callable[[Backends], Awaitable[None]]) -> None:
    async with open_backends(settings) as backends:
        try:
            await work(backends)
        except StoreUnavailable as error:
            raise CommandRefused(str(error)) from error


async def _announce(backends: Backends, action: str, kind: str, value: str, details: dict[str, Any]) -> None:
    await backends.audit(action, f"{kind}:{value}", details)
    await backends.publish("bans", value)
