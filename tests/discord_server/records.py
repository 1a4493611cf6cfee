"""What the server has seen, and the bell that wakes a waiting test."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from discord_server.errors import Violation
from freetheai import clock

if TYPE_CHECKING:
    from discord_server.gateway_socket import Connection


@dataclass
class Request:
    """One REST request and how it was answered. ``path`` is without the base and the query; status 0 was cut off.

    ``reason`` is the audit log reason, ``files`` the uploaded bytes by file name, ``at_s`` the server's time.
    """

    method: str
    path: str
    query: dict[str, str]
    body: Any
    at_s: float
    reason: str | None = None
    files: dict[str, bytes] = field(default_factory=dict)
    status: int = 0
    code: int | None = None


class Records:
    """Lists that only grow; read them from any thread."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.violations: list[Violation] = []
        self.connections: list[Connection] = []
        self.refused = 0
        self._bell = threading.Condition()

    def violation(self, violation: Violation) -> None:
        self.violations.append(violation)
        self.changed()

    def changed(self) -> None:
        """Wake whoever waits."""
        with self._bell:
            self._bell.notify_all()

    def wait_for(self, predicate: Callable[[], Any], timeout_s: float, what: str) -> Any:
        """Wait until ``predicate()`` is true and return what it returned.

        Raises:
            TimeoutError: it was not within ``timeout_s`` seconds; the message names ``what``.
        """
        deadline_s = clock.monotonic_s() + timeout_s
        while True:
            if value := predicate():
                return value
            remaining_s = deadline_s - clock.monotonic_s()
            if remaining_s <= 0:
                raise TimeoutError(f"not within {timeout_s} s: {what}")
            with self._bell:
                # The bell may have rung between the question and this wait: ask again soon in any case.
                self._bell.wait(min(remaining_s, 0.02))
