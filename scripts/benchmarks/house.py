"""What is measured, as processes of its own on a core of its own: the gateway with all it needs, and the yardstick.

Rules:
- the proxies share one core (only one of them works at a time), everything else has the other cores;
- the gateway runs as an operator runs it: every gate, limits in Redis, accounts in MongoDB, log lines to a file,
  metrics on; only the numbers of the limits are so wide that they never bind.
"""

import asyncio
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import orjson

from freetheai.embedded import EmbeddedServices, Wanted
from scripts.benchmarks.load import Target
from scripts.benchmarks.process import free_ports

PASSTHROUGH = Path(__file__).with_name("passthrough.py")
_START_TRIES = 400
_STOP_S = 45.0
_USERS = 4
ALIAS = "bench/model"
_CATALOG = f'[[models]]\nid = "{ALIAS}"\nupstream_model = "bench-model"\ncontext_window = 128000\n'
_CONFIG = """
[server]
port = {port}
admin_port = {admin_port}
data_dir = "{folder}/data"
[mongodb]
url = "{mongodb_url}"
[redis]
url = "{redis_url}"
[gates]
membership = true
checkin = true
[embedded]
model = "off"
[limits]
daily_success_limit = 100000000
max_addresses = 50
tiers = [{{ level = 1, minimum_invites = 0, rate_limit_per_minute = 10000000, concurrency_limit = 100000 }}]
[providers.bench]
base_url = "{upstream_url}/v1"
api_keys = ["sk-bench"]
[catalog]
files = ["{folder}/catalog.toml"]
"""


@dataclass(frozen=True, slots=True)
class Cores:
    """Which cores the proxies (``measured``) and everything else have; the same where there is only one."""

    measured: int
    others: tuple[int, ...]

    @property
    def are_separate(self) -> bool:
        """Whether the load is kept away from what is measured."""
        return self.measured not in self.others

    def describe(self) -> str:
        """For the report's foot."""
        if not self.are_separate:
            return (
                "ONE core only: gateway, pass-through, load, upstream, Redis and MongoDB share it. Requests a second,"
                " latencies and times to first token mean little; CPU a request or chunk, memory and aborts hold."
            )
        others = ", ".join(map(str, self.others))
        return (
            f"gateway and pass-through pinned to core {self.measured}; load generator, upstream, Redis and MongoDB"
            f" to core {others}"
        )


def pin_to_cores() -> Cores:
    """Take this process (and all it starts) away from the first core, which is for what is measured."""
    first, *rest = sorted(os.sched_getaffinity(0))
    cores = Cores(first, tuple(rest) or (first,))
    os.sched_setaffinity(0, cores.others)
    return cores


@dataclass(frozen=True, slots=True)
class House:
    """What there is to measure. ``direct`` is the upstream itself, for latencies."""

    gateway: Target
    bare: Target
    direct: Target
    redis_url: str
    mongodb_url: str


@asynccontextmanager
async def open_house(upstream_url: str, folder: Path, cores: Cores) -> AsyncIterator[House]:
    """Everything started, and stopped again."""
    services = EmbeddedServices(folder / "data", Wanted(mongodb=True, redis=True), lambda line: None)
    processes: list[subprocess.Popen[bytes]] = []
    addresses = await services.start()
    try:
        port, admin_port, bare_port = free_ports(3)
        (folder / "catalog.toml").write_text(_CATALOG)
        (folder / "freetheai.toml").write_text(
            _CONFIG.format(
                port=port,
                admin_port=admin_port,
                folder=folder,
                mongodb_url=addresses.mongodb_url,
                redis_url=addresses.redis_url,
                upstream_url=upstream_url,
            )
        )
        keys = await asyncio.gather(*(_make_member(folder, f"bench-{number}") for number in range(_USERS)))
        gateway = _spawn(["-m", "freetheai", "serve", "--config", str(folder / "freetheai.toml")], folder, cores)
        processes.append(gateway)
        bare = _spawn([str(PASSTHROUGH), str(bare_port), upstream_url], folder, cores)
        processes.append(bare)
        await _answers(f"http://127.0.0.1:{admin_port}/readyz", gateway, folder)
        yield House(
            gateway=Target(name="gateway", port=port, model=ALIAS, keys=tuple(keys), pid=gateway.pid),
            bare=Target(name="bare", port=bare_port, model="bench-model", pid=bare.pid),
            direct=Target(name="direct", port=int(upstream_url.rpartition(":")[2]), model="bench-model"),
            redis_url=addresses.redis_url,
            mongodb_url=addresses.mongodb_url,
        )
    finally:
        for process in reversed(processes):
            await _stop(process)
        await services.stop()


def _spawn(arguments: Sequence[str], folder: Path, cores: Cores) -> subprocess.Popen[bytes]:
    with (folder / "log.txt").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, *arguments],
            stdout=log,
            stderr=log,
            env=_environment(),
            preexec_fn=partial(os.sched_setaffinity, 0, {cores.measured}),
        )


async def _make_member(folder: Path, user: str) -> str:
    config = ("--config", str(folder / "freetheai.toml"))
    issued = await _command("keys", "issue", "--user", user, "--check-in", "--json", *config)
    await _command("users", "set", user, "--member", *config)
    return str(orjson.loads(issued)["key"])


async def _command(*arguments: str) -> bytes:
    command = (sys.executable, "-m", "freetheai", *arguments)
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=pipe, env=_environment())
    output, complaint = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"freetheai {' '.join(arguments)}: {complaint.decode()[-1000:]}")
    return output


async def _answers(url: str, process: subprocess.Popen[bytes], folder: Path) -> None:
    for _ in range(_START_TRIES):
        try:
            with await asyncio.to_thread(urllib.request.urlopen, url, timeout=2):
                return
        except OSError:
            await asyncio.sleep(0.05)
        if process.poll() is not None:
            break
    raise RuntimeError(f"the gateway did not start: {(folder / 'log.txt').read_text()[-3000:]}")


async def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        await asyncio.to_thread(process.wait, _STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("FREETHEAI_")}
