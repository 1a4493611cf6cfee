"""Searching in processes: what is found, what is given up, and that the loop goes on meanwhile."""

import asyncio
import logging
import signal
from pathlib import Path

import psutil
import pytest

from freetheai.moderation import worker
from freetheai.moderation.matchers import Matchers
from freetheai.moderation.patterns import Pattern
from freetheai.moderation.verdict import Undecided
from support.on_loop import eventually, on_loop

ENDLESS = Pattern(3, "(a+)+$")
TRAP = "a" * 30_000 + "!"


def running():
    """Our matching processes, by id."""
    children = psutil.Process().children()
    return [child for child in children if any("worker.py" in part for part in child.cmdline())]


@pytest.fixture(autouse=True)
def none_are_left():
    yield
    _, alive = psutil.wait_procs(running(), timeout=10)
    assert not alive


@pytest.mark.parametrize(
    ("text", "line"),
    [
        pytest.param("nothing here", None, id="clean"),
        pytest.param("", None, id="empty"),
        pytest.param("some BAD  Word.", 2, id="another case"),
        pytest.param("one\nline\nthird", 7, id="begins a line"),
        pytest.param("the third", None, id="does not begin one"),
        pytest.param("STRA\u1e9eE \U0001f600 \u0416\u0443\u043a", 9, id="not ASCII"),
        pytest.param("lone \ud800 surrogate, bad word", 2, id="what UTF-8 can't hold"),
        pytest.param("x" * 3_000_000 + " bad word", 2, id="three megabytes"),
    ],
)
@on_loop
async def test_the_line_of_the_first_pattern_that_matches(text, line):
    matchers = Matchers([Pattern(2, r"bad\s+word"), Pattern(7, "^third"), Pattern(9, "\u0436\u0443\u043a")])
    try:
        assert await matchers.find(text) == line
    finally:
        await matchers.close()


@on_loop
async def test_a_search_without_end_is_given_up_and_the_loop_never_stops(caplog):
    matchers = Matchers([Pattern(1, "clean"), ENDLESS], budget_s=0.5)
    steps = 0

    async def count():
        nonlocal steps
        while True:
            await asyncio.sleep(0.01)
            steps += 1

    counting = asyncio.ensure_future(count())
    try:
        with caplog.at_level(logging.WARNING):
            for _ in range(2):
                with pytest.raises(Undecided, match="a shorter one may pass"):
                    await matchers.find(TRAP)
        assert steps > 30, "the loop ran while the expression did"
        assert [(record.message, record.line) for record in caplog.records] == [
            ("a moderation pattern takes too long", 3)
        ]
        assert len(running()) == 1, "given up from within: the process goes on"
        assert await matchers.find("aaa") == 3
        assert await matchers.find("bbb") is None
    finally:
        counting.cancel()
        await matchers.close()


@on_loop
async def test_a_process_that_does_not_answer_is_ended_and_replaced(caplog):
    matchers = Matchers([Pattern(1, "bad")], answer_s=1.0)
    try:
        assert await matchers.find("good") is None
        (child,) = running()
        child.send_signal(signal.SIGSTOP)
        with pytest.raises(Undecided):
            await matchers.find("good")
        await eventually(lambda: not running())
        assert await matchers.find("bad") == 1
    finally:
        await matchers.close()


@on_loop
async def test_a_killed_process_is_replaced():
    matchers = Matchers([Pattern(1, "bad")])
    try:
        assert await matchers.find("good") is None
        running()[0].kill()
        await eventually(lambda: not running())
        with pytest.raises(Undecided, match="Moderation is away"):
            await matchers.find("good")
        assert await matchers.find("bad") == 1
    finally:
        await matchers.close()


@on_loop
async def test_who_leaves_takes_the_process_along_and_no_answer_is_mixed_up():
    matchers = Matchers([Pattern(1, "bad"), ENDLESS], budget_s=3.0)
    try:
        leaving = asyncio.ensure_future(matchers.find(TRAP))
        await eventually(running)
        await asyncio.sleep(0.2)
        leaving.cancel()
        await asyncio.wait([leaving])
        assert await asyncio.gather(*(matchers.find(text) for text in ("bad", "good") * 20)) == [1, None] * 20
    finally:
        await matchers.close()


@on_loop
async def test_the_queue_for_a_process_has_an_end():
    matchers = Matchers([ENDLESS], budget_s=2.0, queue_s=0.2)
    try:
        results = await asyncio.gather(*(matchers.find(TRAP) for _ in range(8)), return_exceptions=True)
        assert {str(result) for result in results} == {
            "Moderation is busy.",
            "Moderation could not judge the prompt in time; a shorter one may pass.",
        }
        assert len(running()) <= 4
    finally:
        await matchers.close()


def test_the_process_needs_nothing_of_ours():
    source = Path(worker.__file__).read_text()
    assert "freetheai" not in source.split('"""', 2)[2]
