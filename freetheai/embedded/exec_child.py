"""Become another program that ends when the process that started it ends, however that ends.

Run as a script, before the program, so that nothing runs between fork and exec in the gateway itself:
``python -I -S exec_child.py PARENT_PID PROGRAM [ARGUMENT…]``. Imports nothing of ours, to be quick.

``PR_SET_PDEATHSIG`` (prctl(2), Linux) is kept across ``execv`` and sends SIGTERM when the *thread* that started us
ends: children are to be started from the thread that lives as long as the process. Elsewhere it is left out, and the
next start ends what was left.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main(parent_pid: int, argv: list[str]) -> None:
    """Tie this process to ``parent_pid``, then replace it with ``argv``. Exits with 127 if that cannot be run."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
        # The parent may have ended before the call above; then no signal will come.
        if os.getppid() != parent_pid:
            sys.exit(1)
    try:
        os.execv(argv[0], argv)  # noqa: S606 - no shell is what we want
    except OSError as error:
        sys.stderr.write(f"{argv[0]}: {error.strerror}\n")
        sys.exit(127)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
