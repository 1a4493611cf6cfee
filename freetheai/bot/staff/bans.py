"""`/staff ban address|signature`, `/staff unban …`, `/staff bans`: who is refused before any key is looked at."""

from typing import TYPE_CHECKING, Final

from discord import app_commands

from freetheai.bot.person import Interaction
from freetheai.bot.replies import Reply, plain
from freetheai.bot.staff.gate import StaffGroup
from freetheai.bot.staff.shown import at, code, fitting
from freetheai.staff import MAX_REASON_CHARS, Staff, WideBan
from freetheai.store.bans import Ban, BanKind

if TYPE_CHECKING:
    from freetheai.bot.client import Bot

_SHOWN: Final = 25
_ADDRESS: Final = "An address, or a network as 203.0.113.0/24; v4 or v6"
_SIGNATURE: Final = "A client's name as whois and stats print it; * at its end matches any rest"
_REASON: Final = "Why, for staff"
_WIDE: Final = "Ban it although it is very wide"
Value = app_commands.Range[str, 1, 64]
Reason = app_commands.Range[str, 3, MAX_REASON_CHARS]


def install(bot: "Bot", group: StaffGroup, staff: Staff) -> None:
    """Add the commands."""
    del bot
    _add_ban(group, staff)
    _add_unban(group, staff)

    @group.command(name="bans", description="The newest bans")
    async def bans(interaction: Interaction) -> None:
        async def work(actor: str) -> Reply:
            await staff.note("staff.bans", "bans", {}, actor=actor)
            return Reply(_list(await staff.list_bans()))

        await group.answer(interaction, work)


def _add_ban(group: StaffGroup, staff: Staff) -> None:
    banning = group.subgroup("ban", "Refuse an address, a network or a client")

    async def ban(interaction: Interaction, kind: BanKind, value: str, reason: str, *, is_meant: bool) -> None:
        async def work(actor: str) -> Reply:
            try:
                kept, is_new = await staff.ban(kind, value, reason, actor=actor, is_meant=is_meant)
            except WideBan as refused:
                return Reply(f"Not done: {plain(str(refused))}. If it is meant, say so with the option `wide`.")
            done = "is banned" if is_new else "was banned already; the reason is replaced"
            return Reply(f"{code(kept)} {done}.{await _hit(staff, kind, kept)}")

        await group.answer(interaction, work)

    @banning.command(name="address", description="Refuse an address or a network")
    @app_commands.describe(address=_ADDRESS, reason=_REASON, wide=_WIDE)
    async def address(interaction: Interaction, address: Value, reason: Reason, wide: bool = False) -> None:
        await ban(interaction, "ip", address, reason, is_meant=wide)

    @banning.command(name="signature", description="Refuse a client program by its name")
    @app_commands.describe(signature=_SIGNATURE, reason=_REASON, wide=_WIDE)
    async def signature(interaction: Interaction, signature: Value, reason: Reason, wide: bool = False) -> None:
        await ban(interaction, "client", signature, reason, is_meant=wide)


def _add_unban(group: StaffGroup, staff: Staff) -> None:
    unbanning = group.subgroup("unban", "Lift a ban")

    async def unban(interaction: Interaction, kind: BanKind, value: str) -> None:
        async def work(actor: str) -> Reply:
            return Reply(f"{code(await staff.unban(kind, value, actor=actor))} is no longer banned.")

        await group.answer(interaction, work)

    @unbanning.command(name="address", description="Lift the ban of an address or a network")
    @app_commands.describe(address="Exactly as it was banned; /staff bans shows it")
    async def address(interaction: Interaction, address: Value) -> None:
        await unban(interaction, "ip", address)

    @unbanning.command(name="signature", description="Lift the ban of a client")
    @app_commands.describe(signature="Exactly as it was banned; /staff bans shows it")
    async def signature(interaction: Interaction, signature: Value) -> None:
        await unban(interaction, "client", signature)


async def _hit(staff: Staff, kind: BanKind, value: str) -> str:
    """Whom a ban of a client hits; of addresses nothing is kept that could be counted."""
    if kind == "ip":
        return ""
    hit = sorted((await staff.hit_by(value)).items(), key=lambda item: (-item[1], item[0]))
    if not hit:
        return " No member used it in the last day."
    return f" Members who used it in the last day: {', '.join(f'{code(name)} {users}' for name, users in hit[:10])}."


def _list(found: list[Ban]) -> str:
    if not found:
        return "Nothing is banned."
    heading = f"**{len(found)} bans**" + (f", the newest {_SHOWN}" if len(found) > _SHOWN else "")
    return fitting([heading, *map(_line, found[:_SHOWN])])


def _line(ban: Ban) -> str:
    reason = f": {plain(ban['reason'])}" if ban["reason"] else ""
    return f"{code(ban['value'])} {at(ban['created_at'])}{reason}"
