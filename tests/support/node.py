"""Node.js with the packages that `tests/node/package-lock.json` names, installed once however many tests ask."""

import fcntl
import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest

NODE_FOLDER = Path(__file__).parents[1] / "node"
_INSTALL_S = 300


def node_program() -> str:
    """The path of Node.js; skips the test where there is none."""
    program, npm = shutil.which("node"), shutil.which("npm")
    if program is None or npm is None:
        pytest.skip("Node.js is not on this machine")
    lock = NODE_FOLDER / "package-lock.json"
    wanted, stamp = hashlib.sha256(lock.read_bytes()).hexdigest(), NODE_FOLDER / "node_modules" / ".installed"
    # Several test processes may come here at once.
    with lock.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        if not stamp.is_file() or stamp.read_text() != wanted:
            command = [npm, "ci", "--no-audit", "--no-fund", "--loglevel=error"]
            subprocess.run(command, cwd=NODE_FOLDER, check=True, timeout=_INSTALL_S, capture_output=True)
            stamp.write_text(wanted)
    return program
