"""``freetheai version``, and ``version --self-check``: whether everything is there that is found only by its name.

A build into one file takes along what is imported in plain sight and loses the rest: scripts, and modules that are
imported by a name in a string. The self-check loads each of them, as the server would; the build ends by running it.
"""

import argparse
import platform
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import adapters
from freetheai import __version__
from freetheai.cli import COMMANDS, EXIT_DONE, EXIT_REFUSED, Subparsers, output
from freetheai.config import Settings

# It imports every handler in plain sight.
_ROUTES = "handlers.routes"


@dataclass(slots=True)
class Report:
    """What could be loaded, as ``kind: name``, and what could not, with the reason."""

    loaded: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)


def register(subparsers: Subparsers) -> None:
    """Add ``version``."""
    parser = subparsers.add_parser("version", help="print the version; with --self-check, what can be loaded")
    parser.add_argument("--self-check", action="store_true", help="load everything that is found only by its name")
    output.add_json_option(parser)
    parser.set_defaults(run=run, reads_settings=False)


async def run(args: argparse.Namespace, settings: Settings) -> int:
    """Print the version, and the self-check's report if asked; exit status 1 when something is missing."""
    del settings
    facts: dict[str, Any] = {"version": __version__, "python": platform.python_version()}
    report = self_check() if args.self_check else Report()
    if args.json:
        checked = {"loaded": report.loaded, "missing": report.missing} if args.self_check else {}
        output.write_json(facts | checked)
    else:
        output.write(f"freetheai {__version__} (Python {facts['python']})\n")
        output.write("".join(f"loaded {name}\n" for name in report.loaded))
        output.write("".join(f"missing {name}\n" for name in report.missing))
    return EXIT_REFUSED if report.missing else EXIT_DONE


def self_check() -> Report:
    """Load everything; an installation is complete when nothing is missing."""
    report = Report()
    for name, load in _parts():
        try:
            load()
        except Exception as reason:  # whatever keeps it from loading, the others are still looked at
            report.missing.append(f"{name}: {type(reason).__name__}: {reason}")
        else:
            report.loaded.append(name)
    return report


def _parts() -> Iterator[tuple[str, Callable[[], object]]]:
    yield "scripts of the limits", _load_scripts
    for family, formats in adapters.FAMILIES.items():
        for format_name in formats:
            yield f"adapter {family}/{format_name}", partial(adapters.find, family, format_name)
    yield "handlers", partial(import_module, _ROUTES)
    yield "moderation worker", _find_worker
    for command in COMMANDS:
        yield f"command {command}", partial(_load_command, command)


def _load_scripts() -> None:
    # Imported here: where it is what is missing, the others are still looked at.
    scripts = import_module("freetheai.limits.scripts")
    scripts.load_scripts()
    scripts.load_failed_keys_script()
    scripts.load_windows_script()


def _find_worker() -> None:
    # Run as a script by an interpreter of its own: it has to be a file.
    worker = import_module("freetheai.moderation.worker").__file__
    if worker is None or not Path(worker).is_file():
        raise FileNotFoundError(f"{worker} is no file")


def _load_command(name: str) -> None:
    if not callable(getattr(import_module(f"freetheai.cli.{name}"), "register", None)):
        raise TypeError("it has no register()")
