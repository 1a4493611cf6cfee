"""The composer's part for the Discord bot: what it works with, its start, and its place among the dependencies.

The bot is imported only where it is switched on: discord.py is half a second of start and many megabytes.
"""

from collections.abc import Awaitable, Callable

from freetheai.accounts import Accounts
from freetheai.accounts_members import MemberAccounts
from freetheai.bus import Bus
from freetheai.config import Settings
from freetheai.invites import InviteBook
from freetheai.limits import RedisConnection
from freetheai.limits.challenges import Challenges
from freetheai.limits.member_records import MemberRecords
from freetheai.membership import DiscordMembership
from freetheai.sightings import Sightings
from freetheai.store.mongo import Store
from freetheai.verification import WANTED, Verification
from handlers.error_advice import ADVICE
from handlers.services import Services


async def _nothing() -> None:
    """Where there is no bot there is nothing to close."""


class _Wanted:
    """Hands notices that a member is to be made Verified to the bot of the moment."""

    def __init__(self) -> None:
        self._call: Callable[[str], None] | None = None

    def call(self, listener: Callable[[str], None]) -> None:
        """From now on call ``listener`` with the user's id."""
        self._call = listener

    def on_change(self, kind: str, key: str) -> None:
        """A notice came."""
        if kind == WANTED and self._call is not None:
            self._call(key)


def _ignore() -> None:
    """What notices may have been missed is asked for by the bot itself, now and then."""


def open_membership(services: Services, redis: RedisConnection, bus: Bus) -> Callable[[], Awaitable[None]]:
    """With Discord on, let the gates ask what Discord said of members; what is returned closes it."""
    if not services.settings.discord.enabled:
        return _nothing
    membership = DiscordMembership(_records(services, redis), bus.publish, lambda: bus.is_connected)
    bus.subscribe(membership.on_change, membership.on_gap)
    services.house.membership = membership
    return membership.close


def start_bot(
    services: Services, store: Store, redis: RedisConnection, accounts: Accounts, bus: Bus
) -> Callable[[], Awaitable[None]]:
    """Start the bot in the background if the settings say so; what is returned closes it."""
    settings, membership = services.settings, services.house.membership
    if not isinstance(membership, DiscordMembership):
        return _nothing
    from freetheai.bot import BotServices, Supervisor

    prefix = settings.redis.prefix
    records = _records(services, redis)
    invites = InviteBook(store, bus.publish)
    wanted = _Wanted()
    bus.subscribe(wanted.on_change, _ignore)
    supervisor = Supervisor(
        BotServices(
            settings=settings.discord,
            base_url=_base_url(settings),
            store=store,
            accounts=accounts,
            members=MemberAccounts(accounts, after_sign_up=invites.recount),
            challenges=Challenges(redis, prefix),
            limiter=services.limiter,
            limits=lambda: services.settings.limits,
            redis=redis,
            redis_prefix=prefix,
            publish=bus.publish,
            membership=membership,
            member_records=records,
            sightings=Sightings(records, store, bus.publish),
            invites=invites,
            verification=Verification(store, bus.publish),
            on_wanted=wanted.call,
            live=services.public.live,
            advice=ADVICE,
        )
    )
    services.dependencies.use("discord", supervisor.ping)
    supervisor.start()
    return supervisor.close


def _records(services: Services, redis: RedisConnection) -> MemberRecords:
    return MemberRecords(redis, services.settings.redis.prefix, str(services.settings.discord.guild_id))


def _base_url(settings: Settings) -> str:
    return f"{settings.site.base_url or settings.server.public_url}/v1"
