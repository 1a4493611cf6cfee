"""Waiting for what another process or thread will do."""

import time
from collections.abc import Callable
from typing import Any

_EVERY_S = 0.02

WaitUntil = Callable[..., Any]


def wait_until(holds: Callable[[], Any], timeout_s: float) -> Any:
    """What ``holds`` returns once it is true of anything; in vain is a failure."""
    deadline_s = time.monotonic() + timeout_s
    while not (found := holds()):
        assert time.monotonic() < deadline_s, "never became true"
        time.sleep(_EVERY_S)
    return found


def patient(seconds: float) -> WaitUntil:
    """``wait_until`` that gives up after so long, unless a call says otherwise."""

    def waits(holds: Callable[[], Any], timeout_s: float = seconds) -> Any:
        return wait_until(holds, timeout_s)

    return waits
