"""`freetheai keys issue|revoke|show`: members' keys. A key is printed once, when it is made."""

import argparse
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

from freetheai.accounts import Accounts, HasKey, UserChange
from freetheai.cli import EXIT_DONE, CommandRefused, Subparsers, output
from freetheai.cli.context import open_backends
from freetheai.config import Settings
from freetheai.store.keys import Key

_COLUMNS: Final = ("key_prefix", "user_id", "created_at", "revoked_at", "revoked_reason")


def register(subparsers: Subparsers) -> None:
    """Add `keys` and its actions."""
    actions = subparsers.add_parser("keys", help="issue, revoke and show members' keys").add_subparsers(
        dest="action", metavar="ACTION", required=True
    )
    issuing = actions.add_parser("issue", help="make a key, and its account where there is none")
    issuing.add_argument("--user", required=True, metavar="ID", help="Discord's number, or with Discord off any name")
    issuing.add_argument("--name", help="how to call the user")
    issuing.add_argument("--roles", type=_names, metavar="A,B", help="all the user's roles from now on")
    issuing.add_argument("--invites", type=int, metavar="N", help="people the user invited; decides the tier")
    issuing.add_argument("--check-in", action="store_true", help="note today's check-in too")
    issuing.add_argument("--rotate", action="store_true", help="replace the key the user has")
    output.add_json_option(issuing)
    issuing.set_defaults(run=issue)
    revoking = actions.add_parser("revoke", help="end a key at once, everywhere")
    _add_which(revoking)
    revoking.add_argument("--reason", default="revoked by the operator", help="why, for the audit")
    output.add_json_option(revoking)
    revoking.set_defaults(run=revoke)
    showing = actions.add_parser("show", help="whose a key is, or which keys a user had")
    _add_which(showing)
    output.add_json_option(showing)
    showing.set_defaults(run=show)


async def issue(args: argparse.Namespace, settings: Settings) -> int:
    """Make a key and print it."""
    change = UserChange(
        name=args.name, roles=args.roles, invites=args.invites, is_checked_in=True if args.check_in else None
    )
    async with open_backends(settings) as backends:
        try:
            issued = await backends.accounts.issue_key(
                args.user, actor=backends.actor, change=change, rotate=args.rotate
            )
        except HasKey as refused:
            raise CommandRefused(f"{refused}; --rotate replaces it") from refused
    output.write_record(args, asdict(issued))
    return EXIT_DONE


async def revoke(args: argparse.Namespace, settings: Settings) -> int:
    """End the key that is named and print it."""
    async with open_backends(settings) as backends:
        key = _the_one_to_revoke(await _find(args, backends.accounts))
        revoked = await backends.accounts.revoke_key(key, reason=args.reason, actor=backends.actor)
    output.write_record(args, _shown(revoked))
    return EXIT_DONE


async def show(args: argparse.Namespace, settings: Settings) -> int:
    """Print the keys that are named, revoked ones too."""
    async with open_backends(settings) as backends:
        keys = await _find(args, backends.accounts)
    output.write_rows(args, [_shown(key) for key in keys], _COLUMNS)
    return EXIT_DONE


async def _find(args: argparse.Namespace, accounts: Accounts) -> list[Key]:
    if args.user is not None:
        keys = await accounts.list_keys_of(args.user)
        missing = f"user {args.user!r} has no key"
    else:
        keys = await accounts.find_keys(args.key)
        missing = "there is no such key"
    if not keys:
        raise CommandRefused(missing)
    return keys


def _the_one_to_revoke(keys: list[Key]) -> Key:
    active = [key for key in keys if key["revoked_at"] is None]
    if not active:
        raise CommandRefused(f"key {keys[0]['key_prefix']}… has been revoked already")
    if len(active) > 1:
        raise CommandRefused("several keys begin so: name the whole key, or --user")
    return active[0]


def _shown(key: Key) -> Mapping[str, Any]:
    return {name: value for name, value in key.items() if name in _COLUMNS}


def _add_which(parser: argparse.ArgumentParser) -> None:
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("key", nargs="?", metavar="KEY|PREFIX", help="a key, or its first ten characters")
    which.add_argument("--user", metavar="ID", help="the key of this user")


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]
