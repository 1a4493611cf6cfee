"""The line of a request: its fields, its level, and that nothing in it can break or betray."""

import logging
from dataclasses import asdict

import pytest

from freetheai.log import REQUEST_FIELDS, RequestRecord, log_request

# As promised to operators, in this order.
PROMISED = [
    "request_id",
    "user_id",
    "key_prefix",
    "address",
    "client",
    "method",
    "route",
    "alias",
    "provider",
    "upstream_format",
    "stream",
    "status",
    "type",
    "error_id",
    "attempts",
    "ttfb_ms",
    "duration_ms",
    "input_tokens",
    "output_tokens",
    "cached_tokens",
    "estimated",
]

VALUES = {
    "request_id": "req_0123456789abcdef01234567",
    "user_id": "1400000000000000001",
    "key_prefix": "fta_Ab12Cd",
    "address": "192.0.2.7",
    "client": "openai-python",
    "method": "POST",
    "route": "/v1/chat/completions",
    "alias": "opc/deepseek-v4-flash-free",
    "provider": "opc",
    "upstream_format": "chat",
    "stream": True,
    "status": 200,
    "type": "",
    "error_id": "",
    "attempts": 1,
    "ttfb_ms": 230.5,
    "duration_ms": 812.0,
    "input_tokens": 12,
    "output_tokens": 345,
    "cached_tokens": 8,
    "estimated": False,
}
KEY = "fta_0123456789abcdefghijklmnopqrstuvwxyzABCD"


def test_the_fields_are_the_promised_ones():
    assert list(REQUEST_FIELDS) == PROMISED == list(VALUES)


def test_a_line_carries_every_value_as_it_is(open_log):
    log = open_log()
    log_request(RequestRecord(**VALUES, is_success=True))
    (line,) = log.lines()
    assert line == {"time": "2026-11-22T23:00:00.125Z", "level": "info", "event": "request"} | VALUES
    assert list(line) == ["time", "level", "event", *PROMISED]


def test_an_empty_record_has_all_fields_too(open_log):
    log = open_log()
    log_request(RequestRecord())
    (line,) = log.lines()
    assert list(line)[3:] == PROMISED
    assert (line["ttfb_ms"], line["duration_ms"], line["type"]) == (None, None, "")


@pytest.mark.parametrize(
    ("status", "level"),
    [
        pytest.param(200, "info", id="a success"),
        pytest.param(429, "info", id="a refusal"),
        pytest.param(499, "info", id="a client that left"),
        pytest.param(500, "error", id="our own fault"),
        pytest.param(502, "warning", id="a provider's fault"),
        pytest.param(504, "warning", id="a provider too slow"),
    ],
)
def test_the_level_says_whose_fault_it_was(open_log, status, level):
    log = open_log()
    log_request(RequestRecord(status=status))
    assert log.lines()[0]["level"] == level


def test_a_providers_words_are_in_the_line_redacted_and_cut(open_log):
    log = open_log()
    said = f"denied for Bearer {KEY} at https://api.secret-provider.com/v1 " + "é" * 5000
    log_request(RequestRecord(status=502, type="provider_error", provider_status=401, provider_error=said))
    (line,) = log.lines()
    assert line["provider_status"] == 401
    assert line["provider_error"].startswith("denied for Bearer *** at https://*** é")
    assert 4000 < len(line["provider_error"].encode()) <= 4096
    assert list(line)[3:] == [*PROMISED, "provider_status", "provider_error"]


def test_an_alias_that_was_not_found_is_cut_and_masked(open_log):
    log = open_log()
    log_request(RequestRecord(status=400, type="invalid_request_error", alias=KEY + " " + "x" * 500))
    alias = log.lines()[0]["alias"]
    assert alias.startswith("*** x")
    assert len(alias) <= 128


@pytest.mark.parametrize("is_terminal", [False, True], ids=["as JSON", "on a terminal"])
@pytest.mark.parametrize(
    "odd",
    [
        pytest.param("a\nb", id="a line end"),
        pytest.param("\x1b[31m", id="an escape"),
        pytest.param("\ud800", id="a lone surrogate"),
        pytest.param("\0", id="a zero byte"),
    ],
)
def test_whatever_a_client_calls_itself_the_line_is_one_line(open_log, is_terminal, odd):
    log = open_log(is_terminal=is_terminal)
    log_request(RequestRecord(client=odd, alias=odd, method=odd))
    assert log.handler.lost_lines == 0
    assert log.text().count("\n") == 1
    assert log.text()[:-1].isprintable()


def test_a_terminal_reads_what_happened(open_log):
    log = open_log(is_terminal=True)
    log_request(RequestRecord(**VALUES))
    assert log.text() == (
        "23:00:00 info    POST /v1/chat/completions 200 opc/deepseek-v4-flash-free 812 ms (first byte 230 ms)"
        " 12+345 tokens user_id=1400000000000000001 client=openai-python address=192.0.2.7"
        " request_id=req_0123456789abcdef01234567\n"
    )


def test_without_a_log_of_ours_logging_hears_of_it(caplog):
    with caplog.at_level(logging.INFO, logger="freetheai.request"):
        log_request(RequestRecord(**VALUES))
    (heard,) = caplog.records
    assert {name: getattr(heard, name) for name in PROMISED} == VALUES


def test_a_closed_stream_fails_no_request(open_log):
    log = open_log()
    log._stream.close()
    log_request(RequestRecord(**VALUES))
    assert log.handler.lost_lines == 1


def test_logging_changes_nothing_in_the_record(open_log):
    open_log()
    record = RequestRecord(**VALUES, provider_error=KEY)
    before = asdict(record)
    log_request(record)
    assert asdict(record) == before
