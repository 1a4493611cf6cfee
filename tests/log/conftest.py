"""What the tests of the log share: a log of their own, and logging as it was afterwards."""

import io
import logging
from collections.abc import Callable, Iterator
from typing import Any

import orjson
import pytest

from freetheai.log import LineHandler, setup_logging

# 2026-11-22T23:00:00.125Z
NOW_S = 1795388400.125


class Log:
    """A log that is written into memory."""

    def __init__(self, *, is_terminal: bool) -> None:
        self._stream = io.StringIO()
        self.handler: LineHandler = setup_logging(self._stream, now_s=lambda: NOW_S, is_terminal=is_terminal)

    def text(self) -> str:
        """Everything written so far."""
        return self._stream.getvalue()

    def lines(self) -> list[dict[str, Any]]:
        """Everything written so far, a JSON object a line."""
        return [orjson.loads(line) for line in self.text().splitlines()]


@pytest.fixture
def open_log() -> Iterator[Callable[..., Log]]:
    """Set logging up for one test."""
    root = logging.root
    handlers, level = root.handlers[:], root.level
    names = ("freetheai", "handlers", "adapters", "discord")
    levels = {name: logging.getLogger(name).level for name in names}

    def start(*, is_terminal: bool = False) -> Log:
        return Log(is_terminal=is_terminal)

    yield start
    logging.captureWarnings(False)
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)
