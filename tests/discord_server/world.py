"""What the server holds: one guild with its roles, channels, invites, people, messages, and the bot itself.

Nothing here speaks: events are sent by whoever changes the world. Everything runs on the server's own loop; tests
reach it through ``control``.
"""

import itertools
import re
from dataclasses import dataclass, field
from typing import Any

from discord_server.clock import ServerClock, iso, snowflake

ADMINISTRATOR = 1 << 3
KICK_MEMBERS = 1 << 1
BAN_MEMBERS = 1 << 2
MANAGE_CHANNELS = 1 << 4
MANAGE_GUILD = 1 << 5
VIEW_CHANNEL = 1 << 10
SEND_MESSAGES = 1 << 11
MANAGE_MESSAGES = 1 << 13
READ_HISTORY = 1 << 16
MANAGE_ROLES = 1 << 28
MODERATE_MEMBERS = 1 << 40
EVERYONE = VIEW_CHANNEL | SEND_MESSAGES | 1 << 0 | 1 << 14 | 1 << 15 | READ_HISTORY | 1 << 31
ALL_PERMISSIONS = (1 << 53) - 1
BOT_PERMISSIONS = EVERYONE | MANAGE_ROLES | MANAGE_GUILD | MANAGE_MESSAGES | MANAGE_CHANNELS | KICK_MEMBERS
EPHEMERAL = 1 << 6
LOADING = 1 << 7
COMPONENTS_V2 = 1 << 15


@dataclass
class Role:
    id: str
    name: str
    position: int
    permissions: int = 0
    managed: bool = False

    def payload(self) -> dict[str, Any]:
        return {
            "id": self.id, "name": self.name, "position": self.position, "permissions": str(self.permissions),
            "managed": self.managed, "color": 0, "hoist": False, "mentionable": False, "flags": 0, "icon": None,
            "colors": {"primary_color": 0, "secondary_color": None, "tertiary_color": None}, "unicode_emoji": None,
        }  # fmt: skip


@dataclass
class User:
    id: str
    name: str
    is_bot: bool = False
    global_name: str | None = None
    accepts_dms: bool = True

    def payload(self) -> dict[str, Any]:
        payload: dict[str, Any] = {
            "id": self.id, "username": self.name, "global_name": self.global_name, "discriminator": "0",
            "avatar": None, "public_flags": 0, "flags": 0,
        }  # fmt: skip
        return payload | {"bot": True, "discriminator": "0001"} if self.is_bot else payload


@dataclass
class Member:
    user: User
    joined_at_s: float
    role_ids: list[str] = field(default_factory=list)
    nick: str | None = None
    timeout_until: str | None = None

    def payload(self) -> dict[str, Any]:
        return {
            "user": self.user.payload(), "nick": self.nick, "roles": list(self.role_ids), "flags": 0, "pending": False,
            "joined_at": iso(self.joined_at_s), "premium_since": None, "deaf": False, "mute": False, "avatar": None,
            "communication_disabled_until": self.timeout_until,
        }  # fmt: skip


@dataclass
class Channel:
    """``type`` 0 is a text channel of the guild, 1 a DM with ``recipient``."""

    id: str
    name: str
    type: int = 0
    recipient: User | None = None
    position: int = 0
    last_message_id: str | None = None

    def payload(self) -> dict[str, Any]:
        if self.recipient is not None:
            return {
                "id": self.id,
                "type": 1,
                "last_message_id": self.last_message_id,
                "recipients": [self.recipient.payload()],
            }
        return {
            "id": self.id, "type": self.type, "name": self.name, "position": self.position, "topic": None,
            "nsfw": False, "parent_id": None, "last_message_id": self.last_message_id, "flags": 0,
            "rate_limit_per_user": 0, "permission_overwrites": [],
        }  # fmt: skip


