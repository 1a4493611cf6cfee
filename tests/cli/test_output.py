"""Tables for people, JSON for programs."""

import argparse
from datetime import UTC, datetime, timedelta, timezone

import orjson
import pytest

from freetheai.cli import output

AT = datetime(2026, 11, 22, 23, 0, 0, 999, tzinfo=UTC)
ROWS = [
    {"user_id": "1", "roles": ["a", "b"], "is_member": True, "at": AT},
    {"user_id": "22", "roles": [], "is_member": False, "hidden": 1},
]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        pytest.param(None, "-", id="nothing"),
        pytest.param("", "-", id="empty text"),
        pytest.param([], "-", id="empty list"),
        pytest.param(0, "0", id="zero"),
        pytest.param(True, "yes", id="true"),
        pytest.param(False, "no", id="false"),
        pytest.param(["a", 1], "a, 1", id="a list"),
        pytest.param({"rpm": 5, "x": None}, "rpm=5, x=-", id="a table"),
        pytest.param(AT, "2026-11-22T23:00:00Z", id="a time"),
        pytest.param(AT.replace(tzinfo=None), "2026-11-22T23:00:00Z", id="a time without zone, as MongoDB gives it"),
        pytest.param(AT.astimezone(timezone(timedelta(hours=2))), "2026-11-22T23:00:00Z", id="a time elsewhere"),
        pytest.param("a\nb\x1b[2J", "a\ufffdb\ufffd[2J", id="control characters"),
    ],
)
def test_a_value_is_shown_in_one_line(value, shown):
    assert output.cell(value) == shown


def test_a_table_is_aligned_under_its_headings():
    assert output.table(ROWS, ["user_id", "roles", "is_member"]) == (
        "user_id  roles  is_member\n"
        "1        a, b   yes\n"
        "22       -      no\n"
    )  # fmt: skip


def test_wide_characters_take_two_columns():
    lines = output.table([{"n": "你好", "x": "|"}, {"n": "abcd", "x": "|"}], ["n", "x"]).splitlines()
    assert lines == ["n     x", "你好  |", "abcd  |"]


def test_an_empty_table_has_its_headings():
    assert output.table([], ["a", "b"]) == "a  b\n"


@pytest.mark.parametrize("as_json", [False, True], ids=["for people", "for programs"])
def test_rows_are_printed_as_asked(capsys, as_json):
    output.write_rows(argparse.Namespace(json=as_json), ROWS, ["user_id"])
    printed = capsys.readouterr().out
    if as_json:
        assert orjson.loads(printed)[1] == {"user_id": "22", "roles": [], "is_member": False, "hidden": 1}
        assert printed.count("\n") == 1
        assert '"at":"2026-11-22T23:00:00.000999Z"' in printed
    else:
        assert printed == "user_id\n1\n22\n"


@pytest.mark.parametrize(
    ("as_json", "printed"),
    [(False, "user_id  1\nmember   yes\n"), (True, '{"user_id":"1","member":true}\n')],
    ids=["for people", "for programs"],
)
def test_one_thing_is_printed_as_asked(capsys, as_json, printed):
    output.write_record(argparse.Namespace(json=as_json), {"user_id": "1", "member": True})
    assert capsys.readouterr().out == printed


def test_the_option_is_off_unless_given():
    parser = argparse.ArgumentParser()
    output.add_json_option(parser)
    assert (parser.parse_args([]).json, parser.parse_args(["--json"]).json) == (False, True)
