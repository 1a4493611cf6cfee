"""`freetheai serve`: run the gateway until it is told to stop.

Signals: TERM and INT drain and stop (a second one ends at once), HUP reads the configuration again, as does the notice
of `freetheai reload`. With ``--announce`` it prints where it is, a member key and a line to try it with: what
`scripts/run` shows.
"""

import argparse
import asyncio
import gc
import logging
import os
import resource
import signal
import sys
from typing import Final

from freetheai import clock
from freetheai.app import Gateway, StartFailed
from freetheai.catalog import Model
from freetheai.cli import CommandRefused, Subparsers
from freetheai.config import ConfigError, Settings, load_settings, reloadable_differences, reloaded
from freetheai.embedded import EmbeddedError
from freetheai.log import setup_logging
from freetheai.store.mongo import StoreUnavailable

_logger = logging.getLogger(__name__)

# The account that `--announce` makes a key for, when there is no key at all yet.
FIRST_USER: Final = "operator"
# How we were called, as the reader of our lines can call us too.
_PROGRAM: Final = os.path.relpath(sys.argv[0])


def register(subparsers: Subparsers) -> None:
    """Add `serve`."""
    parser = subparsers.add_parser("serve", help="run the gateway")
    parser.add_argument(
        "--announce", action="store_true", help="print the base URL, a first member key and a line to try it with"
    )
    parser.set_defaults(run=run)


async def run(args: argparse.Namespace, settings: Settings) -> int:
    """Serve until a signal; the exit status is 0 after a drain."""
    setup_logging(now_s=clock.now_s)
    _raise_file_limit()
    stop = asyncio.Event()
    _end_on_signals(stop)
    gateway = Gateway(settings, _report)
    starting = asyncio.ensure_future(gateway.start())
    stopping = asyncio.ensure_future(stop.wait())
    await asyncio.wait((starting, stopping), return_when=asyncio.FIRST_COMPLETED)
    try:
        if not starting.done():
            starting.cancel()
        await starting
    except asyncio.CancelledError:
        return 0
    except (StartFailed, EmbeddedError) as error:
        raise CommandRefused(str(error)) from error
    finally:
        stopping.cancel()
    await _serve(args, gateway, settings, stop)
    return 0


async def _serve(args: argparse.Namespace, gateway: Gateway, settings: Settings, stop: asyncio.Event) -> None:
    _reload_when_told(gateway, settings, args)
    _calm_collector()
    try:
        if args.announce:
            await announce(gateway, settings)
        else:
            _report(f"serving on http://{settings.server.host}:{gateway.get_parts().public_port}")
        await stop.wait()
        _report("draining: new requests are refused, running answers may end (again: stop at once)")
        _kill_on_signals()
        await gateway.drain()
    finally:
        await gateway.stop()
        _report("stopped")


async def announce(gateway: Gateway, settings: Settings) -> None:
    """Print where to go. A key is made only when there is none; a key that exists can't be shown again."""
    parts = gateway.get_parts()
    base_url = f"http://{_shown_host(settings.server.host)}:{parts.public_port}/v1"
    key = ""
    try:
        if not await parts.accounts.has_keys():
            issued = await parts.accounts.issue_key(FIRST_USER, actor="serve --announce")
            key = issued.key
    except StoreUnavailable as error:
        raise CommandRefused(str(error)) from error
    alias = next((model.id for model in parts.services.catalog.models() if _is_open_chat(model)), "")
    lines = ["", f"Base URL:   {base_url}"]
    if key:
        lines.append(f"Member key: {key}   (shown once; kept as a hash)")
    else:
        lines.append(f"Member key: the one you have; for a new one: {_PROGRAM} keys issue --user {FIRST_USER} --rotate")
    if alias:
        lines += ["", "Try it:", *_curl_lines(base_url, key or "YOUR_KEY", alias)]
    else:
        lines += ["", "No model yet: configure a provider, then `freetheai models load FILE`."]
    lines += ["", "Ctrl-C stops.", ""]
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


def _is_open_chat(model: Model) -> bool:
    return model.is_listed and model.supports_chat and not model.role_groups


def _curl_lines(base_url: str, key: str, alias: str) -> list[str]:
    body = (
        f'{{"model": "{alias}", "stream": true,'
        ' "messages": [{"role": "user", "content": "Tell me a short story about a lighthouse."}]}'
    )
    return [f"curl -N {base_url}/chat/completions -H 'Authorization: Bearer {key}' -d '{body}'"]


def _shown_host(host: str) -> str:
    if host in ("0.0.0.0", "::", ""):  # noqa: S104  (shown as what one can connect to)
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host


def _report(line: str) -> None:
    """Progress for whoever started us; in a log file it is a line like the others."""
    if sys.stderr.isatty():
        sys.stderr.write(f"  {line}\n")
        sys.stderr.flush()
    else:
        _logger.info(line)


def _end_on_signals(stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)


def _kill_on_signals() -> None:
    """A second signal ends at once: no drain, but nothing is left behind either (children end with us)."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, os._exit, 1)


def _reload_when_told(gateway: Gateway, settings: Settings, args: argparse.Namespace) -> None:
    current = settings

    def reload() -> None:
        nonlocal current
        try:
            new = load_settings(args.config, os.environ)
            differences = reloadable_differences(current, new)
            current = reloaded(current, new)
            gateway.reload(current)
        except (ConfigError, LookupError) as error:
            _logger.error("configuration not reloaded", extra={"reason": str(error)})
            return
        _logger.info(
            "configuration reloaded",
            extra={"changed": list(differences.reloadable), "needs_restart": list(differences.needs_restart)},
        )

    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, reload)
    gateway.on_reload_notice = reload


def _calm_collector() -> None:
    """Take what is there after the start out of garbage collection, and collect less often.

    None of it goes before the end, yet each full collection would look through all of it: tens of milliseconds in
    which no token moves. Seldom is enough: nearly all that a request leaves is freed without the collector.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


def _raise_file_limit() -> None:
    """Each stream takes two file handles; take as many as the system lets us have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
