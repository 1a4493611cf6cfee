"""The dashboard and the alert rules ask for figures that exist, and each alarm has its page."""

import re
from typing import Any

import orjson
import pytest
from prometheus_client import CollectorRegistry

from freetheai import errors
from freetheai.live import metrics as live_metrics
from freetheai.metrics import Metrics
from support.house import ROOT

FOLDER = ROOT / "docs" / "operations"
PAGE = (ROOT / "docs" / "operations.md").read_text()
ALERTS = (FOLDER / "alerts.yml").read_text()
DASHBOARD: dict[str, Any] = orjson.loads((FOLDER / "grafana.json").read_bytes())
NAME = re.compile(r"\b(?:freetheai|process)_[a-z0-9_]+\b")


def known_names() -> set[str]:
    registry = CollectorRegistry()
    metrics = Metrics(registry, error_types={row.type for row in errors.ROWS.values()})
    rendered = metrics.render().decode()
    names = set(re.findall(r"^# TYPE (\S+) (?:counter|gauge)", rendered, re.MULTILINE))
    histograms = re.findall(r"^# TYPE (\S+) histogram", rendered, re.MULTILINE)
    names |= {f"{name}_{part}" for name in histograms for part in ("bucket", "sum", "count")}
    # What is shared by the processes has a collector of its own.
    return names | {
        f"{value[0]}" for value in vars(live_metrics).values() if isinstance(value, tuple) and len(value) > 1
    }


def expressions() -> list[str]:
    panels = [target["expr"] for panel in DASHBOARD["panels"] for target in panel.get("targets", [])]
    notes = [note["expr"] for note in DASHBOARD["annotations"]["list"]]
    return panels + notes


def test_the_dashboard_and_the_rules_ask_for_what_there_is():
    asked = {name for text in [*expressions(), ALERTS] for name in NAME.findall(text)}
    assert asked
    assert asked <= known_names()


def test_every_figure_of_ours_is_on_the_dashboard():
    shown = " ".join(expressions())
    ours = {
        name
        for name in known_names()
        if name.startswith("freetheai_") and not name.endswith(("_created", "_sum", "_count"))
    }
    assert {name for name in ours if name not in shown} <= {"freetheai_info"}


def test_panels_do_not_overlap():
    places = [
        (x, y)
        for panel in DASHBOARD["panels"]
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(places) == len(set(places))


@pytest.mark.parametrize("alarm", re.findall(r"- alert: (\w+)", ALERTS))
def test_every_alarm_has_its_page(alarm):
    section = re.search(rf"^### {alarm}\n(.*?)(?=^##|\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert section is not None
    assert "Means:" in section[1]
    assert "Do:" in section[1]


def test_no_page_without_an_alarm():
    pages = re.findall(r"^### (\w+)$", PAGE.partition("## Alarms")[2].partition("\n## ")[0], re.MULTILINE)
    assert sorted(pages) == sorted(re.findall(r"- alert: (\w+)", ALERTS))
