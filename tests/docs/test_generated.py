"""The documentation says what the code does: generated parts are fresh, and everything that exists is named."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


def load_generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generated_docs", ROOT / "scripts" / "generated_docs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


GENERATOR = load_generator()


@pytest.mark.parametrize("page", GENERATOR.PAGES)
def test_the_generated_part_is_fresh(page: str) -> None:
    text = (ROOT / "docs" / page).read_text()
    assert text == GENERATOR.with_generated(text, GENERATOR.PAGES[page]()), "run scripts/docs"


def test_every_limit_header_is_in_the_api_s_page() -> None:
    text = (ROOT / "docs" / "api.md").read_text()
    for family in ("X-RateLimit", "X-Concurrency", "X-DailyLimit"):
        for name in ("Limit", "Remaining", "Reset"):
            assert f"`{family}-{name}`" in text


@pytest.mark.parametrize(
    "page", [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))], ids=lambda page: page.name
)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        assert "://" in target or (page.parent / target).exists(), target


def test_the_readme_begins_with_its_two_commands() -> None:
    beginning = (ROOT / "README.md").read_text().split("```")[1]
    assert "./scripts/run" in beginning
    assert "./scripts/test" in beginning
