"""The whole program with a catalog worth looking at, its pages in a real browser, and a scripted provider behind it."""

import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from fakes.upstream import (
    Delay,
    Part,
    Request,
    ScriptedUpstream,
    ShortError,
    chat_body,
    chat_events,
    json_reply,
    run_in_thread,
    stream,
)
from support.house_fixtures import redis_server
from support.mongo_server import new_database, shared_server
from support.node import node_program
from support.program import Program
from support.redis_server import RedisServer
from support.site import SAID, WORDS

__all__ = ["redis_server"]

USAGE = {"prompt_tokens": 9, "completion_tokens": 8, "total_tokens": 17}
SITE = {
    "name": "Orchard AI",
    "tagline": "One key for every model in the orchard.",
    "discord_invite": "https://discord.example/orchard",
}


def catalog() -> list[dict[str, Any]]:
    """Text, media, gated and hidden models of three providers, more than one page of them."""
    models: list[dict[str, Any]] = [
        {
            "id": "apple/pippin-4",
            "display_name": "Pippin 4",
            "description": "A quick all-rounder for code and chat.",
            "context_window": 262144,
            "max_output_tokens": 32768,
            "supports_tools": True,
            "supports_reasoning": True,
            "supports_structured_outputs": True,
        },
        {"id": "apple/bramley-mini", "context_window": 32768, "max_output_tokens": 4096, "supports_tools": True},
        {
            "id": "pear/conference-vision",
            "description": "Reads pictures.",
            "context_window": 1048576,
            "supports_image_input": True,
            "supports_tools": True,
        },
        {"id": "pear/secret", "visibility": "hidden"},
        {
            "id": "plum/victoria-pro",
            "description": "For Verified members.",
            "context_window": 200000,
            "roles": ["seems_legit"],
        },
        {"id": "plum/painter", "description": "Makes pictures.", "supports_images": True},
        {"id": "plum/broken", "description": "Always fails."},
        {"id": "plum/<b>&\"odd'", "description": "<script>alert(1)</script>"},
    ]
    models += [
        {"id": f"quince/seedling-{number:02}", "context_window": 8192 * (1 + number % 16)} for number in range(70)
    ]
    return models


def provider(request: Request) -> Part:
    """Answers chat as asked, streamed or not."""
    if request.method != "POST":
        return ShortError(404)
    asked = request.json()
    if asked["model"] == "broken":
        return ShortError(500)
    if asked["model"] == "painter":
        return json_reply({"created": 1, "data": [{"b64_json": "aGk="}]})
    if not asked.get("stream"):
        return chat_body(SAID, usage=USAGE)
    events = chat_events(WORDS, usage=USAGE)
    paced = asked["messages"][-1].get("content") == "slowly"
    return stream([part for event in events for part in (Delay(0.25), event)] if paced else events)


@pytest.fixture(scope="session")
def upstream() -> Iterator[ScriptedUpstream]:
    with run_in_thread() as server:
        server.script = provider
        yield server


@pytest.fixture(scope="session")
def program(
    tmp_path_factory: pytest.TempPathFactory, upstream: ScriptedUpstream, redis_server: RedisServer
) -> Iterator[Program]:
    database = new_database()
    own = {
        "base_url": f"{upstream.url}/v1",
        "formats": ["chat", "images"],
        "api_keys": ["sk-upstream"],
        "cooldown_seconds": 0,
        "error_threshold": 1000000,
    }
    sections = {
        "mongodb": {"url": shared_server().url, "database": database},
        "redis": {"url": redis_server.url, "prefix": database[-16:]},
        "site": SITE,
        "limits": {
            "daily_success_limit": 100000,
            "max_addresses": 50,
            "tiers": [
                {"level": 1, "minimum_invites": 0, "rate_limit_per_minute": 100000, "concurrency_limit": 500},
                {"level": 2, "minimum_invites": 3, "rate_limit_per_minute": 100001, "concurrency_limit": 501},
            ],
        },
        **{f"providers.{prefix}": own for prefix in ("apple", "pear", "plum", "quince")},
    }
    program = Program(tmp_path_factory.mktemp("program"), sections, catalog())
    program.start()
    yield program
    program.stop()


@pytest.fixture(scope="session")
def key(program: Program) -> str:
    return program.issue_key("reader")


@pytest.fixture(scope="session")
def node() -> str:
    """Node.js with what `tests/node/package-lock.json` names beside it."""
    return node_program()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The system's Chromium, headless."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("Chromium is not on this machine")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--headless", "--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser, program: Program) -> Iterator[Page]:
    """A fresh tab at the program's root address. Whatever the console complains of fails the test."""
    context = browser.new_context(base_url=program.url, viewport={"width": 1280, "height": 800})
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    context.close()
    # A refused request is logged by the browser itself; it is what some tests are about.
    assert not [text for text in complaints if not text.startswith("Failed to load resource")]
