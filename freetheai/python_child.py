"""How a script of ours is run as a process of its own: by this interpreter, or by the one-file build itself.

A one-file build has no interpreter that could be given a script. It is started again instead, with a first argument
that `freetheai.frozen` knows and no user types, and runs the script that lies unpacked beside it.
"""

import sys
from pathlib import Path
from typing import Final

# The first argument of a one-file build that is to run a script of ours.
RUN_SCRIPT: Final = "--run-script-of-ours"


def is_frozen() -> bool:
    """Whether this process is a one-file build."""
    return bool(getattr(sys, "frozen", False))


def script_argv(script: Path, *arguments: str) -> tuple[str, ...]:
    """The command line that runs ``script``, which imports only the standard library, with ``arguments``."""
    if is_frozen():
        return (sys.executable, RUN_SCRIPT, str(script), *arguments)
    return (sys.executable, "-I", "-S", "-W", "ignore", str(script), *arguments)
