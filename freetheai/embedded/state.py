"""``DATA_DIR/services.json``: what runs, for other commands and for the start after a crash.

It names the owner, where the services answer, and each child process by a mark by which it can be known again. Only the
owner of the folder's lock writes it; it is readable by its user alone, written whole or not at all, and removed at the
end.
"""

import contextlib
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import orjson

from freetheai.embedded.processes import ProcessMark
from freetheai.embedded.values import Addresses

_NAME: Final = "services.json"


@dataclass(frozen=True, slots=True)
class RunState:
    """The owner's process id, the addresses (empty until all is up), and the children by service name."""

    owner_pid: int
    addresses: Addresses
    children: dict[str, ProcessMark]


def write_state(data_dir: Path, state: RunState) -> None:
    """Replace the file.

    Raises:
        OSError: it cannot be written.
    """
    unfinished = data_dir / f"{_NAME}.part"
    fd = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(orjson.dumps(asdict(state), option=orjson.OPT_INDENT_2))
    unfinished.replace(data_dir / _NAME)


def find_state(data_dir: Path) -> RunState | None:
    """What the file says; None if there is none or it is not one of ours."""
    try:
        fields = orjson.loads((data_dir / _NAME).read_bytes())
        children = {name: ProcessMark(**mark) for name, mark in fields["children"].items()}
        return RunState(int(fields["owner_pid"]), Addresses(**fields["addresses"]), children)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def remove_state(data_dir: Path) -> None:
    """Remove the file if it is there."""
    with contextlib.suppress(OSError):
        (data_dir / _NAME).unlink()
