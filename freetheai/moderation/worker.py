"""A matching process: searches texts for patterns, one text after the other, until its input ends.

Run as a script, ``python -I -S worker.py SECONDS``, and so without anything of ours. Frames on standard input: four
bytes of length (big-endian), then UTF-8. The first frame is the patterns, one a line; each further one is a text. For
each text one line on standard output: ``clean``, ``match N`` or ``late N`` with the pattern's index; ``late``: its
search was given up since the text had used SECONDS of processor time.

``re`` looks for signals while it matches, so most endless searches are ended from within; for those it does not, our
parent ends the process.
"""

import os
import re
import signal
import struct
import sys
from collections.abc import Sequence
from types import FrameType
from typing import BinaryIO, Final

FLAGS: Final = re.IGNORECASE | re.MULTILINE
LENGTH: Final = struct.Struct(">I")


class _TimeIsUp(Exception):
    pass


def main(budget_s: float, source: BinaryIO, sink: BinaryIO) -> None:
    """Serve until ``source`` ends."""
    signal.signal(signal.SIGVTALRM, _give_up)
    # Where processors are scarce, running answers come first.
    os.nice(5)
    patterns = [re.compile(line, FLAGS) for line in (_read_frame(source) or "").split("\n")]
    while (text := _read_frame(source)) is not None:
        sink.write(judge(patterns, text, budget_s).encode() + b"\n")
        sink.flush()


def judge(patterns: Sequence[re.Pattern[str]], text: str, budget_s: float) -> str:
    """The answer for one text."""
    number = 0
    try:
        try:
            signal.setitimer(signal.ITIMER_VIRTUAL, budget_s)
            for number, pattern in enumerate(patterns):
                if pattern.search(text):
                    return f"match {number}"
            return "clean"
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    except _TimeIsUp:
        return f"late {number}"


def _read_frame(source: BinaryIO) -> str | None:
    head = source.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    return source.read(LENGTH.unpack(head)[0]).decode("utf-8", "replace")


def _give_up(number: int, frame: FrameType | None) -> None:
    raise _TimeIsUp


if __name__ == "__main__":
    main(float(sys.argv[1]), sys.stdin.buffer, sys.stdout.buffer)
