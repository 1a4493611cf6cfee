"""The group ``/staff``: one file for each kind of command, all answered through ``gate.py``."""

from typing import TYPE_CHECKING

from freetheai.bot.staff import accounts, announce, bans, models, stats, verified, whois
from freetheai.bot.staff.gate import make_group
from freetheai.staff import Staff

if TYPE_CHECKING:
    from freetheai.bot.client import Bot

_PARTS = (accounts, bans, whois, models, announce, stats, verified)


def install(bot: "Bot") -> None:
    """Add the group."""
    services = bot.services
    group = make_group(services.settings)
    staff = Staff(services.store, services.accounts, services.publish, services.now)
    for part in _PARTS:
        part.install(bot, group, staff)
    bot.tree.add_command(group, guild=bot.home)
