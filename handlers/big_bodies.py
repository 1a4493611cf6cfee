"""Where big bodies are parsed, written and converted: beside the loop, so that other streams go on meanwhile.

Rules:
- below ``BIG_BYTES`` the work is done at once: a thread would cost more than it saves;
- one thread for all of them: each thread that computes makes the loop wait for the interpreter once more;
- what runs there is pure: codecs only, which share nothing but what they are given.

Python's lock still passes between the two: the loop waits up to 5 ms a turn, and for a single call of orjson, which
does not let go of it, as long as that takes (``docs/performance.md``).
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

# About 10 ms of parsing at its slowest (many small messages).
BIG_BYTES: Final = 512 * 1024

Result = TypeVar("Result")


class BigBodies:
    """Runs work on bodies; one for the process."""

    def __init__(self) -> None:
        # Its thread starts with the first big body.
        self._pool = ThreadPoolExecutor(1, "big-bodies")

    async def run(self, size_bytes: int, work: Callable[[], Result]) -> Result:
        """The result of ``work`` on a body of ``size_bytes``; what it raises is raised here."""
        if size_bytes < BIG_BYTES:
            return work()
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)
