"""`freetheai doctor`: check everything the gateway depends on, and say in words what to do about what is wrong."""

import argparse
import os
import resource
from collections.abc import AsyncIterator
from dataclasses import asdict
from pathlib import Path
from typing import Final

from freetheai.cli import EXIT_DONE, EXIT_REFUSED, Subparsers, output
from freetheai.cli.doctor_providers import check_providers
from freetheai.cli.finding import Finding
from freetheai.config import Settings
from freetheai.embedded import EmbeddedError, Wanted, open_services
from freetheai.limits import RedisFailure, open_redis
from freetheai.store.mongo import Store, StoreUnavailable

_ENOUGH_FILES: Final = 4096


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
    wanted = Wanted(mongodb=not settings.mongodb.url.reveal(), redis=not settings.redis.url.reveal())
    if not wanted.is_nothing:
        yield check_data_dir(settings.server.data_dir)
    try:
        async with open_services(settings.server.data_dir, wanted, _stay_silent) as addresses:
            mongodb_url = settings.mongodb.url.reveal() or addresses.mongodb_url
            yield await check_mongodb(mongodb_url, settings.mongodb.database)
            yield await check_redis(settings.redis.url.reveal() or addresses.redis_url)
    except EmbeddedError as error:
        yield Finding("embedded services", "error", str(error), "see the reason; or set mongodb.url and redis.url")
    for finding in await check_providers(settings):
        yield finding


def check_files() -> Finding:
    """Enough file handles for many streams."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if 0 <= hard < _ENOUGH_FILES:
        return Finding(
            "file handles",
            "warning",
            f"at most {hard}",
            f"each stream takes two: allow {_ENOUGH_FILES} (`ulimit -Hn`, minfds in supervisor)",
        )
    return Finding("file handles", "ok", f"at most {hard}" if hard >= 0 else "no limit")


def check_data_dir(data_dir: Path) -> Finding:
    """The folder of the embedded services, or the one it will be made in, can be written."""
    place = next(path for path in (data_dir.absolute(), *data_dir.absolute().parents) if path.exists())
    if place.is_dir() and os.access(place, os.W_OK):
        return Finding("data folder", "ok", str(data_dir))
    return Finding("data folder", "error", f"{place} is not a folder we may write", "set server.data_dir")


async def check_mongodb(url: str, database: str) -> Finding:
    """MongoDB answers and has its indexes."""
    try:
        store = Store(url, database)
        try:
            await store.start()
        finally:
            await store.close()
    except StoreUnavailable as error:
        return Finding("mongodb", "error", str(error), "check mongodb.url: host, port, user, password")
    return Finding("mongodb", "ok", "answers; indexes stand")


async def check_redis(url: str) -> Finding:
    """Redis answers."""
    try:
        redis = open_redis(url)
    except ValueError as error:
        return Finding("redis", "error", str(error), "check redis.url")
    try:
        await redis.ping()
    except RedisFailure as error:
        return Finding("redis", "error", str(error), "check redis.url: host, port, password")
    finally:
        await redis.close()
    return Finding("redis", "ok", "answers")


def _stay_silent(line: str) -> None:
    """Findings say what matters."""
    del line
