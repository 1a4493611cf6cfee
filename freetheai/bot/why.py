"""`/why`: what happened to a request, by its error id, and what to do; without an id, today's refusals by type.

Rules:
- a member is told of their own requests only; an id that is somebody else's is as unknown as one that never was; staff
  are told of any;
- only what the ledger holds is shown: alias, route, status, times, never what was said; members see no provider;
- what was refused before its model was known (no check-in, paused, wrong key) is not in the ledger: for these the
  account's standing of this moment says why.
"""

import re
from typing import TYPE_CHECKING, Any, Final

from discord import app_commands

from freetheai import errors
from freetheai.accounts_members import NoAccount, Standing
from freetheai.bot.failures import safely
from freetheai.bot.person import Interaction
from freetheai.bot.replies import Reply, begin_reply, reply
from freetheai.bot.services import BotServices
from freetheai.bot.staff.gate import is_staff
from freetheai.bot.staff.shown import at, code, fitting, number, person
from freetheai.bot.texts import NO_ACCOUNT, NO_KEY, paused_text
from freetheai.store.usage import UsageDocument
from freetheai.store.usage_of_member import Refusals, UsageOfMember

if TYPE_CHECKING:
    from freetheai.bot.client import Bot

_ERROR_ID: Final = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}-[0-9a-f]{12}(?![0-9a-f])")
_NO_ID: Final = "That is no error id: it looks like `opc-0123456789ab` and stands at the end of the message."
_UNKNOWN: Final = (
    "Nothing is known of that id: it is mistyped, too new (wait a few seconds), not of a request of yours, or it was"
    " shown by a command here; staff can find it in the log."
)
_NOTHING: Final = (
    "Of your requests today none was refused after its model was known. Wrong keys, and refusals before that, are not"
    " kept: the message your client shows says what to do."
)
_REFUSALS: Final = 6


def install(bot: "Bot") -> None:
    """Add the command."""
    services = bot.services

    @app_commands.describe(error_id="What stands after “Error id:”; without it, today's refusals")
    async def why(interaction: Interaction, error_id: app_commands.Range[str, 1, 100] | None = None) -> None:
        await safely(interaction, _answer(services, interaction, error_id))

    command: app_commands.Command[Any, ..., None] = app_commands.Command(
        name="why", description="Why a request failed, and what to do", callback=why
    )
    bot.tree.add_command(command, guild=bot.home)


async def _answer(services: BotServices, interaction: Interaction, error_id: str | None) -> None:
    await begin_reply(interaction)
    user_id = str(interaction.user.id)
    if error_id is None:
        text = await _today(services, user_id)
    else:
        text = await _explain(services, user_id, error_id, sees_all=is_staff(interaction, services.settings))
    await reply(interaction, Reply(text))


async def _explain(services: BotServices, user_id: str, error_id: str, *, sees_all: bool) -> str:
    found = _ERROR_ID.search(error_id.strip().lower())
    if found is None:
        return _NO_ID
    row = await UsageOfMember(services.store).find_error(found[0])
    if row is None or not (sees_all or row["user_id"] == user_id):
        return _UNKNOWN
    lines = [
        f"{code(row['error_id'])}: {code(row['type'])} (status {row['status']}), {at(row['at'])}",
        f"{_request(row)}",
        f"**What happened**: {_what_happened(row['status'], row['type'], has_error_id=True)}",
        f"**What to do**: {_what_to_do(services, row['status'], row['type'])}",
    ]
    if sees_all:
        lines.append(
            f"**For staff**: {person(row['user_id'])}, client {code(row['client'])}, provider"
            f" {code(_provider_of(row['error_id']))}; the provider's answer is in the log under this id."
        )
    return fitting(lines)


def _provider_of(error_id: str) -> str:
    # The ledger names no provider, but an error id begins with the prefix of who failed; ``gw`` is ourselves.
    prefix = error_id.rpartition("-")[0]
    return "none" if prefix == "gw" else prefix


def _request(row: UsageDocument) -> str:
    took = "" if row["duration_ms"] is None else f", ended after {row['duration_ms'] / 1000:.1f} s"
    first = "" if row["ttfb_ms"] is None else f", first output after {row['ttfb_ms'] / 1000:.1f} s"
    with_alias = f" with {code(row['alias'])}" if row["alias"] else ""
    return f"{code(row['route'])}{with_alias}{first}{took}."


async def _today(services: BotServices, user_id: str) -> str:
    midnight = services.now().replace(hour=0, minute=0, second=0, microsecond=0)
    try:
        standing = await services.members.standing(user_id, services.limits())
    except NoAccount:
        return NO_ACCOUNT
    found = await UsageOfMember(services.store).refusals_of(user_id, midnight, limit=_REFUSALS)
    now = _refused_now(standing)
    lines = [f"**Your requests are refused now**: {now}"] if now else []
    lines += [_line(services, refusals) for refusals in found]
    if not found:
        lines.append(_NOTHING)
    return fitting(lines)


def _refused_now(standing: Standing) -> str:
    """Why every request of this account is refused at this moment, "" if none of these reasons holds."""
    user = standing.user
    if not standing.key_prefix:
        return NO_KEY
    if user["paused_reason"] is not None:
        return paused_text(user["paused_reason"])
    if user["is_member"] is False:
        return errors.DISCORD_MEMBERSHIP_REQUIRED.text
    return "" if standing.has_checked_in else "you have not checked in today; use `/checkin`."


def _line(services: BotServices, refusals: Refusals) -> str:
    times = "once" if refusals.count == 1 else f"{number(refusals.count)} times"
    last = f"last {at(refusals.last_at)}{f' with {code(refusals.alias)}' if refusals.alias else ''}"
    last += f", id {code(refusals.error_id)}" if refusals.error_id else ""
    happened = _what_happened(refusals.status, refusals.type, has_error_id=bool(refusals.error_id))
    advice = _what_to_do(services, refusals.status, refusals.type)
    return f"{code(refusals.type)} (status {refusals.status}) {times}, {last}. {happened} {advice}"


def _what_happened(status: int, error_type: str, *, has_error_id: bool) -> str:
    """The error table's own words: of several rows the one that has ids, else the first, which is the general one."""
    rows = [row for row in errors.ROWS.values() if (row.status, row.type) == (status, error_type)]
    with_id = [row for row in rows if row.has_error_id] if has_error_id else []
    text = (with_id or rows)[0].text if rows else "the request was refused"
    return text[0].upper() + text[1:].rstrip(".") + "."


def _what_to_do(services: BotServices, status: int, error_type: str) -> str:
    return services.advice.get((status, error_type), "Try again; if it stays, ask staff and tell them the id.")
