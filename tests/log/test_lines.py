"""Lines of the modules' own logging: fields, levels, traces, and what can't be written."""

import io
import logging
import os
import warnings

import pytest

from freetheai.config import Secret
from freetheai.log import setup_logging

KEY = "fta_0123456789abcdefghijklmnopqrstuvwxyzABCD"


def test_a_line_has_its_time_level_event_logger_and_facts(open_log):
    log = open_log()
    logging.getLogger("freetheai.app").warning("slow %s", "start", extra={"port": 8080, "names": ["a", "b"]})
    (line,) = log.lines()
    assert list(line) == ["time", "level", "event", "logger", "port", "names"]
    assert line["time"][4] == line["time"][7] == "-"
    assert (line["time"][10], line["time"][19], line["time"][23:]) == ("T", ".", "Z")
    assert {name: line[name] for name in line if name != "time"} == {
        "level": "warning",
        "event": "slow start",
        "logger": "freetheai.app",
        "port": 8080,
        "names": "['a', 'b']",
    }


def test_an_exception_is_a_trace_in_the_same_line(open_log):
    log = open_log()
    try:
        raise RuntimeError(f"bad key {KEY}")
    except RuntimeError:
        logging.getLogger("freetheai.app").exception("failed")
    (line,) = log.lines()
    assert line["trace"].startswith("Traceback (most recent call last):\n")
    assert line["trace"].endswith("RuntimeError: bad key ***")
    assert f'File "{__file__}", line ' in line["trace"]


@pytest.mark.parametrize(
    ("extra", "shown"),
    [
        pytest.param({"said": f"Bearer {KEY}"}, {"said": "Bearer ***"}, id="text"),
        pytest.param({"names": [KEY]}, {"names": "['***']"}, id="a key in a list"),
        pytest.param({"error": ValueError(KEY)}, {"error": "ValueError: ***"}, id="an exception"),
        pytest.param({"key": "anything"}, {"key": "***"}, id="a fact that is called a key"),
        pytest.param({"site": Secret("hidden")}, {"site": "***"}, id="a secret of the configuration"),
        pytest.param({"at": None, "ok": True, "n": 1.5}, {"at": None, "ok": True, "n": 1.5}, id="plain values"),
        pytest.param({"big": 2**70}, {"big": str(2**70)}, id="a number beyond 64 bits"),
        pytest.param({"odd": "a\ud800b"}, {"odd": "a?b"}, id="a lone surrogate"),
    ],
)
@pytest.mark.parametrize("is_terminal", [False, True], ids=["as JSON", "on a terminal"])
def test_facts_are_masked_and_always_writable(open_log, extra, shown, is_terminal):
    log = open_log(is_terminal=is_terminal)
    logging.getLogger("freetheai.app").info("said", extra=extra)
    assert log.handler.lost_lines == 0
    if is_terminal:
        assert log.text().count("\n") == 1
        assert KEY not in log.text()
        assert "hidden" not in log.text()
    else:
        (line,) = log.lines()
        assert {name: line[name] for name in extra} == shown


@pytest.mark.parametrize("is_terminal", [False, True], ids=["as JSON", "on a terminal"])
def test_no_message_can_forge_a_line_or_move_the_cursor(open_log, is_terminal):
    log = open_log(is_terminal=is_terminal)
    logging.getLogger("freetheai.app").info("one\n{}\x1b[2J\r", extra={"name_of_user": "a\nb"})
    assert log.text().count("\n") == 1
    assert "\x1b" not in log.text()
    assert "\r" not in log.text()


def test_a_terminal_reads_text(open_log):
    log = open_log(is_terminal=True)
    logging.getLogger("freetheai.app").error("no room", extra={"port": 80})
    assert log.text().endswith(" error   freetheai.app: no room  port=80\n")


@pytest.mark.parametrize(
    ("name", "level", "is_written"),
    [
        pytest.param("freetheai.app", logging.INFO, True, id="ours, from info up"),
        pytest.param("freetheai.app", logging.DEBUG, False, id="ours, not below"),
        pytest.param("pymongo.pool", logging.INFO, False, id="a library's everyday talk"),
        pytest.param("pymongo.pool", logging.WARNING, True, id="a library's warning"),
    ],
)
def test_who_is_heard(open_log, name, level, is_written):
    log = open_log()
    logging.getLogger(name).log(level, "said")
    assert bool(log.text()) == is_written


def test_a_warning_of_python_is_a_line(open_log):
    log = open_log()
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        # What catch_warnings put aside is what captureWarnings set.
        logging.captureWarnings(False)
        logging.captureWarnings(True)
        warnings.warn("old", UserWarning, stacklevel=1)
    (line,) = log.lines()
    assert (line["logger"], line["level"]) == ("py.warnings", "warning")


def test_setting_up_again_replaces_the_log(open_log):
    first, second = open_log(), open_log()
    logging.getLogger("freetheai.app").info("said")
    assert (first.text(), len(second.lines())) == ("", 1)


class OddFact:
    """What can't even be told about."""

    def __str__(self) -> str:
        raise RuntimeError("odd")


def test_a_fact_that_can_not_be_told_loses_the_line_and_nothing_else(open_log):
    log = open_log()
    logging.getLogger("freetheai.app").info("said", extra={"odd": OddFact()})
    logging.getLogger("freetheai.app").info("next")
    assert [line["event"] for line in log.lines()] == ["next"]
    assert log.handler.lost_lines == 1


def test_a_reader_that_has_gone_stops_nothing(open_log):
    open_log()
    reading, writing = os.pipe()
    os.close(reading)
    with io.TextIOWrapper(io.FileIO(writing, "w", closefd=False), write_through=True) as stream:
        handler = setup_logging(stream, now_s=lambda: 0.0)
        logging.getLogger("freetheai.app").info("said")
        assert handler.lost_lines == 1
    logging.getLogger("freetheai.app").info("said to a closed stream")
    assert handler.lost_lines == 2
    os.close(writing)


@pytest.mark.parametrize(
    ("is_tty", "begin"), [pytest.param(False, "{", id="a file gets JSON"), pytest.param(True, "", id="a terminal text")]
)
def test_the_stream_decides_unless_told(open_log, is_tty, begin):
    open_log()

    class Stream(io.StringIO):
        def isatty(self) -> bool:
            return is_tty

    stream = Stream()
    setup_logging(stream, now_s=lambda: 0.0)
    logging.getLogger("freetheai.app").info("said")
    assert stream.getvalue().startswith("{") == (begin == "{")
