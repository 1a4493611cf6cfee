"""``docs/translation.md`` says what the code does: its tables are the code's, and each row has a test of its name."""

import re
from pathlib import Path

from freetheai.wire.effort import BUDGETS
from freetheai.wire.finish import TO_CHAT, TO_MESSAGES, TO_RESPONSES

HERE = Path(__file__).parent
PAGE = (HERE.parents[1] / "docs" / "translation.md").read_text()


def rows_of(heading: str) -> list[list[str]]:
    """The cells of the table under a heading of the page, without its head."""
    section = PAGE.split(f"## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_each_row_has_a_test_and_each_test_a_row():
    sources = "".join(path.read_text() for path in HERE.glob("test_page_*.py"))
    tests = re.findall(r"^def test_(\w+)", sources, re.MULTILINE)
    rows = [cells[0] for cells in rows_of("What can't be carried")]
    assert sorted(rows) == sorted(name.replace("_", "-") for name in tests)


def test_the_reasons_on_the_page_are_those_of_the_tables():
    found = {cells[0]: [re.findall(r"`(\w+)`", cell) for cell in cells[1:]] for cells in rows_of("Answers")}
    assert found == {
        reason: [[TO_CHAT[reason]], [TO_MESSAGES[reason]], [word for word in TO_RESPONSES[reason] if word]]
        for reason in TO_CHAT
    }


def test_the_budgets_on_the_page_are_those_of_the_table():
    for effort, budget in BUDGETS.items():
        assert effort == "none" or f"{effort} {budget}" in " ".join(PAGE.split())
