"""The three services: which program with which arguments, how long it may take, what to do without it.

MongoDB: ``mongod`` standalone, 0.25 GB of cache. Redis: append-only file synced each second, nothing evicted. Model:
llama.cpp with SmolLM2-135M. All listen on 127.0.0.1 only.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from freetheai.embedded import binaries, probes
from freetheai.embedded.values import Addresses, EmbeddedError, Wanted

ServiceName = Literal["mongodb", "redis", "model"]
_LLAMA_SERVER: Final = Path(__file__).with_name("llama_server.py")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How to run one service. ``argvs(port)`` gives the command lines to try, best first.

    ``word`` is what its command line always contains; ``remedy`` what a person can do if it does not run.
    """

    name: ServiceName
    label: str
    word: str
    argvs: Callable[[int], list[tuple[str, ...]]]
    is_ready: probes.Probe
    ready_s: float
    stop_s: float
    remedy: str


def plan_services(data_dir: Path, wanted: Wanted) -> list[Plan]:
    """The plans of what is wanted.

    Raises:
        EmbeddedError: programs are missing: all of them, in one line.
    """
    makers = [
        (wanted.mongodb, _plan_mongodb),
        (wanted.redis, _plan_redis),
        (wanted.model, _plan_model),
    ]
    plans, missing = [], []
    for is_wanted, make in makers:
        if not is_wanted:
            continue
        try:
            plans.append(make(data_dir))
        except EmbeddedError as error:
            missing.append(str(error))
    if missing:
        raise EmbeddedError("; ".join(missing))
    return plans


def addresses_at(ports: dict[str, int]) -> Addresses:
    """Where the services answer, given the port of each that runs."""
    mongodb, redis, model = (ports.get(name) for name in ("mongodb", "redis", "model"))
    # Without `journal` a write is acknowledged up to 100 ms before it would outlive a crash of mongod.
    mongodb_options = "directConnection=true&journal=true"
    return Addresses(
        mongodb_url=f"mongodb://127.0.0.1:{mongodb}/?{mongodb_options}" if mongodb else "",
        redis_url=f"redis://127.0.0.1:{redis}/0" if redis else "",
        model_url=f"http://127.0.0.1:{model}/v1" if model else "",
    )


def _plan_mongodb(data_dir: Path) -> Plan:
    programs = binaries.mongod_programs(data_dir)
    folder = _own_folder(data_dir / "mongodb")

    def argvs(port: int) -> list[tuple[str, ...]]:
        options = (
            *("--bind_ip", "127.0.0.1", "--port", str(port), "--nounixsocket"),
            *("--dbpath", str(folder), "--wiredTigerCacheSizeGB", "0.25", "--quiet"),
            # Full-time diagnostic capture writes without end into the data folder.
            *("--setParameter", "diagnosticDataCollectionEnabled=false"),
        )
        return [(str(program), *options) for program in programs]

    return Plan(
        name="mongodb",
        label="MongoDB",
        word="mongod",
        argvs=argvs,
        is_ready=probes.mongod_is_ready,
        ready_s=300,  # after a crash it replays its journal
        stop_s=20,
        remedy=binaries.MONGOD_REMEDY,
    )


def _plan_redis(data_dir: Path) -> Plan:
    programs = binaries.redis_programs(data_dir)
    folder = _own_folder(data_dir / "redis")

    def argvs(port: int) -> list[tuple[str, ...]]:
        options = (
            *("--bind", "127.0.0.1", "--port", str(port), "--protected-mode", "yes"),
            *("--dir", str(folder), "--appendonly", "yes", "--appendfsync", "everysec", "--save", ""),
            *("--maxmemory-policy", "noeviction", "--daemonize", "no", "--logfile", ""),
        )
        return [(str(program), *options) for program in programs]

    return Plan(
        name="redis",
        label="Redis",
        word="redis-server",
        argvs=argvs,
        is_ready=probes.redis_is_ready,
        ready_s=300,  # it loads its file first
        stop_s=10,
        remedy=binaries.REDIS_REMEDY,
    )


def _plan_model(data_dir: Path) -> Plan:
    model = binaries.model_file()

    def argvs(port: int) -> list[tuple[str, ...]]:
        # -P: the script's folder must not come before the installed packages.
        return [(sys.executable, "-P", str(_LLAMA_SERVER), "--model", str(model), "--port", str(port))]

    return Plan(
        name="model",
        label="the local model",
        word="llama_server",
        argvs=argvs,
        is_ready=probes.llama_is_ready,
        ready_s=120,
        stop_s=3,
        remedy=binaries.MODEL_REMEDY,
    )


def _own_folder(folder: Path) -> Path:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder
