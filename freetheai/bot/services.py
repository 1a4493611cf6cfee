"""What the bot works with: made by the composer, handed to every command and listener as ``bot.services``."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from freetheai import clock
from freetheai.accounts import Accounts, Publish
from freetheai.accounts_members import MemberAccounts
from freetheai.config.settings import DiscordSettings, LimitsSettings
from freetheai.invites import InviteBook
from freetheai.limits import Limiter, RedisConnection
from freetheai.limits.challenges import Challenges
from freetheai.limits.member_records import MemberRecords
from freetheai.live import Live
from freetheai.membership import DiscordMembership
from freetheai.sightings import Sightings
from freetheai.store.mongo import Store
from freetheai.verification import Verification


@dataclass(frozen=True, slots=True, kw_only=True)
class BotServices:
    """``base_url``: what members give their clients, with `/v1`. ``limits``: as they are now, since a reload changes
    them. ``redis_prefix`` begins every key in Redis. ``publish`` tells every process of a change (kind, key).
    ``on_wanted`` names who is to be called when a member is to be made Verified, or no longer.
    ``live``: how the house does now. ``advice``: what a member does about an error, by its status and type.
    """

    settings: DiscordSettings
    base_url: str
    store: Store
    accounts: Accounts
    members: MemberAccounts
    challenges: Challenges
    limiter: Limiter
    limits: Callable[[], LimitsSettings]
    redis: RedisConnection
    redis_prefix: str
    publish: Publish
    membership: DiscordMembership
    member_records: MemberRecords
    sightings: Sightings
    invites: InviteBook
    verification: Verification
    on_wanted: Callable[[Callable[[str], None]], None]
    live: Live
    advice: Mapping[tuple[int, str], str]
    now: Callable[[], datetime] = clock.utc_now
