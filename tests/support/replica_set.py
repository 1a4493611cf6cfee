"""Three real mongods that are one replica set."""

import contextlib
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pymongo
from pymongo.errors import AutoReconnect, OperationFailure

from support.mongo_server import _program
from support.program import free_port

_PATIENCE_S = 60.0


class ReplicaSet:
    """Started by ``start``; ``step_down`` makes another one the primary; ``kill_primary`` does so the hard way."""

    def __init__(self, size: int = 3) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="freetheai-replicas-")
        self._ports = [free_port() for _ in range(size)]
        self._processes: dict[int, subprocess.Popen[bytes]] = {}

    @property
    def url(self) -> str:
        hosts = ",".join(f"127.0.0.1:{port}" for port in self._ports)
        return f"mongodb://{hosts}/?replicaSet=house&w=majority&retryWrites=true"

    def start(self) -> None:
        for port in self._ports:
            folder = Path(self._folder.name, str(port))
            folder.mkdir()
            options = ["--replSet", "house", "--bind_ip", "127.0.0.1", "--port", str(port), "--dbpath", str(folder)]
            options += ["--wiredTigerCacheSizeGB", "0.25", "--nounixsocket", "--oplogSize", "50"]
            options += ["--setParameter", "diagnosticDataCollectionEnabled=false"]
            with (folder / "log.txt").open("wb") as log:
                self._processes[port] = subprocess.Popen([_program(), *options], stdout=log, stderr=log)
        with ThreadPoolExecutor() as pool:
            list(pool.map(self._wait, self._ports))
        hosts = [{"_id": number, "host": f"127.0.0.1:{port}"} for number, port in enumerate(self._ports)]
        settings = {"electionTimeoutMillis": 2000, "heartbeatIntervalMillis": 500}
        with self._client(self._ports[0]) as client:
            client.admin.command("replSetInitiate", {"_id": "house", "members": hosts, "settings": settings})
        self.wait_for_primary()

    def primary(self) -> int | None:
        """The primary's port, where there is one now."""
        for port, process in self._processes.items():
            if process.poll() is None:
                with self._client(port) as client:
                    if client.admin.command("hello").get("isWritablePrimary"):
                        return port
        return None

    def wait_for_primary(self, other_than: int | None = None) -> int:
        deadline_s = time.monotonic() + _PATIENCE_S
        while time.monotonic() < deadline_s:
            port = self.primary()
            if port is not None and port != other_than:
                return port
            time.sleep(0.1)
        raise AssertionError("no primary")

    def step_down(self) -> int:
        """Make the primary give up its place; the new one's port."""
        old = self.wait_for_primary()
        # It lets go of its connections.
        with self._client(old) as client, contextlib.suppress(AutoReconnect, OperationFailure):
            client.admin.command("replSetStepDown", 30, secondaryCatchUpPeriodSecs=10)
        return self.wait_for_primary(other_than=old)

    def kill_primary(self) -> int:
        """End the primary without a goodbye; the new one's port."""
        old = self.wait_for_primary()
        self._processes[old].kill()
        self._processes[old].wait()
        return self.wait_for_primary(other_than=old)

    def stop(self) -> None:
        for process in self._processes.values():
            process.kill()
        for process in self._processes.values():
            process.wait()
        self._folder.cleanup()

    def _wait(self, port: int) -> None:
        with self._client(port) as client:
            client.admin.command("ping")

    def _client(self, port: int) -> "pymongo.MongoClient[dict[str, Any]]":
        return pymongo.MongoClient(
            f"mongodb://127.0.0.1:{port}/?directConnection=true", serverSelectionTimeoutMS=int(_PATIENCE_S * 1000)
        )
