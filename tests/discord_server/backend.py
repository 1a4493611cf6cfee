"""What the answering functions share: the world, the gateway, interactions, limits, faults, and the switches."""

from dataclasses import dataclass, field

from discord_server.clock import ServerClock
from discord_server.commands import Commands
from discord_server.errors import missing_permissions
from discord_server.faults import Faults
from discord_server.gateway import Gateway
from discord_server.interactions import Interactions
from discord_server.limits import Limits
from discord_server.records import Records
from discord_server.world import World


@dataclass
class Backend:
    """One server's insides; all of it belongs to the server's loop."""

    clock: ServerClock
    world: World
    gateway: Gateway
    records: Records
    limits: Limits
    faults: Faults
    interactions: Interactions
    commands: Commands = field(default_factory=Commands)

    def need(self, permission: int) -> None:
        """Refuse what the bot's roles do not permit.

        Raises:
            DiscordError: 403, code 50013.
        """
        if not self.world.permissions_of(self.world.bot.id) & permission:
            raise missing_permissions()
