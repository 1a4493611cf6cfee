"""`scripts/bench`: start everything, measure, print a table and, if wanted, write JSON."""

import argparse
import asyncio
import os
import platform
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from freetheai import __version__
from scripts.benchmarks.house import Cores, open_house, pin_to_cores
from scripts.benchmarks.load import LoadError
from scripts.benchmarks.measures import FULL, MEASURES, OPEN_STREAMS, QUICK
from scripts.benchmarks.report import Figure, as_json, table
from scripts.benchmarks.upstream import Upstream


def main() -> int:
    """Run; exit status 1 when something could not be measured. A missed aim is shown, not an error."""
    args = _arguments()
    _raise_file_limit()
    cores = pin_to_cores()
    began_s = time.monotonic()
    try:
        figures = asyncio.run(_run(args, cores))
    except (LoadError, RuntimeError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    took_s = round(time.monotonic() - began_s, 1)
    notes = [cores.describe(), _machine(), f"{'quick, ' if args.quick else ''}{took_s:.0f} s"]
    print(table(figures, notes))
    if args.json is not None:
        args.json.write_bytes(as_json(figures, notes, _facts(args, cores, took_s)))
    return 0


async def _run(args: argparse.Namespace, cores: Cores) -> list[Figure]:
    figures: list[Figure] = []
    effort = QUICK if args.quick else FULL
    with tempfile.TemporaryDirectory(prefix="freetheai-bench-") as folder:
        async with Upstream() as upstream, open_house(upstream.url, Path(folder), cores) as house:
            for name, measure in MEASURES.items():
                if not args.only or name in args.only:
                    print(f"bench: {name}", file=sys.stderr)
                    figures += await measure(house, upstream, effort)
    return figures


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds: less exact, under 45 s")
    parser.add_argument("--only", action="append", choices=sorted(MEASURES), help="this measure alone; may be repeated")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the same figures to FILE as JSON")
    return parser.parse_args()


def _raise_file_limit() -> None:
    """Each open stream takes two file handles here and two in the proxy, which inherits the limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard != resource.RLIM_INFINITY and hard < 2 * OPEN_STREAMS + 200:
        print(f"bench: only {hard} files may be open: {OPEN_STREAMS} streams may not fit", file=sys.stderr)


def _facts(args: argparse.Namespace, cores: Cores, took_s: float) -> dict[str, Any]:
    return {
        "version": __version__,
        "is_quick": bool(args.quick),
        "took_s": took_s,
        "machine": _machine(),
        "cores": {"measured": cores.measured, "others": list(cores.others), "are_separate": cores.are_separate},
    }


def _machine() -> str:
    return f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.machine()}"


if __name__ == "__main__":
    sys.exit(main())
