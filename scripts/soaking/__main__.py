"""`scripts/soak`: rounds of load, a look at the quiet gateway after each, and a judgement over all looks.

Strategy: under load everything rises and falls, so figures are taken when the clients of a round have gone and the
gateway has had time to come to rest. What it then holds on to must not grow: handles, sockets, tasks and threads not
at all, leases are to be none, memory hardly.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests"))

from scripts.soaking.clients import Clients
from scripts.soaking.house import open_house
from scripts.soaking.judgement import judge
from scripts.soaking.look import Look, take_look

_ROUNDS = 12
_LONGEST_ROUND_S = 60.0
_REST_S = 10.0


def main() -> int:
    """Run; exit status 1 when something has grown or the gateway has ended."""
    args = _arguments()
    try:
        looks, ends = asyncio.run(_run(args))
    except RuntimeError as error:
        print(f"soak: {error}", file=sys.stderr)
        return 1
    print("\nhow requests ended: " + ", ".join(f"{name} {count}" for name, count in sorted(ends.items())))
    complaints = judge(looks)
    for complaint in complaints:
        print(f"GREW    {complaint}")
    if not complaints:
        print("ok      nothing grew")
    return 1 if complaints else 0


async def _run(args: argparse.Namespace) -> tuple[list[Look], dict[str, int]]:
    seconds = args.minutes * 60
    round_s = min(_LONGEST_ROUND_S, seconds / _ROUNDS)
    with tempfile.TemporaryDirectory(prefix="freetheai-soak-") as folder:
        async with open_house(Path(folder), args.command) as house:
            clients, looks, began_s = Clients(house, args.clients, args.seed), [], time.monotonic()
            print(Look.heading())
            while time.monotonic() - began_s < seconds:
                await clients.play(round_s)
                looks.append(await take_look(house, clients.requests, time.monotonic() - began_s, rest_s=_REST_S))
                print(looks[-1].row(), flush=True)
            return looks, dict(clients.ends)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="how long to keep it busy (default: 10)")
    parser.add_argument("--clients", type=int, default=24, help="clients at once (default: 24)")
    parser.add_argument("--seed", type=int, default=1, help="which dice the clients throw (default: 1)")
    parser.add_argument("--command", help="the program to soak, such as dist/freetheai (default: the source)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
