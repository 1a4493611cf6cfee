"""The gateway as a whole, run as a child process the way an operator runs it, for tests that play its clients."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

_START_S = 30.0
_STOP_S = 40.0
# The program under test: the source, or what the variable names (the one-file build: `scripts/build --test`).
COMMAND = (
    [os.environ["FREETHEAI_COMMAND"]] if "FREETHEAI_COMMAND" in os.environ else [sys.executable, "-m", "freetheai"]
)


class Program:
    """One `freetheai serve`. ``sections`` is the configuration; ports are chosen here."""

    def __init__(self, folder: Path, sections: Mapping[str, Mapping[str, Any]], models: Sequence[Mapping[str, Any]]):
        self.folder = folder
        self.port, self.admin_port = free_port(), free_port()
        server = {"port": self.port, "admin_port": self.admin_port, "data_dir": str(folder / "data")}
        catalog = folder / "catalog.toml"
        catalog.write_text("\n".join(_table("[models]", model) for model in models))
        everything: dict[str, Mapping[str, Any]] = {**sections, "catalog": {"files": [str(catalog)]}}
        everything["server"] = {**server, **sections.get("server", {})}
        self.config = folder / "freetheai.toml"
        self.write_config(everything)
        self.sections = everything
        self.log_file = folder / "log.txt"
        self._process: subprocess.Popen[bytes] | None = None
        self._is_asked_to_stop = False
        # A listening socket's descriptor that the program is started with, as systemd does.
        self.handed: int | None = None

    @property
    def url(self) -> str:
        """The public root, without `/v1`."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def base_url(self) -> str:
        return f"{self.url}/v1"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def write_config(self, sections: Mapping[str, Mapping[str, Any]]) -> None:
        self.config.write_text("\n".join(_table(name, entries) for name, entries in sections.items()))

    def start(self) -> None:
        self._is_asked_to_stop = False
        with self.log_file.open("ab") as log:
            command = [*COMMAND, "serve", "--config", str(self.config)]
            if self.handed is None:
                self._process = subprocess.Popen(command, stderr=log, stdout=log, env=_environment())
            else:
                # The shell becomes the program, so that its id is the one that is meant.
                script = f'exec 3<&{self.handed}; LISTEN_FDS=1 LISTEN_PID=$$ exec "$@"'
                shell = ["bash", "-c", script, "bash", *command]
                self._process = subprocess.Popen(
                    shell, stderr=log, stdout=log, env=_environment(), pass_fds=[self.handed]
                )
        deadline_s = time.monotonic() + _START_S
        while not self.is_ready():
            if self._process.poll() is not None or time.monotonic() > deadline_s:
                raise AssertionError(f"the gateway did not start: {self.log_file.read_text()[-3000:]}")
            time.sleep(0.05)

    def is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.admin_port}/readyz", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def signal(self, number: int) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def wait(self, timeout_s: float = _STOP_S) -> int:
        assert self._process is not None
        return self._process.wait(timeout_s)

    def ask_to_stop(self) -> None:
        """Begin to end it in good order, once."""
        if self._process is not None and self._process.poll() is None and not self._is_asked_to_stop:
            self._is_asked_to_stop = True
            self.signal(signal.SIGTERM)

    def stop(self) -> None:
        """End it in good order if it still runs."""
        self.ask_to_stop()
        if self._process is not None and self._process.poll() is None:
            try:
                self.wait()
            except subprocess.TimeoutExpired:
                self._process.kill()
                raise

    def cli(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command against the same configuration."""
        command = [*COMMAND, *arguments, "--config", str(self.config)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=_environment(), check=False)
        assert not check or done.returncode == 0, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def issue_key(self, user: str, *options: str) -> str:
        done = self.cli("keys", "issue", "--user", user, "--json", *options)
        return str(orjson.loads(done.stdout)["key"])

    def log_lines(self) -> list[dict[str, Any]]:
        """Every line it has logged so far."""
        lines = self.log_file.read_bytes().splitlines()
        return [orjson.loads(line) for line in lines if line.startswith(b"{")]

    def request_lines(self) -> list[dict[str, Any]]:
        """The lines of requests."""
        return [line for line in self.log_lines() if "request_id" in line and "route" in line]

    def wait_for_line(self, request_id: str, timeout_s: float = 10.0) -> dict[str, Any]:
        """The log line of one request, once it is there."""
        deadline_s = time.monotonic() + timeout_s
        while True:
            for line in self.request_lines():
                if line["request_id"] == request_id:
                    return line
            assert time.monotonic() < deadline_s, f"no log line for {request_id}"
            time.sleep(0.02)

    def metrics(self) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.admin_port}/metrics", timeout=5) as answer:
            return str(answer.read().decode())

    def leases(self) -> float:
        """Leases held now, by the gateway's own gauge."""
        for line in self.metrics().splitlines():
            if line.startswith("freetheai_leases"):
                return float(line.split()[-1])
        raise AssertionError("no gauge of leases")


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FREETHEAI_")}
    return {**kept, "PYTHONUNBUFFERED": "1"}


def _table(name: str, entries: Mapping[str, Any]) -> str:
    heading = f"[{name}]"
    return "\n".join([heading, *(f"{key} = {_toml(value)}" for key, value in entries.items()), ""])


def _toml(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {_toml(item)}" for key, item in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return orjson.dumps(value).decode()
