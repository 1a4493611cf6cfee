"""`/staff whois`: everything there is on a member, without any key."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import discord
from discord import app_commands

from freetheai.accounts_members import Standing
from freetheai.bot.person import Interaction
from freetheai.bot.replies import Reply, plain
from freetheai.bot.services import BotServices
from freetheai.bot.staff.gate import StaffGroup
from freetheai.bot.staff.shown import at, code, fitting, number, person
from freetheai.limits import RedisFailure
from freetheai.staff import Look, Staff, StaffRefused
from freetheai.store.audit import AuditRow
from freetheai.store.keys import Key
from freetheai.store.usage_of_member import MemberSums, Refusals

if TYPE_CHECKING:
    from freetheai.bot.client import Bot

_ROLES: Final = 15
_KEYS: Final = 4
_CHANGES: Final = 6
_REASON_CHARS: Final = 80
Prefix = app_commands.Range[str, 10, 11]
UserId = app_commands.Range[str, 1, 64]


def install(bot: "Bot", group: StaffGroup, staff: Staff) -> None:
    """Add the command."""
    services = bot.services

    @group.command(name="whois", description="Standing, keys (masked), usage and recent refusals of a member")
    @app_commands.describe(
        member="Who", user_id="Or the id of an account", prefix="Or the first ten characters of a key; never all of it"
    )
    async def whois(
        interaction: Interaction,
        member: discord.User | None = None,
        user_id: UserId | None = None,
        prefix: Prefix | None = None,
    ) -> None:
        async def work(actor: str) -> Reply:
            given = [each for each in (str(member.id) if member else None, user_id, prefix) if each is not None]
            if len(given) != 1:
                raise StaffRefused("name one: a member, an id or a key's prefix")
            if prefix is None:
                return Reply(await _describe(services, staff, given[0].strip(), actor))
            owners = await staff.owners_of(prefix)
            if not owners:
                raise StaffRefused("there is no such key")
            if len(owners) > 1:
                return Reply(f"Several members had a key that begins so: {', '.join(map(person, owners[:20]))}")
            return Reply(await _describe(services, staff, owners[0], actor))

        await group.answer(interaction, work)


async def _describe(services: BotServices, staff: Staff, user_id: str, actor: str) -> str:
    look = await staff.look(user_id, actor=actor)
    if look.user is None:
        return fitting([f"{person(user_id)} has no account.", *_changes(look.changes)])
    standing = await services.members.standing(user_id, services.limits())
    used = await _used(services, standing)
    name = plain(look.user["name"])
    lines = [
        f"{person(user_id)} {code(user_id)}{f' ({name})' if name else ''}, since {at(look.user['created_at'])}",
        f"**Standing**: {_standing(standing)}",
        f"**Tier**: {standing.tier.level} ({standing.user['invites']} invites); streak {standing.streak}{used}",
        f"**Roles**: {_roles(look.user['roles'])}",
        *_said(look),
        *map(_key, look.keys[:_KEYS]),
        f"**Today**: {_sums(look.today)}",
        f"**7 days**: {_sums(look.week)}",
        f"**Clients**: {', '.join(map(code, look.clients[:8])) or 'none'}",
        f"**Refusals of 24 hours**: {', '.join(map(_refusals, look.refusals)) or 'none'}",
        *_changes(look.changes),
    ]
    return fitting(lines)


async def _used(services: BotServices, standing: Standing) -> str:
    try:
        numbers = await services.limiter.standing(standing.user["user_id"], standing.policy)
    except RedisFailure:
        return ""
    day, concurrency = numbers.day, numbers.concurrency
    running = concurrency.limit - concurrency.remaining
    return f"; {day.remaining} of {day.limit} left today, {running} of {concurrency.limit} running"


def _standing(standing: Standing) -> str:
    said = []
    reason = standing.user["paused_reason"]
    if reason is not None:
        said.append(f"paused ({plain(reason)})" if reason else "paused")
    if standing.user["is_member"] is False:
        said.append("not in the server")
    said.append("checked in today" if standing.has_checked_in else "not checked in today")
    if standing.user["overrides"]:
        said.append(f"own limits {plain(str(dict(standing.user['overrides'])))}")
    return ", ".join(said)


def _roles(roles: list[str]) -> str:
    rest = len(roles) - _ROLES
    return (", ".join(map(plain, roles[:_ROLES])) or "none") + (f" and {rest} more" if rest > 0 else "")


def _said(look: Look) -> Iterator[str]:
    signup = look.user.get("signup") if look.user else None
    if signup:
        yield f"**Said at signup**: {plain(signup['use_case'])} ({plain(signup['disclosure'])})"


def _key(key: Key) -> str:
    if key["revoked_at"] is None:
        return f"**Key** {code(key['key_prefix'] + '…')}: good, made {at(key['created_at'])}"
    reason = plain(key["revoked_reason"][:_REASON_CHARS])
    return f"**Key** {code(key['key_prefix'] + '…')}: revoked {at(key['revoked_at'])}{f': {reason}' if reason else ''}"


def _sums(sums: MemberSums) -> str:
    if not sums.requests:
        return "no request"
    return (
        f"{number(sums.requests)} requests, {number(sums.successes)} successes, {number(sums.input_tokens)} tokens in,"
        f" {number(sums.output_tokens)} out"
    )


def _refusals(refusals: Refusals) -> str:
    last = f" (last {at(refusals.last_at)}{', ' + code(refusals.error_id) if refusals.error_id else ''})"
    return f"{code(refusals.type)} {number(refusals.count)}{last}"


def _changes(rows: list[AuditRow]) -> Iterator[str]:
    if rows:
        yield "**Lately done to them**:"
    for row in rows[:_CHANGES]:
        yield f"{at(row['at'])} {code(row['action'])} by {_actor(row['actor'])}{_details(row['details'])}"


def _actor(actor: str) -> str:
    kind, _, who = actor.partition(":")
    return person(who) if kind == "discord" and who.isdigit() else code(actor)


def _details(details: dict[str, Any]) -> str:
    said = ", ".join(f"{name} {value}" for name, value in details.items() if value not in (None, ""))
    return f": {plain(said[:_REASON_CHARS])}" if said else ""
