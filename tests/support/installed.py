"""Members' clients that are installed on this machine, and how a test runs one of them."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

_WAIT_S = 120


@dataclass(frozen=True)
class Clients:
    """Where the clients are, and an empty home for them."""

    folder: Path
    home: Path

    def program(self, name: str) -> str:
        """The path of a program of npm's; skips the test where it is missing."""
        found = self.folder / "node_modules" / ".bin" / name
        if not found.exists():
            pytest.skip(f"{name} is not in FREETHEAI_CLIENTS")
        return str(found)

    def package(self, name: str) -> Path:
        """The folder of a package of npm's; skips the test where it is missing."""
        found = self.folder / "node_modules" / name
        if not found.is_dir():
            pytest.skip(f"{name} is not in FREETHEAI_CLIENTS")
        return found

    def run(self, command: list[str], **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a client in its home; it may fail."""
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.home), "TERM": "dumb", **variables}
        return subprocess.run(
            command,
            cwd=self.home,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_WAIT_S,
            check=False,
        )
