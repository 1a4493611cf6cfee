"""`/staff stats`: what was asked of the house, from its ledger, and how it does right now."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, Literal

from discord import app_commands

from freetheai.bot.person import Interaction
from freetheai.bot.replies import Reply, plain
from freetheai.bot.services import BotServices
from freetheai.bot.staff.gate import StaffGroup
from freetheai.bot.staff.shown import code, fitting, number
from freetheai.live import Truth
from freetheai.staff import Staff
from freetheai.store.usage_figures import Sums, UsageFigures

if TYPE_CHECKING:
    from freetheai.bot.client import Bot

Window = Literal["today", "24h", "7d"]
_AGO: Final = {"24h": timedelta(hours=24), "7d": timedelta(days=7)}
_ROWS: Final = 8


def install(bot: "Bot", group: StaffGroup, staff: Staff) -> None:
    """Add the command."""
    services = bot.services
    figures = UsageFigures(services.store)

    @group.command(name="stats", description="What was asked of the gateway, and how it does now")
    @app_commands.describe(window="Since when; today is the UTC day")
    async def stats(interaction: Interaction, window: Window = "today") -> None:
        async def work(actor: str) -> Reply:
            await staff.note("staff.stats", window, {}, actor=actor)
            return Reply(await _describe(services, figures, window))

        await group.answer(interaction, work)


async def _describe(services: BotServices, figures: UsageFigures, window: Window) -> str:
    since = _since(window, services.now())
    totals = await figures.sums(since)
    aliases, refusals = await figures.sums_by("alias", since), await figures.sums_by("type", since)
    return fitting(
        [
            f"**{'Today (UTC)' if window == 'today' else f'The last {window}'}**",
            f"{number(totals.requests)} requests, {number(totals.successes)} successes, {number(totals.unique_users)}"
            f" members; {number(totals.input_tokens)} tokens in, {number(totals.output_tokens)} out",
            _table("Models", aliases),
            # A success has no type.
            _table("Refused with", [row for row in refusals if row.name]),
            *_now(await services.live.fresh()),
        ]
    )


def _since(window: Window, now: datetime) -> datetime:
    if window == "today":
        return now.replace(hour=0, minute=0, second=0, microsecond=0)
    return now - _AGO[window]


def _table(title: str, rows: Sequence[Sums]) -> str:
    shown = ", ".join(
        f"{code(row.name) if row.name else 'refused before'} {number(row.requests)}" for row in rows[:_ROWS]
    )
    rest = len(rows) - _ROWS
    return f"**{title}**: {shown or 'none'}{f' and {rest} more' if rest > 0 else ''}"


def _now(truth: Truth) -> list[str]:
    clients = sorted(truth.clients.items(), key=lambda item: (-item[1], item[0]))[:_ROWS]
    lines = [f"**Clients now**: {', '.join(f'{code(name)} {users}' for name, users in clients) or 'none'}"]
    for prefix in sorted(truth.totals.providers)[: 2 * _ROWS]:
        row = truth.provider(prefix)
        lines.append(
            f"**{plain(prefix)}** {truth.provider_status(prefix)}: {row.successes_30m} of {row.requests_30m} succeeded"
            f" in 30 minutes"
        )
    return lines
