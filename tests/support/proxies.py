"""The examples for nginx and Caddy on a test's own ports: each line of them stays that a test can keep."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.house import ROOT
from support.program import free_port

EXAMPLES = ROOT / "docs" / "operations"


class Proxy:
    """A proxy before the processes at ``ports``: with TLS where there is a ``certificate`` (which holds its key).

    ``notices_s``: for how long (seconds) it may answer 502 after a process has gone.
    """

    notices_s = 0.0

    def __init__(self, folder: Path, ports: list[int], certificate: Path | None = None) -> None:
        self.folder, self.ports, self.certificate = folder, ports, certificate
        self.port = free_port()

    def command(self) -> list[str]:
        """How it is started, in the foreground."""
        raise NotImplementedError

    def checks(self) -> list[str]:
        """How its configuration is checked before it is used."""
        raise NotImplementedError

    def reload(self) -> list[str]:
        """How it is told to read its configuration again."""
        raise NotImplementedError

    def run(self, command: list[str]) -> None:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False, env=self._environment())
        assert done.returncode == 0, done.stderr

    @contextmanager
    def running(self) -> Iterator[int]:
        """Its port, while it runs; the test is skipped where the program is not installed."""
        command = self.command()
        if shutil.which(command[0]) is None:
            pytest.skip(f"{command[0]} is not installed here")
        self.run(self.checks())
        log = self.folder / "log.txt"
        with log.open("wb") as output:
            process = subprocess.Popen(command, stdout=output, stderr=output, env=self._environment())
        try:
            self._wait(process, log)
            yield self.port
        finally:
            process.terminate()
            process.wait(20)

    def _wait(self, process: subprocess.Popen[bytes], log: Path) -> None:
        deadline_s = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < deadline_s
                time.sleep(0.05)

    def _environment(self) -> dict[str, str]:
        home = str(self.folder)
        return {**os.environ, "HOME": home, "XDG_DATA_HOME": home, "XDG_CONFIG_HOME": home}

    def _changed(self, name: str, changes: dict[str, str]) -> str:
        text = (EXAMPLES / name).read_text()
        for example, own in changes.items():
            assert example in text
            text = text.replace(example, own)
        return text


class Nginx(Proxy):
    """`docs/operations/nginx.conf`, without its redirection at port 80."""

    def command(self) -> list[str]:
        changes = {
            "listen 443 ssl http2;": f"listen 127.0.0.1:{self.port}{' ssl http2' if self.certificate else ''};",
            "127.0.0.1:8080": f"127.0.0.1:{self.ports[0]}",
            "127.0.0.1:8081": f"127.0.0.1:{self.ports[1]}",
        }
        for name in ("fullchain", "privkey"):
            changes[f"/etc/letsencrypt/live/api.example.org/{name}.pem"] = str(self.certificate)
        text = self._changed("nginx.conf", changes)
        redirection = text.index("server {\n    listen 80;")
        text = text[:redirection] + text[text.index("\n}\n", redirection) + 3 :]
        if not self.certificate:
            text = "".join(line for line in text.splitlines(keepends=True) if "ssl_certificate" not in line)
        frame = f"daemon off; error_log stderr; pid {self.folder}/pid; events {{}} http {{ access_log off;"
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"):
            frame += f" {name}_temp_path {self.folder}/{name};"
        (self.folder / "nginx.conf").write_text(f"{frame}\n{text}\n}}\n")
        return ["nginx", "-c", str(self.folder / "nginx.conf"), "-p", str(self.folder)]

    def checks(self) -> list[str]:
        return [*self.command(), "-t"]

    def reload(self) -> list[str]:
        return [*self.command(), "-s", "reload"]


class Caddy(Proxy):
    """`docs/operations/Caddyfile`, with a certificate of the test's own where it has one."""

    notices_s = 10.0

    def __init__(self, folder: Path, ports: list[int], certificate: Path | None = None) -> None:
        super().__init__(folder, ports, certificate)
        self._admin = f"127.0.0.1:{free_port()}"
        self._program = os.environ.get("CADDY", "caddy")
        self._options = ["--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"]

    def command(self) -> list[str]:
        scheme, tls = ("https", f"\n\ttls {self.certificate} {self.certificate}") if self.certificate else ("http", "")
        text = self._changed(
            "Caddyfile",
            {
                "api.example.org {": f"{scheme}://:{self.port} {{\n\tbind 127.0.0.1{tls}",
                "127.0.0.1:8080": f"127.0.0.1:{self.ports[0]}",
                "127.0.0.1:8081": f"127.0.0.1:{self.ports[1]}",
            },
        )
        (self.folder / "Caddyfile").write_text(f"{{\n\tadmin {self._admin}\n\tauto_https off\n}}\n{text}")
        return [self._program, "run", *self._options]

    def checks(self) -> list[str]:
        return [self._program, "validate", *self._options]

    def reload(self) -> list[str]:
        # Of a file that has not changed it would do nothing.
        return [self._program, "reload", "--force", "--address", self._admin, *self._options]


PROXIES: list[Callable[[Path, list[int], Path | None], Proxy]] = [Nginx, Caddy]
