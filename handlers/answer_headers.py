"""The headers of one answer, kept cheaply: Tornado's own class is made for reading what strangers wrote.

Rules:
- a name is spelled the same way wherever we set it, since it is not normalised here; one value a name;
- what is not a constant or made of numbers of ours goes through ``set_header``, which refuses what no header may hold.
"""

import functools
from collections.abc import ItemsView

from tornado.httputil import format_timestamp


class AnswerHeaders(dict[str, str]):
    """Stands where Tornado keeps its ``HTTPHeaders``: has what ``RequestHandler`` and its connection ask of those."""

    def get_all(self) -> ItemsView[str, str]:
        """Names and values in the order they were set."""
        return self.items()

    def add(self, name: str, value: str) -> None:
        """One more value of a header that is a list."""
        self[name] = f"{self[name]}, {value}" if name in self else value


@functools.lru_cache(maxsize=1)
def http_date(second: int) -> str:
    """``Date`` of an answer in that second since the epoch; worked out once a second."""
    return format_timestamp(second)


def encoded_head(status: int, reason: str, headers: AnswerHeaders) -> bytes:
    """Status line and header lines as they are sent, for an answer whose length is known.

    Raises:
        ValueError: a name or value has a line break in it.
    """
    head = f"HTTP/1.1 {status} {reason}\r\n" + "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    if head.count("\n") != len(headers) + 1 or head.count("\r") != len(headers) + 1:
        raise ValueError("a line break in a header")
    return (head + "\r\n").encode("latin-1")
