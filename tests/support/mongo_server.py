"""A real mongod for tests: the wheel's program (or one on PATH) on a free port, its data in a temporary folder."""

import atexit
import functools
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from importlib.util import find_spec
from pathlib import Path

import pymongo

_START_S = 30.0
_STOP_S = 15.0


class MongoServer:
    """One mongod as a child process. ``freeze`` makes it silent, ``kill`` makes it gone; both can be undone."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="freetheai-mongod-")
        self._port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def url(self) -> str:
        return f"mongodb://127.0.0.1:{self._port}/"

    def start(self) -> None:
        """Start it, again after ``kill``: same port, same data."""
        log = Path(self._folder.name, "mongod.log")
        data = Path(self._folder.name, "data")
        data.mkdir(exist_ok=True)
        arguments = ["--bind_ip", "127.0.0.1", "--port", str(self._port), "--dbpath", str(data), "--nounixsocket"]
        arguments += ["--wiredTigerCacheSizeGB", "0.25", "--setParameter", "diagnosticDataCollectionEnabled=false"]
        with log.open("ab") as output:
            self._process = subprocess.Popen([_program(), *arguments], stdout=output, stderr=output)
        self._wait_until_ready(log)

    def freeze(self) -> None:
        """Stop answering with the connections left open, as a machine does that hangs."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it without a goodbye."""
        self._signal(signal.SIGKILL)
        self._wait()

    def stop(self) -> None:
        """End it for good, and remove its data."""
        if self._process is not None and self._process.poll() is None:
            self.thaw()
            self._signal(signal.SIGKILL)
            self._wait()
        self._folder.cleanup()

    def _signal(self, number: int) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def _wait(self) -> None:
        assert self._process is not None
        self._process.wait(_STOP_S)

    def _wait_until_ready(self, log: Path) -> None:
        assert self._process is not None
        deadline_s = time.monotonic() + _START_S
        while True:
            try:
                with socket.create_connection(("127.0.0.1", self._port), timeout=1):
                    break
            except OSError:
                if self._process.poll() is not None or time.monotonic() > deadline_s:
                    raise AssertionError(f"mongod did not start: {log.read_text()[-2000:]}") from None
                time.sleep(0.05)
        with pymongo.MongoClient(self.url, serverSelectionTimeoutMS=int(_START_S * 1000)) as client:
            client.admin.command("ping")


@functools.cache
def shared_server() -> MongoServer:
    """The one server of this test run; each test takes a database of its own. Nobody may kill or freeze it."""
    server = MongoServer()
    atexit.register(server.stop)
    return server


def new_database() -> str:
    """A name that no other test uses."""
    return f"test_{uuid.uuid4().hex}"


@functools.cache
def _program() -> str:
    on_path = shutil.which("mongod")
    if on_path:
        return on_path
    # Not imported: the package's own __init__ is heavy.
    package = find_spec("fiftyone")
    assert package is not None and package.submodule_search_locations, "no mongod: install the extra `embedded`"
    program = Path(next(iter(package.submodule_search_locations)), "db", "bin", "mongod")
    program.chmod(program.stat().st_mode | 0o111)
    return str(program)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
