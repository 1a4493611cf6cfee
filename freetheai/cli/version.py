"""``freetheai version``, and ``version --self-check``: whether everything is there that is found only by its name.

A build into one file takes along what is imported in plain sight and loses the rest: scripts, and modules that are
imported by a name in a string. The self-check loads each of them, as the server would; the build ends by running it.
"""

import argparse
import platform
import warnings
from dataclasses import dataclass, field
from typing import Any

from freetheai import __version__
from freetheai.cli import EXIT_DONE, EXIT_REFUSED, Subparsers, output
from freetheai.cli.parts import all_parts
from freetheai.config import Settings


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
    for name, load in all_parts():
        try:
            with warnings.catch_warnings():
                # What libraries say of the future to those who develop with them.
                warnings.simplefilter("ignore")
                load()
        except Exception as reason:  # whatever keeps it from loading, the others are still looked at
            report.missing.append(f"{name}: {type(reason).__name__}: {reason}")
        else:
            report.loaded.append(name)
    return report
