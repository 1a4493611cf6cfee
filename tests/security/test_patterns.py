"""Our own regular expressions and searches on long hostile texts: time grows with length, not with its square.

Measured in processor time and as a ratio: a text eight times as long may take a few times more than eight times as
long, never sixty-four.
"""

import time
from collections.abc import Callable

import pytest

from freetheai.account_lines import BadLine, read_line
from freetheai.admission import describe_bad_key
from freetheai.clients import client_name
from freetheai.leaked_keys import find_keys
from freetheai.log import mask_keys, redact
from freetheai.log.quotes import without_quotes
from freetheai.wire import multipart
from freetheai.wire.jsontext import try_loads
from freetheai.wire.multipart import FormError
from freetheai.written_text import one_line, what_is_wrong

SHORT = 2_000
TIMES = 8


def form_head(text: str) -> None:
    try:
        multipart.boundary_of(f"multipart/form-data{text}")
    except FormError:
        return


def line(text: str) -> None:
    try:
        read_line(text.encode("utf-8", "replace"))
    except BadLine:
        return


def of_keys(text: str) -> None:
    describe_bad_key([text])


def of_agent(text: str) -> None:
    client_name({"User-Agent": text, "X-Title": text})


def quotes(text: str) -> None:
    without_quotes(text[:5000], text.encode("utf-8", "replace"))


def in_one_line(text: str) -> None:
    one_line(text, 100)


SEARCHES: list[Callable[[str], object]] = [
    mask_keys, redact, find_keys, what_is_wrong, in_one_line, form_head, line, of_keys, of_agent, quotes, try_loads,
]  # fmt: skip
SEEDS = [
    "a", "0", " ", "\t", "=", "-", "_", ".", "/", ":", "@", '"', "\\", ";", "\\u", "\\ud800", "a1", "aA1", "A1b2C3d4",
    "sk-", "key-", "fta_", "bearer ", "token=", "api_key", "eyJ", "a://", "http://a:", "a.", "a-", "1.", "1:", "::",
    "[", "](", "`", ";a=", ';a="', ";a =", "a b ", "\u0430", "\U0001f600", "e\u0301", "\x00", "+/", "abc abc ",
]  # fmt: skip


def seconds(search: Callable[[str], object], text: str) -> float:
    began_s = time.thread_time()
    search(text)
    return time.thread_time() - began_s


def grows_too_fast(search: Callable[[str], object], seed: str, end: str) -> bool:
    text = (seed * SHORT)[:SHORT]
    long_s = seconds(search, text * TIMES + end)
    # What takes less says more of the clock than of the search.
    return long_s > 0.004 and long_s > 3.5 * TIMES * seconds(search, text + end)


@pytest.mark.parametrize("search", SEARCHES, ids=lambda search: search.__name__)
def test_time_grows_with_the_length_of_the_text(search: Callable[[str], object]) -> None:
    for seed in SEEDS:
        for end in ("", '!"'):
            # A machine that is busy may spoil one measurement, not all of them.
            assert not all(grows_too_fast(search, seed, end) for _ in range(4)), (seed, end)
