"""The pages in a real browser: search and filters, copying, the playground, both themes, and what axe-core says."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from handlers.site_content import PAGES
from support.node import NODE_FOLDER
from support.program import Program
from support.site import SAID

GRAVE = ("serious", "critical")


def cards(page: Page) -> Any:
    return page.locator("[data-results] .card")


def test_search_shows_at_once_and_stands_in_the_address(page: Page) -> None:
    page.goto("/catalog")
    expect(page.locator("[data-found]")).to_have_text("77 of 77 models")
    page.fill("#q", "pictures reads")
    expect(cards(page)).to_have_count(1)
    expect(cards(page)).to_contain_text("pear/conference-vision")
    expect(page.locator("[data-said]")).to_have_text("1 of 77 models")
    assert page.url.endswith("/catalog?q=pictures+reads")
    page.reload()
    expect(page.locator("#q")).to_have_value("pictures reads")
    expect(cards(page)).to_have_count(1)


def test_filters_work_together_and_can_be_cleared(page: Page) -> None:
    page.goto("/catalog")
    page.select_option("#access", "gated")
    expect(cards(page)).to_have_count(1)
    page.select_option("#access", "")
    page.select_option("#can", "tools")
    page.select_option("#context", "128k")
    expect(cards(page)).to_have_count(2)
    page.select_option("#sort", "context")
    expect(cards(page).first).to_contain_text("pear/conference-vision")
    page.select_option("#provider", "apple")
    expect(cards(page)).to_have_count(1)
    page.wait_for_url("**/catalog?can=tools&context=128k&provider=apple&sort=context")
    page.select_option("#kind", "video")
    expect(page.locator("[data-results]")).to_contain_text("No model is like that")
    page.click("[data-clear]")
    expect(page.locator("[data-found]")).to_have_text("77 of 77 models")
    assert page.url.endswith("/catalog")
    expect(page.locator("#can")).to_have_value("")


@pytest.fixture
def plain(browser: Browser, program: Program) -> Iterator[Page]:
    """A tab without JavaScript."""
    context = browser.new_context(base_url=program.url, java_script_enabled=False)
    yield context.new_page()
    context.close()


def test_the_catalog_works_without_javascript(plain: Page) -> None:
    plain.goto("/catalog")
    plain.fill("#q", "seedling")
    plain.click("text=Show")
    expect(plain.locator("[data-found]")).to_have_text("70 of 77 models")
    plain.click("text=Next")
    expect(plain.locator(".pages")).to_contain_text("Page 2 of 2")
    expect(plain.locator("#q")).to_have_value("seedling")
    expect(cards(plain)).to_have_count(10)


@pytest.mark.parametrize("path", ["/", "/docs", "/guides/codex", "/status", "/leaderboard", "/quickstart"])
def test_every_page_reads_without_javascript(plain: Page, path: str) -> None:
    plain.goto(path)
    expect(plain.locator("h1")).to_be_visible()
    assert len(plain.locator("main").inner_text()) > 100
    expect(plain.locator("button.theme")).to_be_hidden()


def test_code_is_copied_as_it_stands(page: Page) -> None:
    page.goto("/guides/codex")
    figure = page.locator(".code").first
    figure.locator(".copy").click()
    expect(page.locator("[data-toast]")).to_have_text("Copied")
    assert page.evaluate("() => navigator.clipboard.readText()") == figure.locator("code").inner_text()
    page.reload()
    page.locator(".facts .copy").first.click()
    expect(page.locator("[data-toast]")).to_have_text("Copied")
    copied = page.evaluate("() => navigator.clipboard.readText()")
    assert copied == page.locator(".facts code").first.inner_text()
    assert copied.endswith("/v1")


def play(page: Page, key: str, alias: str, style: str, prompt: str = "Hi, it's me") -> None:
    page.goto("/playground")
    page.fill("#key", key)
    page.fill("#alias", alias)
    page.check(f"input[value={style}]")
    page.fill("#prompt", prompt)
    page.click("[data-send]")


@pytest.mark.parametrize("style", ["chat", "messages", "responses"])
def test_the_playground_streams(page: Page, key: str, style: str) -> None:
    play(page, key, "apple/pippin-4", style)
    expect(page.locator("[data-state]")).to_have_text("Done")
    expect(page.locator("[data-answer]")).to_have_text(SAID)
    expect(page.locator("[data-fact=tokens]")).to_have_text("8")
    expect(page.locator("[data-fact=speed]")).to_have_text(re.compile(r"^\d+\.\d$"))
    page.click("text=Limit headers")
    for family in ("X-RateLimit", "X-Concurrency", "X-DailyLimit"):
        for name in ("Limit", "Remaining", "Reset"):
            expect(page.locator(f'[data-header="{family}-{name}"]')).to_have_text(re.compile(r"^\d+$"))
    assert key not in page.locator("[data-requests]").inner_text()
    for tab in ("curl", "Python", "JavaScript"):
        page.get_by_role("tab", name=tab).click()
        shown = page.locator(f'[data-request="{tab.lower()}"]')
        expect(shown).to_contain_text("apple/pippin-4")
        expect(shown).to_contain_text("ORCHARD_AI_API_KEY")


def test_an_answer_grows_as_it_comes_and_can_be_stopped(page: Page, key: str) -> None:
    play(page, key, "apple/pippin-4", "chat", "slowly")
    expect(page.locator("[data-answer]")).to_have_text(re.compile("^A stream "))
    expect(page.locator("[data-state]")).to_have_text("Streaming")
    page.click("[data-stop]")
    expect(page.locator("[data-state]")).to_have_text("Stopped")
    assert page.locator("[data-answer]").inner_text() != SAID
    expect(page.locator("[data-send]")).to_be_enabled()


@pytest.mark.parametrize(
    ("alias", "is_known", "status", "kind", "advice"),
    [
        pytest.param("apple/pippin-4", False, "401", "invalid_api_key", "/resetkey", id="a wrong key"),
        pytest.param("no/such", True, "400", "invalid_request_error", "catalog", id="an unknown alias"),
        pytest.param("plum/victoria-pro", True, "403", "model_access_denied", "Verified", id="a gated model"),
        pytest.param("plum/broken", True, "502", "provider_error", "another model", id="a broken provider"),
    ],
)
def test_an_error_says_what_to_do(
    page: Page, key: str, alias: str, is_known: bool, status: str, kind: str, advice: str
) -> None:
    play(page, key if is_known else "fta_wrong", alias, "chat")
    problem = page.get_by_role("alert")
    expect(problem).to_be_visible()
    expect(problem.locator("[data-problem-status]")).to_have_text(status)
    expect(problem.locator("[data-problem-type]")).to_have_text(kind)
    expect(problem.locator("[data-problem-advice]")).to_contain_text(advice)
    expect(page.locator("[data-state]")).to_have_text("Failed")


def test_the_key_stays_in_the_tab(page: Page, key: str) -> None:
    play(page, key, "apple/pippin-4", "chat")
    expect(page.locator("[data-state]")).to_have_text("Done")
    page.reload()
    expect(page.locator("#key")).to_have_value(key)
    assert page.context.cookies() == []
    assert page.evaluate("() => Object.values({...localStorage})") == []
    other = page.context.new_page()
    other.goto("/playground")
    expect(other.locator("#key")).to_have_value("")
    page.click("[data-forget]")
    page.reload()
    expect(page.locator("#key")).to_have_value("")


def test_the_theme_can_be_chosen_and_stays(page: Page) -> None:
    page.goto("/")
    background = "() => getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(background)
    page.click("[data-theme-switch]")
    dark = page.evaluate(background)
    assert dark != light
    page.goto("/docs")
    assert page.evaluate(background) == dark


def test_the_keyboard_leads_to_the_content_and_through_the_tabs(page: Page, key: str) -> None:
    play(page, key, "apple/pippin-4", "chat")
    expect(page.locator("[data-state]")).to_have_text("Done")
    page.get_by_role("tab", name="curl").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", name="Python")).to_be_focused()
    expect(page.locator("#panel-python")).to_be_visible()
    page.goto("/")
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()


@pytest.fixture(scope="module")
def axe(node: str) -> str:
    assert node
    return (NODE_FOLDER / "node_modules" / "axe-core" / "axe.min.js").read_text()


# What depends on the theme or on the width; everything else is looked at once.
RULES = ["color-contrast", "target-size", "scrollable-region-focusable", "aria-hidden-focus"]


def grave(page: Page, rules: list[str] | None = None) -> list[str]:
    """What axe-core finds in the page that is serious or worse."""
    options = {"resultTypes": ["violations"], **({"runOnly": rules} if rules else {})}
    result = page.evaluate("(options) => axe.run(document, options)", options)
    return [
        f"{page.url}: {found['id']}: {found['nodes'][0]['html']}"
        for found in result["violations"]
        if found["impact"] in GRAVE
    ]


@pytest.mark.parametrize("path", [*PAGES, "/no-such-page"])
def test_axe_finds_nothing_grave_and_no_page_is_wider_than_the_screen(page: Page, axe: str, path: str) -> None:
    page.goto(path)
    page.evaluate(axe)
    found = grave(page)
    for theme, width in (("dark", 1280), ("light", 390)):
        page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
        page.set_viewport_size({"width": width, "height": 844})
        found += grave(page, RULES)
        assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth"), width
    assert not found


def test_axe_finds_nothing_grave_in_a_used_playground(page: Page, key: str, axe: str) -> None:
    play(page, key, "no/such", "chat")
    expect(page.get_by_role("alert")).to_be_visible()
    page.evaluate(axe)
    assert not grave(page)
