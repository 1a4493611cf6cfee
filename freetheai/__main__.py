"""The ``freetheai`` command: finds the command, reads the configuration, runs it, turns its end into an exit status.

Rules:
- only the module of the command that is asked for is imported: ``keys show`` needs no HTTP server;
- ``--config FILE`` is accepted anywhere on the line;
- a mistake of the operator is one line on stderr, never a traceback; a mistake of ours is a traceback.
"""

import argparse
import asyncio
import os
import sys
from collections.abc import Iterable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from freetheai.cli import COMMANDS, EXIT_REFUSED, CommandRefused, Subparsers
from freetheai.config import ConfigError, Settings, load_settings

# What a shell reports for a program that Ctrl-C ended.
_EXIT_INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line (default: the process's own) and return its exit status: 0 done, 1 refused, 2 usage."""
    args = _parse(sys.argv[1:] if argv is None else argv)
    try:
        status = asyncio.run(_run(args))
        sys.stdout.flush()
    except (CommandRefused, ConfigError) as refused:
        sys.stderr.write(f"freetheai: {refused}\n")
        return EXIT_REFUSED
    except KeyboardInterrupt:
        return _EXIT_INTERRUPTED
    except BrokenPipeError:
        # The reader (`| head`) has gone; without this the interpreter complains once more when it flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_REFUSED
    return status


class _Parser(argparse.ArgumentParser):
    """Takes no shortened options, in subcommands neither: scripts that use one would break when another is added."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **{"allow_abbrev": False, **options})


async def _run(args: argparse.Namespace) -> int:
    settings = load_settings(args.config, os.environ) if args.reads_settings else Settings()
    status: int = await args.run(args, settings)
    return status


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    early = _Parser(prog="freetheai", add_help=False)
    early.add_argument("--config", type=Path, metavar="FILE", help="the configuration (TOML)")
    known, rest = early.parse_known_args(argv)
    asked_for = next((word for word in rest if not word.startswith("-")), "")
    names = (asked_for,) if asked_for in COMMANDS else COMMANDS
    args = _parser(names, early).parse_args(rest)
    args.config = known.config
    return args


def _parser(names: Iterable[str], early: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = _Parser(
        prog="freetheai",
        description="A gateway that gives a community's members free access to language models.",
        parents=[early],
    )
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    parser.set_defaults(reads_settings=True)
    for name in names:
        _register(name, subparsers)
    return parser


def _register(name: str, subparsers: Subparsers) -> None:
    try:
        command = import_module(f"freetheai.cli.{name}")
    except ImportError as missing:
        reason = f"the command {name!r} can't be loaded: {missing}"
    else:
        command.register(subparsers)
        return

    async def refuse(args: argparse.Namespace, settings: Settings) -> int:
        raise CommandRefused(reason)

    # A broken installation says so when the command is used; `version --self-check` must still run.
    # No argument is an option there: whatever else stands on the line is the missing command's own.
    parser = subparsers.add_parser(name, help="(not in this installation)", add_help=False, prefix_chars="\0")
    parser.add_argument("arguments", nargs=argparse.REMAINDER)
    parser.set_defaults(run=refuse, reads_settings=False)


if __name__ == "__main__":
    sys.exit(main())
