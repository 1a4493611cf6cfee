"""The commands, one group a file: what a command is, how it ends, and nothing else.

A command module has ``register(subparsers)``: it adds its parser and names the coroutine function that does the work
with ``set_defaults(run=…)`` (each subcommand its own). ``freetheai.__main__`` reads the settings, runs it and exits:

    def register(subparsers: Subparsers) -> None:
        parser = subparsers.add_parser("stats", help="figures of the last day")
        output.add_json_option(parser)
        parser.set_defaults(run=run)

    async def run(args: argparse.Namespace, settings: Settings) -> int:
        ...
        return 0

Rules:
- exit status 0 done, 1 refused (``CommandRefused``: one line on stderr), 2 usage (``parser.error``);
- what was asked for goes to stdout through ``output``, everything else to stderr;
- ``--config FILE`` is taken out before a command sees its arguments: no command defines it;
- ``set_defaults(reads_settings=False)``: the command gets the built-in defaults and works without a sound
  configuration.
"""

import argparse
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeAlias

from freetheai.config import Settings

# What argparse hands out to add commands to; its class has no public name.
Subparsers: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"

Run = Callable[[argparse.Namespace, Settings], Awaitable[int]]

# Imported by name: a one-file build must be told of each (and its self-check walks this table).
COMMANDS = ("serve", "reload", "keys", "users", "bans", "models", "stats", "export", "import", "doctor", "version")

EXIT_DONE = 0
EXIT_REFUSED = 1
EXIT_USAGE = 2


class CommandRefused(Exception):
    """The command can't be done; the text is the one line an operator reads on stderr. Exit status 1."""


class Command(Protocol):
    """A module of this package."""

    def register(self, subparsers: Subparsers) -> None:
        """Add this command's parsers, each with its ``run``."""
        ...
