"""What stands in each page: the values its template is filled with.

Rules: what a page shows of models, health and the leaderboard comes from ``site_data``, the rest from tables of the
code and from the configuration; nothing is computed twice.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from handlers import catalog_search, site_data
from handlers.error_advice import error_rows
from handlers.guides import BY_SLUG, GUIDES
from handlers.operations import HEADERS, OPERATIONS
from handlers.site_view import View

Values = dict[str, Any]

WINDOWS: Final[Mapping[str, str]] = {"24h": "24 hours", "7d": "7 days", "30d": "30 days"}
_LEADERS: Final = 50
# More would make the playground's page heavy; any alias can still be typed.
_PLAYGROUND_ALIASES: Final = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page: its template, its title, one sentence about it, and what fills it."""

    template: str
    title: str
    about: str
    fill: Callable[[View], Awaitable[Values]]
    arguments: Mapping[str, str] = field(default_factory=dict)


async def landing(view: View) -> Values:
    """Live figures, limits, and the first models."""
    health = await site_data.health(view.services)
    rows = (await site_data.catalog(view.services))["data"]
    return {
        "live": live_figures(health),
        "guides": GUIDES,
        "tiers": view.services.settings.limits.tiers,
        "daily": view.services.settings.limits.daily_success_limit,
        "has_discord": has_discord(view),
        "prefixes": sorted({row["prefix"] for row in rows}),
        "models": [row for row in rows if row["access"]["available"]][:6],
    }


async def quickstart(view: View) -> Values:
    """A key, a check-in, a first call."""
    return {"guides": GUIDES, "has_discord": has_discord(view)}


async def guide(view: View) -> Values:
    """One client."""
    found = BY_SLUG[view.path.rpartition("/")[2]]
    model = view.example_model()
    return {"guide": found, "guides": GUIDES, "alias": model.id if model else ""}


async def docs(view: View) -> Values:
    """Routes, errors, limits and headers, from the code's own tables."""
    groups = list(dict.fromkeys(operation.group for operation in OPERATIONS))
    return reference(view) | {"groups": groups, "limits": view.services.settings.limits}


def reference(view: View) -> Values:
    """The tables that the API page and `llms.txt` are made of."""
    return {
        "operations": OPERATIONS,
        "errors": error_rows(),
        "headers": HEADERS,
        "has_discord": has_discord(view),
    }


async def catalog(view: View) -> Values:
    """The models that the address asks for."""
    rows = (await site_data.catalog(view.services))["data"]
    return {
        "found": catalog_search.search(rows, view.arguments),
        "all_count": len(rows),
        "providers": sorted({row["prefix"] for row in rows}),
        "search": catalog_search,
        "chosen": {**catalog_search.ARGUMENTS, **view.arguments},
    }


async def leaderboard(view: View) -> Values:
    """Which models were used most."""
    window = view.arguments.get("window", "24h")
    window = window if window in WINDOWS else "24h"
    document = await site_data.leaderboard(view.services, window, _LEADERS)
    return {"window": window, "windows": WINDOWS, "board": document}


async def status(view: View) -> Values:
    """How each provider did in the last hour."""
    health = await site_data.health(view.services)
    return {"health": health, "live": live_figures(health)}


async def playground(view: View) -> Values:
    """Aliases to choose from, and what to do about each error."""
    document = await site_data.catalog(view.services)
    rows = [row for row in document["data"] if row["supports_chat"]]
    model = view.example_model()
    return {
        "models": rows[:_PLAYGROUND_ALIASES],
        "errors": error_rows(),
        "alias": model.id if model else "",
        "limit_headers": [name for name in HEADERS if name.endswith(("-Limit", "-Remaining", "-Reset"))],
    }


async def plain(view: View) -> Values:
    """A text and nothing else."""
    del view
    return {}


def live_figures(health: Mapping[str, Any]) -> Values:
    """The few numbers of the health document that a visitor understands at once."""
    providers = health["providers"]
    requests = sum(row["requests_60m"] for row in providers)
    successes = sum(row["successes_60m"] for row in providers)
    return {
        "status": health["status"],
        "models": health["catalog"]["model_count"],
        "providers_up": sum(1 for row in providers if row["status"] != "down"),
        "providers": len(providers),
        "members": sum(row["unique_users"] for row in health["clients"]),
        "requests": requests,
        "success": successes / requests if requests else None,
    }


def has_discord(view: View) -> bool:
    """Whether members get their keys from the bot."""
    settings = view.services.settings
    return bool(settings.discord.enabled or settings.site.discord_invite)


PAGES: Final[Mapping[str, Page]] = {
    "/": Page(template="landing.html", title="", about="", fill=landing),
    "/quickstart": Page(
        template="quickstart.html", title="Quickstart", about="From nothing to a first answer.", fill=quickstart
    ),
    **{
        f"/guides/{item.slug}": Page(
            template=f"guides/{item.slug}.html",
            title=f"{item.name} setup",
            about=f"How to use {item.name} here.",
            fill=guide,
        )
        for item in GUIDES
    },
    "/docs": Page(
        template="docs.html", title="API docs", about="Routes, errors, limits and headers of the API.", fill=docs
    ),
    "/catalog": Page(
        template="catalog.html",
        title="Models",
        about="Every model, with search and filters.",
        fill=catalog,
        arguments=catalog_search.ARGUMENTS,
    ),
    "/leaderboard": Page(
        template="leaderboard.html",
        title="Leaderboard",
        about="Which models are used most.",
        fill=leaderboard,
        arguments={"window": "24h"},
    ),
    "/status": Page(template="status.html", title="Status", about="How every provider does right now.", fill=status),
    "/playground": Page(
        template="playground.html", title="Playground", about="Try a model from this page.", fill=playground
    ),
    "/privacy": Page(template="privacy.html", title="Privacy", about="What is kept, and what never is.", fill=plain),
    "/terms": Page(
        template="terms.html", title="Terms", about="What you may expect, and what is expected.", fill=plain
    ),
}
