"""`/me`: where a member stands: standing, limits left, tier, streak, roles, and the key as it may be shown."""

from typing import TYPE_CHECKING

from freetheai import clock
from freetheai.accounts_members import NoAccount, Standing
from freetheai.bot.commands import add_command
from freetheai.bot.person import Interaction, person_of
from freetheai.bot.replies import Reply, begin_reply, plain, reply, when
from freetheai.bot.services import BotServices
from freetheai.bot.texts import NO_ACCOUNT
from freetheai.limits import LimitNumbers

if TYPE_CHECKING:
    from freetheai.bot.client import Bot

_MAX_ROLES_SHOWN = 20


def install(bot: "Bot") -> None:
    """Add the command."""
    services = bot.services

    async def me(interaction: Interaction) -> None:
        await begin_reply(interaction)
        user_id = person_of(interaction).user_id
        try:
            standing = await services.members.standing(user_id, services.limits())
        except NoAccount:
            await reply(interaction, Reply(NO_ACCOUNT))
            return
        numbers = await services.limiter.standing(user_id, standing.policy)
        await reply(interaction, Reply(_describe(services, standing, numbers)))

    add_command(bot, "me", "Your standing, limits, tier, streak and key", me)


def _describe(services: BotServices, standing: Standing, numbers: LimitNumbers) -> str:
    day, minute, concurrency = numbers.day, numbers.minute, numbers.concurrency
    reset = when(clock.seconds_to_utc_midnight(services.now()))
    rows = (
        ("Standing", _standing(standing)),
        ("Today", f"{day.remaining} of {day.limit} successful requests left; the day ends {reset}"),
        ("Now", f"{minute.remaining} of {minute.limit} requests a minute left,"
                f" {concurrency.remaining} of {concurrency.limit} at the same time"),
        ("Tier", _tier(standing)),
        ("Streak", _days(standing.streak)),
        ("Roles", _roles(standing.user["roles"])),
        ("Key", f"`{standing.key_prefix}…`" if standing.key_prefix else "none that is good; `/resetkey` makes one"),
    )  # fmt: skip
    return "\n".join(f"**{name}**: {text}" for name, text in rows)


def _standing(standing: Standing) -> str:
    reason = standing.user["paused_reason"]
    if reason is not None:
        return f"paused by staff ({plain(reason)})" if reason else "paused by staff"
    if standing.user["is_member"] is False:
        return "not in the server: your key is not served"
    return "checked in today" if standing.has_checked_in else "not checked in today: use `/checkin`"


def _tier(standing: Standing) -> str:
    text = f"{standing.tier.level} ({standing.user['invites']} invites)"
    if standing.next_tier is None:
        return text
    return f"{text}; tier {standing.next_tier.level} from {standing.next_tier.minimum_invites}"


def _days(count: int) -> str:
    return "1 day" if count == 1 else f"{count} days"


def _roles(roles: list[str]) -> str:
    shown = ", ".join(plain(role) for role in roles[:_MAX_ROLES_SHOWN]) or "none"
    return shown if len(roles) <= _MAX_ROLES_SHOWN else f"{shown} and {len(roles) - _MAX_ROLES_SHOWN} more"
