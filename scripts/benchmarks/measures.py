"""The measures: each asks the gateway and the pass-through in turn and gives figures, round by round.

Rules:
- A B A B: each round measures both within seconds of each other, and ratios are taken within a round, since what else
  the machine does changes from minute to minute;
- a figure is the median of its rounds, a ratio the median of the rounds' ratios;
- processor time is the measured process' own, over many requests or chunks.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from statistics import median, quantiles
from typing import Final

from scripts.benchmarks.gates import measure_gates
from scripts.benchmarks.house import House
from scripts.benchmarks.load import Stream, Target, ask_plain, ended, open_stream
from scripts.benchmarks.process import cpu_s, resident_mb
from scripts.benchmarks.report import Aim, Figure, figure
from scripts.benchmarks.upstream import Upstream

PARALLEL: Final = 32
OPEN_STREAMS: Final = 1000
_ABORT_WITHIN_S: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How long and how often."""

    rounds: int
    plain_s: float
    latency_s: float
    lockstep_chunks: int
    paced_s: float
    first_tokens: int
    aborts: int


FULL: Final = Effort(rounds=7, plain_s=3, latency_s=0.7, lockstep_chunks=1000, paced_s=2.5, first_tokens=150, aborts=40)
QUICK: Final = Effort(
    rounds=2, plain_s=1.5, latency_s=0.4, lockstep_chunks=400, paced_s=1.2, first_tokens=50, aborts=10
)

Measure = Callable[[House, Upstream, Effort], Awaitable[list[Figure]]]


async def plain(house: House, upstream: Upstream, effort: Effort) -> list[Figure]:
    """Requests a second with 32 connections, processor time a request, latency added to one request at a time."""
    del upstream
    rates: list[tuple[float, float]] = []
    costs: list[tuple[float, float]] = []
    added: list[tuple[float, float]] = []
    busy = [0.0]
    for target in (house.gateway, house.bare):
        await ask_plain(target, connections=PARALLEL, seconds=0.5)
    for _ in range(effort.rounds):
        seen = [await _plain_load(target, effort.plain_s) for target in (house.gateway, house.bare)]
        rates.append((seen[0][0], seen[1][0]))
        costs.append((seen[0][1], seen[1][1]))
        busy.append(min(seen[0][2], seen[1][2]))
        targets = (house.direct, house.gateway, house.bare)
        direct, gateway, bare = [await _latency(target, effort.latency_s) for target in targets]
        added.append((gateway - direct, bare - direct))
    note = f"the measured process had its core for {min(busy[1:]):.0%} of the time at least"
    return [
        figure("plain.rate", "plain chat, 32 connections", "requests/s", rates, Aim(min_ratio=0.7), note=note),
        figure("plain.cpu_us", "  processor time", "µs/request", costs),
        figure("plain.added_ms", "  latency added to one at a time", "ms", added),
    ]


async def _plain_load(target: Target, seconds: float) -> tuple[float, float, float]:
    """Requests a second, processor time a request (µs), how busy the process was."""
    began_s, began_cpu_s = time.perf_counter(), cpu_s(target.pid)
    asking = await ask_plain(target, connections=PARALLEL, seconds=seconds)
    took_s, used_s = time.perf_counter() - began_s, cpu_s(target.pid) - began_cpu_s
    answers = sum(connection.answers for connection in asking)
    return answers / took_s, used_s / answers * 1e6, used_s / took_s


async def _latency(target: Target, seconds: float) -> float:
    (connection,) = await ask_plain(target, connections=1, seconds=seconds)
    return median(connection.seconds) * 1000


async def gates(house: House, upstream: Upstream, effort: Effort) -> list[Figure]:
    """Round trips and processor time of all that stands before a provider's call, and after it."""
    del upstream
    return await measure_gates(house, effort.plain_s, effort.rounds, each=1600)


async def chunks(house: House, upstream: Upstream, effort: Effort) -> list[Figure]:
    """Processor time a relayed chunk: as fast as chunks can follow each other, and at a model's pace."""
    lockstep: list[tuple[float, float]] = []
    paced: list[tuple[float, float]] = []
    for _ in range(effort.rounds):
        fast = [await _lockstep(target, upstream, effort) for target in (house.gateway, house.bare)]
        lockstep.append((fast[0], fast[1]))
        slow = [await _paced(target, upstream, effort) for target in (house.gateway, house.bare)]
        paced.append((slow[0], slow[1]))
    return [
        figure("chunks.fast_us", "16 streams at full speed", "µs/chunk", lockstep, Aim(max_ratio=1.0)),
        figure("chunks.paced_us", "40 streams of 50 chunks a second", "µs/chunk", paced, Aim(max_ratio=1.0)),
    ]


