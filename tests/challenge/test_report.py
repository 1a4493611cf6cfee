"""`scripts/challenge_report` as it is run, and that the page for operators names what there is."""

import os
import re
import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from freetheai.challenge import FAMILIES

ROOT = Path(__file__).resolve().parents[2]


def report(*arguments: str) -> str:
    return subprocess.run(
        [sys.executable, "-m", "scripts.benchmarks.challenges", "--count", "4", "--pictures", "1", *arguments],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"},
        check=True,
        capture_output=True,
        text=True,
    ).stdout


def test_the_report_has_a_row_for_each_family():
    rows = orjson.loads(report("--json"))
    assert [row["family"] for row in rows] == list(FAMILIES)
    for row in rows:
        assert row["drawn"] == 4
        assert row["blind_guess_1_in"] >= 600
        assert 0 < row["draw_ms_median"] <= row["draw_ms_max"]
        assert 0 < row["size_min"] <= row["size_max"]
        if row["kind"] == "picture":
            assert row["size_min"] == row["size_max"]
            for read in row["readers"].values():
                assert read == "not installed" or 0 <= read["passed"] <= 1


def test_the_table_names_them_too():
    shown = report()
    for name in FAMILIES:
        assert re.search(rf"(?m)^\| {name} \|", shown)


@pytest.mark.parametrize("name", list(FAMILIES))
def test_the_page_for_operators_tells_of_every_family_and_its_weight(name):
    page = (ROOT / "docs" / "challenges.md").read_text()
    row = next(line for line in page.splitlines() if line.startswith(f"| `{name}` |"))
    assert row.split("|")[3].strip() == f"{FAMILIES[name].weight:g}"


def test_the_page_for_operators_tells_of_no_family_that_is_gone():
    page = (ROOT / "docs" / "challenges.md").read_text()
    assert re.findall(r"(?m)^\| `(\w+)` \|", page) == list(FAMILIES)
