"""`freetheai doctor`: check everything the gateway depends on, and say in words what to do about what is wrong."""

import argparse
import resource
import tempfile
from collections.abc import AsyncIterator
from dataclasses import asdict
from ipaddress import ip_address
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from freetheai.cli import EXIT_DONE, EXIT_REFUSED, Subparsers, output
from freetheai.cli.doctor_discord import check_discord
from freetheai.cli.doctor_providers import check_providers
from freetheai.cli.doctor_stores import check_mongodb, check_redis
from freetheai.cli.finding import Finding
from freetheai.config import ServerSettings, Settings
from freetheai.embedded import EmbeddedError, Wanted, open_services

_ENOUGH_FILES: Final = 4096
# With fewer not even a few hundred streams fit.
_FEWEST_FILES: Final = 1024


def register(subparsers: Subparsers) -> None:
    """Add `doctor`."""
    parser = subparsers.add_parser("doctor", help="check every dependency and provider")
    output.add_json_option(parser)
    parser.set_defaults(run=run)


async def run(args: argparse.Namespace, settings: Settings) -> int:
    """Check all; exit status 1 when something is an error."""
    findings = [finding async for finding in examine(settings)]
    output.write_rows(args, [asdict(finding) for finding in findings], ("check", "state", "detail", "advice"))
    return EXIT_REFUSED if any(finding.state == "error" for finding in findings) else EXIT_DONE


async def examine(settings: Settings) -> AsyncIterator[Finding]:
    """All findings, in the order the gateway starts."""
    source = settings.source
    yield Finding("configuration", "ok", str(source) if source else "built-in defaults and environment")
    yield check_files()
    for finding in check_site_key(settings.server):
        yield finding
    wanted = Wanted(mongodb=not settings.mongodb.url.reveal(), redis=not settings.redis.url.reveal())
    if not wanted.is_nothing:
        yield check_data_dir(settings.server.data_dir)
    try:
        async with open_services(settings.server.data_dir, wanted, _stay_silent) as addresses:
            mongodb_url = settings.mongodb.url.reveal() or addresses.mongodb_url
            for finding in await check_mongodb(mongodb_url, settings.mongodb.database):
                yield finding
            for finding in await check_redis(settings.redis.url.reveal() or addresses.redis_url):
                yield finding
    except EmbeddedError as error:
        yield Finding("embedded services", "error", str(error), "see the reason; or set mongodb.url and redis.url")
    for finding in (*await check_providers(settings), *await check_discord(settings.discord)):
        yield finding


def check_files() -> Finding:
    """Enough file handles for many streams."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if 0 <= hard < _ENOUGH_FILES:
        return Finding(
            "file handles",
            "error" if hard < _FEWEST_FILES else "warning",
            f"at most {hard}",
            f"each stream takes two: allow {_ENOUGH_FILES} (`ulimit -Hn`, minfds in supervisor)",
        )
    return Finding("file handles", "ok", f"at most {hard}" if hard >= 0 else "no limit")


def check_site_key(server: ServerSettings) -> list[Finding]:
    """Whoever can be reached from outside has a site key of its own; nothing to say otherwise."""
    places = (server.host, urlsplit(server.public_url).hostname or "")
    if server.site_key != ServerSettings().site_key or all(map(_is_loopback, places)):
        return []
    return [
        Finding(
            "site key",
            "warning",
            "server.site_key is the default, which everybody knows: it opens the catalog and the leaderboard",
            "set server.site_key to a text of your own",
        )
    ]


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def check_data_dir(data_dir: Path) -> Finding:
    """The folder of the embedded services, or the one it will be made in, can be written."""
    place = next(path for path in (data_dir.absolute(), *data_dir.absolute().parents) if path.exists())
    try:
        # By trying: what the rights say is not all (read-only and special file systems, quotas).
        with tempfile.TemporaryFile(dir=place):
            pass
    except OSError as error:
        return Finding(
            "data folder",
            "error",
            f"{place} can't be written: {error.strerror}",
            "set server.data_dir to a folder of the server's user, or chown this one",
        )
    return Finding("data folder", "ok", str(data_dir))


def _stay_silent(line: str) -> None:
    """Findings say what matters."""
    del line
