"""The benchmark of the codecs: its streams are good ones, its events as large as it says, its figures add up."""

from itertools import islice

import pytest

from freetheai.wire import chat, gemini, messages
from freetheai.wire.formats import Quirks
from freetheai.wire.translate import convert_body
from handlers.big_bodies import BIG_BYTES
from scripts.benchmarks import codecs
from scripts.benchmarks.codec_samples import EVENT_BYTES, KINDS, opening_and_pieces, plain_answer
from scripts.benchmarks.codec_stalls import longest_wait_ms


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("upstream", ["chat", "messages", "responses", "gemini"])
def test_events_have_the_size_that_the_aims_speak_of(upstream: str, kind: str) -> None:
    _, pieces = opening_and_pieces(upstream, kind)
    sizes = [len(piece) for piece in islice(pieces, 200)]
    assert 0.9 * EVENT_BYTES < sum(sizes) / len(sizes) < 1.2 * EVENT_BYTES


def test_a_figure_is_the_quickest_round_and_the_median_ratio() -> None:
    one = codecs._figure("x", chat.CLIENT, gemini.UPSTREAM, [(10, 10), (40, 10), (6, 3)], 6.0)
    assert (one.value, one.yardstick, one.ratio, one.is_met) == (6, 3, 2.0, True)


def test_one_pair_is_measured() -> None:
    one = codecs._chunk_figure(messages.CLIENT, gemini.UPSTREAM, "text", 8, 1, chunks=80)
    assert 0 < one.value < 1000
    assert "gemini → messages" in codecs._table([one])


@pytest.mark.parametrize("calls", [0, 5])
def test_a_plain_answer_has_the_size_asked_for_and_converts(calls: int) -> None:
    data = plain_answer("gemini", 1_000_000, calls)
    assert 0.9 < len(data) / 1_000_000 < 1.1
    request, stamp = codecs._request(chat.CLIENT), codecs._stamp(chat.CLIENT)
    assert convert_body(chat.CLIENT, gemini.UPSTREAM, request, stamp, Quirks(), data).failure is None


def test_the_loop_waits_for_less_than_the_work_takes() -> None:
    def work() -> None:
        for _ in range(3_000_000):
            pass

    waited_ms, took_ms = longest_wait_ms(work, BIG_BYTES, 3)
    assert waited_ms < took_ms
