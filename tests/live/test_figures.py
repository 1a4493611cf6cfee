"""Counts by minute and what they come to; what strangers wrote counts nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freetheai.live.figures import Counts, Figures, Totals, add_minutes, last_times, read_counts


def counts(*outcomes: tuple[str, str, int, bool]) -> Counts:
    made = Counts()
    for provider, alias, at_s, is_success in outcomes:
        made.count(provider, alias, at_s, is_success=is_success)
    return made


def test_counts_come_back_as_they_were_written() -> None:
    made = counts(("opc", "opc/a", 100, True), ("opc", "opc/b", 101, False), ("opc", "opc/a", 102, True))
    made.refuse("rate_limit_error")
    assert read_counts(made.written()) == made
    assert made.providers == {"opc": [2, 1, 102, 101]}
    assert made.aliases == {"opc/a": [2, 0, 102, 0], "opc/b": [0, 1, 0, 101]}


@pytest.mark.parametrize(
    "written",
    [
        b"",
        b"not json",
        b"[]",
        b"null",
        b"{}",
        b'{"providers":[],"aliases":{},"refusals":{}}',
        b'{"providers":{"a":[1]},"aliases":{},"refusals":{}}',
        b'{"providers":{"a":["x",0,0,0]},"aliases":{},"refusals":{}}',
        b'{"providers":{},"aliases":{},"refusals":{"a":null}}',
    ],
)
def test_what_is_no_counts_counts_nothing(written: bytes) -> None:
    assert read_counts(written) == Counts()


@given(st.binary(max_size=200))
def test_no_bytes_make_the_reader_raise(written: bytes) -> None:
    read_counts(written)


@pytest.mark.parametrize(
    ("age", "in_half_hour", "in_hour"),
    [
        pytest.param(-2, 0, 0, id="of the future"),
        pytest.param(-1, 1, 1, id="a clock a little ahead"),
        pytest.param(0, 1, 1, id="now"),
        pytest.param(29, 1, 1, id="the last of the half hour"),
        pytest.param(30, 0, 1, id="just out of it"),
        pytest.param(59, 0, 1, id="the last of the hour"),
        pytest.param(60, 0, 0, id="too old"),
    ],
)
def test_a_minute_is_in_the_half_hour_the_hour_or_neither(age: int, in_half_hour: int, in_hour: int) -> None:
    one = counts(("opc", "opc/a", 5, True))
    one.refuse("user_paused")
    totals = Totals()
    add_minutes(totals, [(1000 - age, one)], 1000)
    figures = totals.providers.get("opc", Figures())
    assert (figures.successes_30m, figures.successes_60m) == (in_half_hour, in_hour)
    assert totals.refusals.get("user_paused", [0, 0]) == [in_half_hour, in_hour]


def test_processes_add_up_and_the_later_time_counts() -> None:
    one = counts(("opc", "opc/a", 10, True), ("opc", "opc/a", 30, False))
    one.add(counts(("opc", "opc/a", 20, True), ("zai", "zai/b", 21, True)))
    assert one.providers == {"opc": [2, 1, 20, 30], "zai": [1, 0, 21, 0]}


def test_what_happened_before_the_hour_is_known_by_its_time_alone() -> None:
    totals = Totals()
    totals.note_last(last_times(counts(("opc", "opc/a b", 10, True), ("opc", "opc/a b", 30, False))))
    totals.note_last({"provider success opc": 7, "nonsense": 1, "": 2, "person success x": 3})
    assert totals.providers == {"opc": Figures(last_success_s=10, last_error_s=30)}
    assert totals.aliases == {"opc/a b": Figures(last_success_s=10, last_error_s=30)}


def test_a_row_of_health_has_rates_of_four_digits() -> None:
    shown = Figures(successes_30m=2, errors_30m=1, successes_60m=2, errors_60m=5).shown()
    assert shown["error_rate_30m"] == 0.3333
    assert (shown["requests_60m"], shown["error_rate_60m"]) == (7, 0.7143)
