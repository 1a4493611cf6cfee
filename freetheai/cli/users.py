"""`freetheai users show|list|set`: accounts, their standing, roles and limits of their own."""

import argparse
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from freetheai import clock
from freetheai.accounts import UserChange
from freetheai.cli import EXIT_DONE, CommandRefused, Subparsers, output
from freetheai.cli.context import Backends, open_backends
from freetheai.config import Settings
from freetheai.store.keys import Key
from freetheai.store.usage_figures import UsageFigures
from freetheai.store.users import User

_DAYS: Final = 30
_COLUMNS: Final = (
    "user_id",
    "name",
    "key_prefix",
    "roles",
    "invites",
    "is_member",
    "paused_reason",
    "last_checkin_day",
    "streak",
)
# Option: the limit it overrides.
_LIMITS: Final[Mapping[str, str]] = {
    "rate_limit": "rate_limit_per_minute",
    "concurrency": "concurrency_limit",
    "daily_limit": "daily_success_limit",
}


def register(subparsers: Subparsers) -> None:
    """Add `users` and its actions."""
    actions = subparsers.add_parser("users", help="show and change accounts").add_subparsers(
        dest="action", metavar="ACTION", required=True
    )
    showing = actions.add_parser("show", help="one account")
    showing.add_argument("user", metavar="ID")
    showing.add_argument(
        "--days", type=_days, default=_DAYS, metavar="N", help=f"how far back to look for clients (default: {_DAYS})"
    )
    output.add_json_option(showing)
    showing.set_defaults(run=show)
    listing = actions.add_parser("list", help="every account")
    output.add_json_option(listing)
    listing.set_defaults(run=list_users)
    setting = actions.add_parser("set", help="change an account")
    setting.add_argument("user", metavar="ID")
    _add_changes(setting)
    output.add_json_option(setting)
    setting.set_defaults(run=set_user, refuse_usage=setting.error)


def _add_changes(parser: argparse.ArgumentParser) -> None:
    pause = parser.add_mutually_exclusive_group()
    pause.add_argument("--pause", metavar="REASON", help="refuse the user's requests; the user is told why")
    pause.add_argument("--unpause", action="store_true", help="let the user in again")
    member = parser.add_mutually_exclusive_group()
    member.add_argument("--member", dest="is_member", action="store_const", const=True, help="is in the server")
    member.add_argument("--left", dest="is_member", action="store_const", const=False, help="has left the server")
    checkin = parser.add_mutually_exclusive_group()
    checkin.add_argument("--check-in", dest="check_in", action="store_const", const=True, help="has checked in today")
    checkin.add_argument("--no-check-in", dest="check_in", action="store_const", const=False, help="has not")
    parser.add_argument("--name", help="how to call the user")
    parser.add_argument("--add-role", action="append", default=[], metavar="R", help="may be given several times")
    parser.add_argument("--remove-role", action="append", default=[], metavar="R", help="may be given several times")
    parser.add_argument("--invites", type=int, metavar="N", help="people the user invited; decides the tier")
    for option, limit in _LIMITS.items():
        name = "--" + option.replace("_", "-")
        parser.add_argument(name, type=_limit, metavar="N|default", help=f"{limit} of this user alone")


async def show(args: argparse.Namespace, settings: Settings) -> int:
    """Print one account, with the signatures of the clients it was used with."""
    async with open_backends(settings) as backends:
        user = await backends.accounts.find_user(args.user)
        if user is None:
            raise CommandRefused(f"there is no user {args.user!r}")
        row = await _with_key(backends, user)
        since = clock.utc_now() - timedelta(days=args.days)
        row["clients"] = await UsageFigures(backends.store).clients_of(args.user, since)
    output.write_record(args, row)
    return EXIT_DONE


async def list_users(args: argparse.Namespace, settings: Settings) -> int:
    """Print every account."""
    async with open_backends(settings) as backends:
        users = await backends.accounts.list_users()
        key_of = {key["user_id"]: key for key in await backends.accounts.list_active_keys()}
    output.write_rows(args, [_row(user, key_of.get(user["user_id"])) for user in users], _COLUMNS)
    return EXIT_DONE


async def set_user(args: argparse.Namespace, settings: Settings) -> int:
    """Change one account and print it."""
    change = _change(args)
    if change == UserChange():
        args.refuse_usage("nothing to change: name at least one option")
    async with open_backends(settings) as backends:
        user = await backends.accounts.set_user(args.user, change, actor=backends.actor)
        row = await _with_key(backends, user)
    output.write_record(args, row)
    return EXIT_DONE


def _change(args: argparse.Namespace) -> UserChange:
    asked = {limit: getattr(args, option) for option, limit in _LIMITS.items()}
    return UserChange(
        name=args.name,
        paused_reason=args.pause,
        is_unpaused=args.unpause,
        is_member=args.is_member,
        is_checked_in=args.check_in,
        invites=args.invites,
        add_roles=tuple(args.add_role),
        remove_roles=tuple(args.remove_role),
        # 0 stands for "default": no user's limit is 0.
        overrides={limit: value or None for limit, value in asked.items() if value is not None},
    )


async def _with_key(backends: Backends, user: User) -> dict[str, Any]:
    keys = await backends.accounts.list_keys_of(user["user_id"])
    return _row(user, next((key for key in keys if key["revoked_at"] is None), None))


def _row(user: User, key: Key | None) -> dict[str, Any]:
    return {
        **{name: user.get(name) for name in User.__annotations__},
        "has_checked_in_today": user.get("last_checkin_day") == clock.utc_day(),
        "key_prefix": key["key_prefix"] if key else None,
    }


def _limit(text: str) -> int:
    """A limit, or 0 for the tier's."""
    if text == "default":
        return 0
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"a whole number above 0, or 'default', not {text!r}")
    return int(text)


def _days(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 4 or not 1 <= int(text) <= 3650:
        raise argparse.ArgumentTypeError(f"a whole number of days from 1 to 3650, not {text!r}")
    return int(text)
