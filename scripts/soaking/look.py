"""One look at a gateway that rests: what it holds, from the system and from its own figures."""

import asyncio
import time
import urllib.request
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from scripts.benchmarks.process import resident_mb
from scripts.soaking.house import House, tail_of

_FIGURES = ("freetheai_tasks", "freetheai_leases", "freetheai_open_streams")


@dataclass(frozen=True, slots=True)
class Look:
    """After ``minutes`` and ``requests``; ``memory_mb`` in MB of 1,000,000 bytes."""

    minutes: float
    requests: int
    memory_mb: float
    handles: int
    sockets: int
    threads: int
    tasks: int
    leases: int
    streams: int

    @staticmethod
    def heading() -> str:
        """The names of a table of looks."""
        return " ".join(f"{field.name:>9}" for field in fields(Look))

    def row(self) -> str:
        """Its line of that table."""
        return " ".join(f"{value:9.1f}" if isinstance(value, float) else f"{value:9d}" for value in astuple(self))


async def take_look(house: House, requests: int, after_s: float, *, rest_s: float) -> Look:
    """Wait until nothing is at work, at most ``rest_s``, then look. Raises RuntimeError when the gateway has ended."""
    give_up_s = time.monotonic() + rest_s
    tasks = leases = streams = -1
    while time.monotonic() < give_up_s:
        if house.process.poll() is not None:
            raise RuntimeError(f"the gateway has ended: {tail_of(house.log)}")
        tasks, leases, streams = await asyncio.to_thread(_figures, house.admin_port)
        if not leases and not streams:
            await asyncio.sleep(1.0)  # closed connections are noticed, and the ledger written
            tasks, leases, streams = await asyncio.to_thread(_figures, house.admin_port)
            break
        await asyncio.sleep(0.2)
    handles, threads = _held(house.pid)
    return Look(
        minutes=after_s / 60,
        requests=requests,
        memory_mb=resident_mb(house.pid),
        handles=len(handles),
        sockets=sum(target.startswith("socket:") for target in handles),
        threads=threads,
        tasks=tasks,
        leases=leases,
        streams=streams,
    )


def _held(pid: int) -> tuple[list[str], int]:
    """What each file handle of a process stands for, and its number of threads."""
    process = Path(f"/proc/{pid}")
    return [_target(handle) for handle in (process / "fd").iterdir()], len(list((process / "task").iterdir()))


def _figures(admin_port: int) -> tuple[int, int, int]:
    with urllib.request.urlopen(f"http://127.0.0.1:{admin_port}/metrics", timeout=10) as answer:
        lines = dict(line.rsplit(" ", 1) for line in answer.read().decode().splitlines() if not line.startswith("#"))
    tasks, leases, streams = (int(float(lines[name])) for name in _FIGURES)
    return tasks, leases, streams


def _target(handle: Path) -> str:
    try:
        return str(handle.readlink())
    except OSError:
        return ""
