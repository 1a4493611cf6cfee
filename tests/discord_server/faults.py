"""What a test lets go wrong on the REST side."""

import fnmatch
from dataclasses import dataclass
from typing import Any


@dataclass
class Fault:
    """``status`` None only delays; 0 cuts the connection. ``times`` None lasts until cleared."""

    pattern: str
    status: int | None
    body: Any
    delay_s: float
    times: int | None

    def fits(self, method: str, path: str) -> bool:
        pattern = self.pattern if " " in self.pattern else f"* {self.pattern}"
        return self.times != 0 and fnmatch.fnmatchcase(f"{method} {path}", pattern)


class Faults:
    """The faults in force; each request takes the first that fits, and all the delays that fit."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> None:
        self._faults.append(fault)

    def clear(self) -> None:
        self._faults.clear()

    def take(self, method: str, path: str) -> tuple[float, Fault | None]:
        """How long to wait with the answer (seconds), and the fault to answer with."""
        delay_s, failing = 0.0, None
        for fault in self._faults:
            if not fault.fits(method, path) or (fault.status is not None and failing is not None):
                continue
            if fault.times is not None:
                fault.times -= 1
            delay_s += fault.delay_s
            if fault.status is not None:
                failing = fault
        return delay_s, failing
