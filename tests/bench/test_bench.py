"""The benchmark itself: it runs end to end, and its arithmetic and its yardstick are what its documentation says."""

import math
import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from scripts.benchmarks.house import PASSTHROUGH
from scripts.benchmarks.report import Aim, as_json, figure, table

ROOT = Path(__file__).parents[2]


def test_the_yardstick_has_at_most_forty_lines() -> None:
    assert len(PASSTHROUGH.read_text().splitlines()) <= 40


def test_a_ratio_is_the_median_of_the_rounds_ratios_not_the_ratio_of_medians() -> None:
    one = figure("x", "x", "ms", [(10, 10), (40, 10), (30, 30)])
    assert (one.gateway, one.bare, one.ratio) == (30, 10, 1.0)


@pytest.mark.parametrize(
    ("aim", "pair", "is_met"),
    [
        pytest.param(Aim(min_ratio=0.7), (7, 10), True, id="just fast enough"),
        pytest.param(Aim(min_ratio=0.7), (6.9, 10), False, id="too slow"),
        pytest.param(Aim(max_ratio=1.0), (10, 10), True, id="no dearer"),
        pytest.param(Aim(max_ratio=1.0), (11, 10), False, id="dearer"),
        pytest.param(Aim(max_value=50), (50, 1), True, id="within the bound, whatever the other does"),
        pytest.param(Aim(max_value=50), (51, math.inf), False, id="over the bound, though the other never does it"),
    ],
)
def test_an_aim_is_met_or_not(aim: Aim, pair: tuple[float, float], is_met: bool) -> None:
    assert figure("x", "x", "ms", [pair], aim).is_met is is_met


def test_what_never_happened_is_named_in_the_table_and_null_in_json() -> None:
    one = figure("x", "it", "ms", [(1.5, math.inf)], Aim(max_value=50))
    row = next(line for line in table([one], []).splitlines() if line.startswith("it "))
    assert row.split() == ["it", "1.50", "never", "ms", "≤", "50", "met"]
    (written,) = orjson.loads(as_json([one], [], {}))["figures"]
    assert (written["gateway"], written["bare"]) == (1.5, None)


@pytest.mark.slow
def test_one_measure_runs_from_the_command_to_its_json(tmp_path: Path) -> None:
    document = tmp_path / "figures.json"
    command = [sys.executable, "-m", "scripts.benchmarks", "--quick", "--only", "abort", "--json", str(document)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    figures = {one["name"]: one for one in orjson.loads(document.read_bytes())["figures"]}
    assert figures.keys() == {"abort.silent_ms", "abort.paced_ms"}
    # The gateway tells the upstream, the pass-through does not: the difference that the measure is for.
    for one in figures.values():
        assert one["gateway"] is not None
        assert one["bare"] is None
    assert "pinned" in done.stdout or "ONE core" in done.stdout
