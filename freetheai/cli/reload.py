"""`freetheai reload`: tell every running server to read its configuration again, as SIGHUP does to one.

What can't be used is refused here, before any server is told: the configuration as this command reads it, and the
moderation patterns it names.
"""

import argparse

from freetheai.bus import NoticeNotSent
from freetheai.cli import EXIT_DONE, CommandRefused, Subparsers, output
from freetheai.cli.context import open_backends
from freetheai.config import Settings
from freetheai.config.reload import RELOADABLE
from freetheai.moderation.patterns import PatternsError, load_patterns


def register(subparsers: Subparsers) -> None:
    """Add `reload`."""
    parser = subparsers.add_parser("reload", help="let running servers read their configuration again")
    output.add_json_option(parser)
    parser.set_defaults(run=run)


async def run(args: argparse.Namespace, settings: Settings) -> int:
    """Publish the notice; exit status 1 when it could not be sent."""
    if settings.moderation.patterns_file is not None:
        try:
            load_patterns(settings.moderation.patterns_file)
        except PatternsError as error:
            raise CommandRefused(str(error)) from error
    async with open_backends(settings) as backends:
        try:
            await backends.bus.publish("config", "")
        except NoticeNotSent as error:
            raise CommandRefused(f"running servers were not told: {error}") from error
        await backends.audit("config.reload", "", {"parts": list(RELOADABLE)})
    output.write_record(args, {"reloading": list(RELOADABLE)})
    return EXIT_DONE
