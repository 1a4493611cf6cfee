"""`scripts/supervisor.conf` under a real supervisord: restarts that nobody notices, and a crash that few do."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pymongo
import pytest

from support.house import LONG, LONG_PIECES, MODELS, ROOT
from support.http_client import RawClient
from support.members import Members
from support.mongo_server import shared_server
from support.program import Program, free_port
from support.steady_load import SteadyLoad
from support.waiting import wait_until

CHAT: dict[str, Any] = {"model": "fake/one", "stream": True, "messages": [{"role": "user", "content": LONG}]}


def _free_decade() -> int:
    """A port that ends in 0 and is free, as is the one behind it: the example numbers its processes' ports."""
    while True:
        decade = free_port() // 10 * 10
        try:
            with socket.socket() as first, socket.socket() as second:
                first.bind(("127.0.0.1", decade))
                second.bind(("127.0.0.1", decade + 1))
                return decade
        except OSError:
            continue


class Supervised:
    """The example configuration, its paths and ports changed to the test's own, and nothing else."""

    def __init__(self, folder: Path, program: Program, command: list[str]) -> None:
        self.program = program
        decade = _free_decade()
        self.admin_ports = [decade, decade + 1]
        self.folder = folder
        text = (ROOT / "scripts" / "supervisor.conf").read_text()
        for example, own in {
            "/var/log/freetheai": str(folder),
            "/run/freetheai": str(folder),
            "directory = /var/lib/freetheai": f"directory = {ROOT}",
            "user = freetheai\n": "",
            "/opt/freetheai/freetheai": " ".join(command),
            "/etc/freetheai/freetheai.toml": str(program.config),
            "tcp://127.0.0.1:8080": f"tcp://127.0.0.1:{program.port}",
            '"81%(process_num)02d"': f'"{decade // 10}%(process_num)01d"',
        }.items():
            assert example in text, example
            text = text.replace(example, own)
        self.configuration = folder / "supervisor.conf"
        self.configuration.write_text(text)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "supervisor.supervisord", "--nodaemon", "-c", str(self.configuration)]
        with (self.folder / "output.txt").open("wb") as output:
            self._process = subprocess.Popen(command, stdout=output, stderr=output)
        for number in (0, 1):
            wait_until(lambda number=number: self.is_ready(number), 30)  # type: ignore[misc]

    def stop(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(60)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise

    def control(self, *arguments: str) -> str:
        command = [sys.executable, "-m", "supervisor.supervisorctl", "-c", str(self.configuration), *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=90, check=False).stdout

    def pid(self, number: int) -> int:
        return int(self.control("pid", f"freetheai:freetheai_{number}"))

    def leases(self, number: int) -> int:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.admin_ports[number]}/metrics", timeout=5) as answer:
            lines: list[str] = answer.read().decode().splitlines()
        return int(float(next(line for line in lines if line.startswith("freetheai_leases ")).split()[1]))

    def is_ready(self, number: int) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.admin_ports[number]}/readyz", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory, sections: dict[str, dict[str, Any]]) -> Program:
    """Its configuration file, and commands; supervisord starts it."""
    return Program(tmp_path_factory.mktemp("program"), sections, MODELS)


@pytest.fixture(scope="module")
def supervised(tmp_path_factory: pytest.TempPathFactory, program: Program, command: list[str]) -> Iterator[Supervised]:
    supervised = Supervised(tmp_path_factory.mktemp("s"), program, command)
    try:
        supervised.start()
        yield supervised
    finally:
        supervised.stop()


def long_streams(program: Program, key: str, count: int) -> list[RawClient]:
    """Streams that run for some seconds, begun."""
    streams = [RawClient(program.port).post("/v1/chat/completions", CHAT, key) for _ in range(count)]
    for one in streams:
        one.read_head().read_until(b"piece0")
    return streams


def ledger_successes(program: Program) -> int:
    with pymongo.MongoClient[dict[str, Any]](shared_server().url) as client:
        usage = client[str(program.sections["mongodb"]["database"])]["usage"]
        return usage.count_documents({"is_success": True})


def test_a_rolling_restart_under_load_loses_nothing(supervised: Supervised, members: Members) -> None:
    program = supervised.program
    (key,) = members.add("rolling")
    before = [supervised.pid(number) for number in (0, 1)]
    with SteadyLoad([program.port], key) as load:
        streams = long_streams(program, key, 6)
        for number in (0, 1):
            assert "started" in supervised.control("restart", f"freetheai:freetheai_{number}")
        supervised_pids = [supervised.pid(number) for number in (0, 1)]
        bodies = [one.read_all() for one in streams]
    assert all(old != new for old, new in zip(before, supervised_pids, strict=True))
    for body in bodies:
        assert body.endswith(b"data: [DONE]\n\n"), body[-300:]
        assert all(piece.strip().encode() in body for piece in LONG_PIECES)
    assert set(load.ends) == {"200"}, (load.ends, load.refusals)
    # A connection that was kept open may be told, once, that its process is going.
    assert set(load.kept_ends) <= {"200", "503", "closed"}, load.kept_ends
    wait_until(lambda: ledger_successes(program) == load.successes + len(streams), 15)
    wait_until(lambda: members.counters("rolling")[1] == 0, 10)


def test_a_crash_restarts_within_seconds_and_its_leases_expire(supervised: Supervised, members: Members) -> None:
    program = supervised.program
    (key,) = members.add("crashing")
    streams = long_streams(program, key, 12)
    ends: list[bytes | None] = []

    def read(one: RawClient) -> None:
        try:
            ends.append(one.read_all())
        except OSError:
            ends.append(None)

    readers = [threading.Thread(target=read, args=(one,)) for one in streams]
    for reader in readers:
        reader.start()
    held = [supervised.leases(number) for number in (0, 1)]
    number = held.index(max(held))  # a burst may go to one of them alone
    victim = supervised.pid(number)
    with SteadyLoad([program.port], key, kept=0) as load:
        os.kill(victim, signal.SIGKILL)
        killed_s = time.monotonic()
        wait_until(lambda: supervised.is_ready(number) and supervised.pid(number) not in (0, victim), 20)
        for reader in readers:
            reader.join(30)
    broken = ends.count(None)
    assert all(end is None or end.endswith(b"data: [DONE]\n\n") for end in ends)
    assert broken == held[number], "the other process's streams ended well"
    # Only what the killed process had in hand is lost; who connected meanwhile was served by the other.
    assert sum(load.ends.values()) - load.ends["200"] <= 4, load.ends
    assert "refused" not in load.ends

    def has_none_left() -> bool:
        # Expired leases are ended by the account's next step, whoever takes it.
        asked = {"model": "fake/one", "messages": [{"role": "user", "content": "Hi"}]}
        httpx2.post(f"{program.base_url}/chat/completions", json=asked, headers={"x-api-key": key}, timeout=20)
        return members.counters("crashing")[1] == 0

    wait_until(has_none_left, 20)
    assert time.monotonic() - killed_s < 60


def test_the_configuration_is_read_again_by_all(supervised: Supervised, program: Program) -> None:
    supervised.control("signal", "HUP", "freetheai:*")
    logs = [supervised.folder / f"log_{number}.jsonl" for number in (0, 1)]
    for log in logs:
        wait_until(lambda log=log: "configuration reloaded" in log.read_text(), 10)  # type: ignore[misc]