async def _lockstep(target: Target, upstream: Upstream, effort: Effort) -> float:
    count = effort.lockstep_chunks
    streams = [await open_stream(target, "lockstep", chunks=count, key=index) for index in range(16)]
    began_cpu_s, began_events = cpu_s(target.pid), _events(streams)
    for stream in streams:
        stream.on_chunk = upstream.advance
        upstream.advance(stream.number)
    await ended(streams, 60)
    return (cpu_s(target.pid) - began_cpu_s) / (_events(streams) - began_events) * 1e6


async def _paced(target: Target, upstream: Upstream, effort: Effort) -> float:
    streams = [await open_stream(target, "paced", chunks=1_000_000, key=index) for index in range(40)]
    began_cpu_s, began_events = cpu_s(target.pid), _events(streams)
    await asyncio.sleep(effort.paced_s)
    used_s, events = cpu_s(target.pid) - began_cpu_s, _events(streams) - began_events
    await _close_all(streams, upstream)
    return used_s / events * 1e6


async def first_token(house: House, upstream: Upstream, effort: Effort) -> list[Figure]:
    """From a request for a stream to its first event, one at a time; the upstream sends it at once."""
    medians: list[tuple[float, float]] = []
    worst: list[tuple[float, float]] = []
    for _ in range(effort.rounds):
        seen = [await _first_tokens(target, upstream, effort.first_tokens) for target in (house.gateway, house.bare)]
        medians.append((median(seen[0]), median(seen[1])))
        worst.append((_p99(seen[0]), _p99(seen[1])))
    return [
        figure("first_token.median_ms", "time to first token, median", "ms", medians),
        figure("first_token.p99_ms", "  99th percentile", "ms", worst),
    ]


async def _first_tokens(target: Target, upstream: Upstream, count: int) -> list[float]:
    times_ms = []
    for index in range(count):
        stream = await open_stream(target, "lockstep", key=index)
        times_ms.append(stream.first_s * 1000)
        upstream.advance(stream.number)
        await ended([stream], 10)
    return times_ms


async def memory(house: House, upstream: Upstream, effort: Effort) -> list[Figure]:
    """Resident memory before, and with 1,000 streams open."""
    del effort
    idle, full = [], []
    for target in (house.gateway, house.bare):
        await ask_plain(target, connections=8, seconds=0.3)
        idle.append(resident_mb(target.pid))
        streams: list[Stream] = []
        for start in range(0, OPEN_STREAMS, 50):
            opening = (open_stream(target, "silent", key=start + index) for index in range(50))
            streams += await asyncio.gather(*opening)
        await asyncio.sleep(0.5)
        full.append(resident_mb(target.pid))
        await _close_all(streams, upstream)
    return [
        figure("memory.streams_mb", "memory with 1,000 open streams", "MB", [(full[0], full[1])], Aim(max_value=150)),
        figure("memory.before_mb", "  before", "MB", [(idle[0], idle[1])]),
    ]


async def abort(house: House, upstream: Upstream, effort: Effort) -> list[Figure]:
    """From a client's leaving to the upstream's seeing the close: the slowest of many."""
    figures = []
    labels = {"silent": "client leaves, upstream silent: slowest", "paced": "client leaves, upstream talks: slowest"}
    for play, label in labels.items():
        gateway = [await _abort_ms(house.gateway, upstream, play) for _ in range(effort.aborts)]
        bare = [await _abort_ms(house.bare, upstream, play) for _ in range(2)]
        pairs = [(max(gateway), max(bare))]
        note = f"{play}: median {median(gateway):.1f} ms of {len(gateway)}"
        figures.append(figure(f"abort.{play}_ms", label, "ms", pairs, Aim(max_value=50), note=note))
    return figures


async def _abort_ms(target: Target, upstream: Upstream, play: str) -> float:
    """Infinite when the upstream is not told within a second."""
    stream = await open_stream(target, play, chunks=1_000_000)
    closed: asyncio.Future[float] = asyncio.get_running_loop().create_future()
    upstream.on_close[stream.number] = closed.set_result
    await asyncio.sleep(0.01)
    left_s = time.perf_counter()
    stream.transport.abort()
    try:
        return (await asyncio.wait_for(closed, _ABORT_WITHIN_S) - left_s) * 1000
    except TimeoutError:
        upstream.on_close.pop(stream.number, None)
        upstream.drop_all()
        return float("inf")


async def _close_all(streams: list[Stream], upstream: Upstream) -> None:
    for stream in streams:
        stream.transport.abort()
    await asyncio.sleep(0.3)
    upstream.drop_all()
    await asyncio.sleep(0.2)


def _events(streams: list[Stream]) -> int:
    return sum(stream.events for stream in streams)


def _p99(times: list[float]) -> float:
    return quantiles(times, n=100)[98]


MEASURES: Final[dict[str, Measure]] = {
    # Memory first: while both processes are young.
    "memory": memory,
    "plain": plain,
    "gates": gates,
    "chunks": chunks,
    "first-token": first_token,
    "abort": abort,
}
