"""`freetheai stats`: what was asked of the house, from its ledger, and how it does right now, from the live truth.

The ledger has a row for each generation that got as far as its model; what was refused before that is counted in the
live truth alone, for an hour.
"""

import argparse
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from freetheai import clock
from freetheai.cli import EXIT_DONE, Subparsers, output
from freetheai.cli.context import Backends, open_backends
from freetheai.config import Settings
from freetheai.limits import RedisFailure
from freetheai.limits.live import LiveBoard
from freetheai.live import Live, Truth
from freetheai.store.usage_figures import Sums, UsageFigures

_UNITS: Final[Mapping[str, str]] = {"m": "minutes", "h": "hours", "d": "days"}
_MAX_WINDOW: Final = timedelta(days=366)
# What the tables are of: their name in the JSON document, and the ledger's field.
_TABLES: Final[Mapping[str, str]] = {
    "by_alias": "alias",
    "by_client": "client",
    "by_refusal": "type",
}
_COLUMNS: Final = ("name", "requests", "successes", "errors", "unique_users", "input_tokens", "output_tokens")
_LIVE_COLUMNS: Final = (
    "prefix", "status", "requests_30m", "errors_30m", "requests_60m", "errors_60m", "last_success_at", "last_error_at"
)  # fmt: skip
_ALIAS_COLUMNS: Final = ("id", *_LIVE_COLUMNS[2:])


def register(subparsers: Subparsers) -> None:
    """Add `stats`."""
    parser = subparsers.add_parser("stats", help="what was asked of the house, and how it does now")
    parser.add_argument(
        "--window",
        type=_window,
        default="today",
        metavar="today|30m|24h|7d",
        help="since when: the UTC day, or so many minutes, hours or days (default: today)",
    )
    parser.add_argument("--limit", type=_limit, default=20, metavar="N", help="rows of each table (default: 20)")
    output.add_json_option(parser)
    parser.set_defaults(run=run)


async def run(args: argparse.Namespace, settings: Settings) -> int:
    """Print the figures."""
    now = clock.utc_now()
    since = _since(args.window, now)
    async with open_backends(settings) as backends:
        document = await _from_ledger(UsageFigures(backends.store), since)
        live = await _live(backends, settings)
    document = {"generated_at": now, "window": args.window, "since": since, **document, "live": live}
    for name in (*_TABLES, "by_hour"):
        # Of the hours the last ones: the others are in order of weight already.
        rows = document[name]
        document[name] = rows[-args.limit :] if name == "by_hour" else rows[: args.limit]
    if args.json:
        output.write_json(document)
    else:
        _write_tables(document, args.limit)
    return EXIT_DONE


async def _from_ledger(figures: UsageFigures, since: datetime) -> dict[str, Any]:
    totals = _row(await figures.sums(since))
    del totals["name"]
    tables = {name: [_row(sums) for sums in await figures.sums_by(field, since)] for name, field in _TABLES.items()}
    # A success has no type.
    tables["by_refusal"] = [row for row in tables["by_refusal"] if row["name"]]
    return {**totals, **tables, "by_hour": [_row(sums) for sums in await figures.sums_by_hour(since)]}


def _row(sums: Sums) -> dict[str, Any]:
    row = asdict(sums)
    row["errors"] = sums.requests - sums.successes
    return row


async def _live(backends: Backends, settings: Settings) -> dict[str, Any] | None:
    """The live truth; None while Redis is away: the ledger has something to say all the same."""
    try:
        truth = await Live(LiveBoard(backends.redis, settings.redis.prefix), None).listen()
    except RedisFailure:
        return None
    prefixes = sorted({*settings.providers, *truth.totals.providers})
    return {
        "processes": len(truth.outages),
        "providers": [
            {"prefix": prefix, "status": truth.provider_status(prefix), **_figures(truth, "provider", prefix)}
            for prefix in prefixes
        ],
        "aliases": [{"id": alias, **_figures(truth, "alias", alias)} for alias in sorted(truth.totals.aliases)],
        "refusals": [
            {"type": error_type, "30m": both[0], "60m": both[1]}
            for error_type, both in sorted(truth.totals.refusals.items(), key=lambda item: (-item[1][1], item[0]))
        ],
        "clients": [
            {"client_name": name, "unique_users": users}
            for name, users in sorted(truth.clients.items(), key=lambda item: (-item[1], item[0]))
        ],
    }


def _figures(truth: Truth, kind: str, name: str) -> dict[str, Any]:
    figures = truth.provider(name) if kind == "provider" else truth.alias(name)
    return {
        **figures.shown(),
        "last_success_at": _at(figures.last_success_s),
        "last_error_at": _at(figures.last_error_s),
    }


def _write_tables(document: Mapping[str, Any], limit: int) -> None:
    names = ("window", "since", "requests", "successes", "errors", "unique_users", "input_tokens", "output_tokens",
             "cached_tokens")  # fmt: skip
    output.write_record(argparse.Namespace(json=False), {name: document[name] for name in names})
    for name in (*_TABLES, "by_hour"):
        _section(name.replace("_", " "), document[name], _COLUMNS)
    live = document["live"]
    if live is None:
        output.write("\nlive: Redis does not answer\n")
        return
    _section(f"live providers, of {live['processes']} processes", live["providers"], _LIVE_COLUMNS)
    _section("live aliases", live["aliases"][:limit], _ALIAS_COLUMNS)
    _section("live refusals", live["refusals"], ("type", "30m", "60m"))
    _section("live clients", live["clients"], ("client_name", "unique_users"))


def _section(title: str, rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
    if rows:
        output.write(f"\n{title}\n")
        output.write(output.table(rows, columns))


def _at(seconds: int) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if seconds else None


def _since(window: str, now: datetime) -> datetime:
    if window == "today":
        return now.replace(hour=0, minute=0, second=0, microsecond=0)
    return now - timedelta(**{_UNITS[window[-1]]: int(window[:-1])})


def _window(text: str) -> str:
    found = re.fullmatch(r"([0-9]{1,6})([mhd])", text, re.ASCII)
    is_sound = text == "today" or (
        found is not None and timedelta() < timedelta(**{_UNITS[found[2]]: int(found[1])}) <= _MAX_WINDOW
    )
    if not is_sound:
        raise argparse.ArgumentTypeError(f"'today', or up to a year of minutes, hours or days as in 24h, not {text!r}")
    return text


def _limit(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 6 or not 1 <= int(text) <= 100_000:
        raise argparse.ArgumentTypeError(f"a whole number from 1 to 100000, not {text!r}")
    return int(text)
