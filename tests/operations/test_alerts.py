"""The alert rules, asked of Prometheus' own tool where it is installed: each fires for its reason and no other."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from support.house import ROOT

RULES = ROOT / "docs" / "operations" / "alerts.yml"
CASES = Path(__file__).with_name("alerts_test.yml")


def test_every_alarm_is_seen_silent_and_firing() -> None:
    """Needs no tool: an alarm that nobody has tried to raise may be one that can't be."""
    cases = CASES.read_text()
    for alarm in re.findall(r"- alert: (\w+)", RULES.read_text()):
        assert len(re.findall(rf"alertname: {alarm}\b", cases)) >= 2, alarm
        assert re.search(rf"alertname: {alarm},? +exp_alerts|alertname: {alarm}\n +exp_alerts", cases), alarm
        assert re.search(rf"alertname: {alarm}}}", cases), alarm


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed here")
def test_they_fire_when_they_should(tmp_path: Path) -> None:
    for file in (RULES, CASES):
        shutil.copy(file, tmp_path)
    done = subprocess.run(
        ["promtool", "test", "rules", CASES.name], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
