"""`freetheai doctor`: check everything the gateway depends on, and say in words what to do about what is wrong."""

import argparse
import asyncio
import os
import resource
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import adapters
from freetheai.cli import EXIT_DONE, EXIT_REFUSED, Subparsers, output
from freetheai.config import ProviderSettings, Settings
from freetheai.embedded import EmbeddedError, Wanted, open_services
from freetheai.limits import RedisFailure, open_redis
from freetheai.store.mongo import Store, StoreUnavailable
from freetheai.upstream import CallTimeouts, ResponseHead, Upstream, UpstreamCall

_ENOUGH_FILES: Final = 4096
_MAX_ANSWER_BYTES: Final = 4 * 1024 * 1024
_TIMEOUTS: Final = CallTimeouts(connect_s=5, first_byte_s=10, idle_s=10, total_s=20)


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: ``state`` is ``ok``, ``warning`` or ``error``; ``advice`` says what to do."""

    check: str
    state: str
    detail: str
    advice: str = ""


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


async def check_providers(settings: Settings) -> Sequence[Finding]:
    """Ask each provider for its models: the cheapest call that needs a valid key."""
    if not settings.providers:
        return [Finding("providers", "ok", "none configured: the local model serves")]
    upstream = Upstream()
    try:
        return await asyncio.gather(
            *(check_provider(upstream, prefix, provider) for prefix, provider in settings.providers.items())
        )
    finally:
        upstream.close()


async def check_provider(upstream: Upstream, prefix: str, provider: ProviderSettings) -> Finding:
    """One provider: its adapter exists, it answers, its first key is taken."""
    name = f"provider {prefix}"
    try:
        formats = provider.formats or adapters.formats_of(provider.adapter)
        for one in formats:
            adapters.find(provider.adapter, one)
    except adapters.UnknownAdapterError as error:
        return Finding(name, "error", str(error), f"mend [providers.{prefix}] adapter or formats")
    headers = [f"Authorization: Bearer {key.reveal()}" for key in provider.api_keys[:1]]
    call = UpstreamCall(
        method="GET", url=provider.base_url.rstrip("/") + "/models", headers=headers, timeouts=_TIMEOUTS
    )
    answer = await upstream.fetch(call, _MAX_ANSWER_BYTES)
    if not isinstance(answer.head, ResponseHead):
        kind = answer.end.failure.kind if answer.end.failure else "aborted"
        return Finding(name, "error", f"no answer ({kind})", f"check [providers.{prefix}] base_url and the network")
    return _judge_status(name, prefix, answer.head.status)


def _judge_status(name: str, prefix: str, status: int) -> Finding:
    if status in (401, 402, 403):
        return Finding(name, "error", f"refuses the key (HTTP {status})", f"check [providers.{prefix}] api_keys")
    if status == 404:
        return Finding(name, "warning", "answers, but has no list of models", "nothing, if requests work")
    if status >= 500 or status == 429:
        return Finding(name, "warning", f"answers HTTP {status}", "wait; it is limited or in trouble")
    if status >= 400:
        return Finding(name, "warning", f"answers HTTP {status}", f"check [providers.{prefix}] base_url")
    return Finding(name, "ok", f"answers (HTTP {status})")


def _stay_silent(line: str) -> None:
    """Findings say what matters."""
    del line
