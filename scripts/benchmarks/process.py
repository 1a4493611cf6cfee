"""What the kernel knows of a process: processor time and memory. Linux only."""

import os
import socket
from contextlib import ExitStack
from pathlib import Path


def cpu_s(pid: int) -> float:
    """Processor seconds of a process so far, all its threads together.

    From the scheduler's own count (nanoseconds) where the kernel keeps one, else in ticks of 10 ms.
    """
    try:
        tasks = [int(task.joinpath("schedstat").read_text().split()[0]) for task in Path(f"/proc/{pid}/task").iterdir()]
    except OSError:
        tasks = []
    if any(tasks):
        return sum(tasks) / 1e9
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mb(pid: int) -> float:
    """Resident memory of a process, in MB of 1,000,000 bytes."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def free_ports(count: int) -> list[int]:
    """Loopback ports that are free now, all different."""
    with ExitStack() as stack:
        listeners = [stack.enter_context(socket.socket()) for _ in range(count)]
        for listener in listeners:
            listener.bind(("127.0.0.1", 0))
        return [int(listener.getsockname()[1]) for listener in listeners]