@dataclass
class Invite:
    code: str
    channel: Channel
    inviter: User
    created_at_s: float
    max_uses: int = 0
    max_age_s: int = 86400
    uses: int = 0


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file of a message, with its bytes in ``data``."""

    id: str
    name: str
    data: bytes
    description: str | None = None
    content_type: str | None = None

    def payload(self, url: str) -> dict[str, Any]:
        where = f"{url}/attachments/{self.id}/{self.name}"
        return {
            "id": self.id, "filename": self.name, "size": len(self.data), "url": where, "proxy_url": where,
            "description": self.description, "content_type": self.content_type,
        }  # fmt: skip


@dataclass
class Message:
    """``interaction`` is set on messages that answer one; ``visible_to`` on ephemeral ones."""

    id: str
    channel: Channel
    author: User
    created_at_s: float
    content: str = ""
    embeds: list[dict[str, Any]] = field(default_factory=list)
    attachments: list[Attachment] = field(default_factory=list)
    components: list[dict[str, Any]] = field(default_factory=list)
    flags: int = 0
    edited_at_s: float | None = None
    is_deleted: bool = False
    interaction: Any = None
    visible_to: str | None = None
    webhook_id: str | None = None
    nonce: str | int | None = None


class World:
    """One guild and all that belongs to it."""

    def __init__(self, clock: ServerClock, base_url: str = "") -> None:
        self.clock = clock
        self.base_url = base_url
        self._numbers = itertools.count(1)
        now_s = clock.now_s()
        self.guild_id = self.new_id(now_s - 900 * 86400)
        self.guild_name = "Test guild"
        self.bot = User(self.new_id(now_s - 500 * 86400), "gateway-bot", is_bot=True)
        self.owner = User(self.new_id(now_s - 2000 * 86400), "owner")
        self.users: dict[str, User] = {each.id: each for each in (self.bot, self.owner)}
        self.roles: dict[str, Role] = {self.guild_id: Role(self.guild_id, "@everyone", 0, EVERYONE)}
        self.channels: dict[str, Channel] = {}
        self.dm_channels: dict[str, Channel] = {}
        self.members: dict[str, Member] = {}
        self.invites: dict[str, Invite] = {}
        self.messages: dict[str, Message] = {}
        self.bans: dict[str, str | None] = {}
        bot_role = Role(self.new_id(), "Gateway", 1, BOT_PERMISSIONS, managed=True)
        self.roles[bot_role.id] = bot_role
        self.bot_role = bot_role
        self.members[self.bot.id] = Member(self.bot, now_s - 400 * 86400, [bot_role.id])
        self.members[self.owner.id] = Member(self.owner, now_s - 900 * 86400)

    @property
    def application_id(self) -> str:
        """The application's id: the same as the bot's, as it is since 2017."""
        return self.bot.id

    def new_id(self, at_s: float | None = None) -> str:
        """A fresh snowflake, made now unless ``at_s`` says when."""
        return snowflake(self.clock.now_s() if at_s is None else at_s, next(self._numbers))

    def add_channel(self, name: str) -> Channel:
        channel = Channel(self.new_id(), name, position=len(self.channels))
        self.channels[channel.id] = channel
        return channel

    def dm_channel(self, user: User) -> Channel:
        """The DM channel between the bot and ``user``, made when it is first asked for."""
        for channel in self.dm_channels.values():
            if channel.recipient is user:
                return channel
        channel = Channel(self.new_id(), user.name, type=1, recipient=user)
        self.dm_channels[channel.id] = channel
        return channel

    def add_message(self, message: Message) -> None:
        """Keep a message; what everyone sees is its channel's last."""
        self.messages[message.id] = message
        if message.visible_to is None:
            message.channel.last_message_id = message.id

    def find_channel(self, channel_id: str) -> Channel | None:
        return self.channels.get(channel_id) or self.dm_channels.get(channel_id)

    def role_named(self, name: str) -> Role:
        """The role of that name.

        Raises:
            KeyError: there is none.
        """
        for role in self.roles.values():
            if role.name == name:
                return role
        raise KeyError(f"no role {name!r}")

    def permissions_of(self, user_id: str) -> int:
        """What a member may do anywhere in the guild; a user who is no member may do nothing."""
        member = self.members.get(user_id)
        if member is None:
            return 0
        if user_id == self.owner.id:
            return ALL_PERMISSIONS
        granted = self.roles[self.guild_id].permissions
        for role_id in member.role_ids:
            granted |= self.roles[role_id].permissions
        return ALL_PERMISSIONS if granted & ADMINISTRATOR else granted

    def top_position(self, user_id: str) -> int:
        """How high the member's highest role stands."""
        return max((self.roles[role_id].position for role_id in self.members[user_id].role_ids), default=0)

    def guild_payload(self) -> dict[str, Any]:
        """The guild as REST shows it."""
        return {
            "id": self.guild_id, "name": self.guild_name, "icon": None, "splash": None, "discovery_splash": None,
            "owner_id": self.owner.id, "afk_channel_id": None, "afk_timeout": 300, "verification_level": 1,
            "default_message_notifications": 1, "explicit_content_filter": 2, "emojis": [], "features": [],
            "roles": [role.payload() for role in self.roles.values()], "mfa_level": 0, "system_channel_id": None,
            "system_channel_flags": 0, "rules_channel_id": None, "vanity_url_code": None, "description": None,
            "banner": None, "premium_tier": 0, "preferred_locale": "en-US", "public_updates_channel_id": None,
            "nsfw_level": 0, "stickers": [], "premium_progress_bar_enabled": False, "safety_alerts_channel_id": None,
        }  # fmt: skip

    def guild_create(self) -> dict[str, Any]:
        """The guild as the gateway first sends it: without presences only the bot itself is among the members."""
        return self.guild_payload() | {
            "joined_at": iso(self.members[self.bot.id].joined_at_s), "large": len(self.members) > 250,
            "unavailable": False, "member_count": len(self.members), "voice_states": [], "presences": [],
            "members": [self.members[self.bot.id].payload()], "threads": [], "stage_instances": [],
            "channels": [channel.payload() for channel in self.channels.values()], "guild_scheduled_events": [],
            "soundboard_sounds": [],
        }  # fmt: skip

    def member_event(self, member: Member) -> dict[str, Any]:
        return member.payload() | {"guild_id": self.guild_id}

    def interaction_member(self, member: Member) -> dict[str, Any]:
        """A member as interactions carry it: with the roles of this moment and what they permit."""
        return member.payload() | {"permissions": str(self.permissions_of(member.user.id))}

    def invite_payload(self, invite: Invite) -> dict[str, Any]:
        """An invite as the guild's list shows it, with its counter of uses."""
        expires_at = None if invite.max_age_s == 0 else iso(invite.created_at_s + invite.max_age_s)
        return {
            "type": 0, "code": invite.code, "uses": invite.uses, "max_uses": invite.max_uses, "temporary": False,
            "max_age": invite.max_age_s, "created_at": iso(invite.created_at_s), "expires_at": expires_at,
            "inviter": invite.inviter.payload(), "flags": 0,
            "channel": {"id": invite.channel.id, "name": invite.channel.name, "type": invite.channel.type},
            "guild": {"id": self.guild_id, "name": self.guild_name, "icon": None, "splash": None, "banner": None,
                      "description": None, "features": [], "verification_level": 1, "vanity_url_code": None,
                      "nsfw_level": 0, "premium_subscription_count": 0},
        }  # fmt: skip

    def message_payload(self, message: Message) -> dict[str, Any]:
        """A message as REST and the gateway show it."""
        mentioned = dict.fromkeys(re.findall(r"<@!?(\d+)>", message.content))
        payload: dict[str, Any] = {
            "id": message.id, "channel_id": message.channel.id, "author": message.author.payload(), "type": 0,
            "content": message.content, "timestamp": iso(message.created_at_s), "tts": False, "pinned": False,
            "edited_timestamp": None if message.edited_at_s is None else iso(message.edited_at_s),
            "mention_everyone": False, "mention_roles": [], "embeds": message.embeds,
            "mentions": [self.users[each].payload() for each in mentioned if each in self.users],
            "attachments": [each.payload(self.base_url) for each in message.attachments], "flags": message.flags,
            "components": message.components,
        }  # fmt: skip
        if message.nonce is not None:
            payload["nonce"] = message.nonce
        if message.webhook_id is not None:
            payload |= {"webhook_id": message.webhook_id, "application_id": self.application_id}
        if message.interaction is not None:
            payload["interaction_metadata"] = message.interaction.metadata()
            payload["type"] = 20 if message.interaction.type == 2 else 0
        return payload

    def message_event(self, message: Message) -> dict[str, Any]:
        """A message as the gateway sends it: with the author's member, if the author is one."""
        payload = self.message_payload(message)
        if message.channel.id in self.channels:
            payload["guild_id"] = self.guild_id
            if (member := self.members.get(message.author.id)) is not None:
                payload["member"] = {key: value for key, value in member.payload().items() if key != "user"}
        return payload
