"""Gateway intents: which bit an event needs, which bits are privileged, what is left of a message without its content.

Bits: https://docs.discord.com/developers/events/gateway#list-of-intents
"""

from typing import Any

GUILDS = 1 << 0
MEMBERS = 1 << 1
MODERATION = 1 << 2
INVITES = 1 << 6
PRESENCES = 1 << 8
GUILD_MESSAGES = 1 << 9
DIRECT_MESSAGES = 1 << 12
MESSAGE_CONTENT = 1 << 15
ALL = (1 << 22) - 1 | 1 << 24 | 1 << 25

PRIVILEGED = {"members": MEMBERS, "presences": PRESENCES, "message_content": MESSAGE_CONTENT}
# What the application shows of itself: GATEWAY_..._LIMITED, for bots in few guilds.
APPLICATION_FLAGS = {"presences": 1 << 13, "members": 1 << 15, "message_content": 1 << 19}

EVENT_INTENTS = {
    "GUILD_CREATE": GUILDS,
    "GUILD_DELETE": GUILDS,
    "GUILD_ROLE_CREATE": GUILDS,
    "GUILD_ROLE_UPDATE": GUILDS,
    "GUILD_ROLE_DELETE": GUILDS,
    "CHANNEL_CREATE": GUILDS,
    "GUILD_MEMBER_ADD": MEMBERS,
    "GUILD_MEMBER_UPDATE": MEMBERS,
    "GUILD_MEMBER_REMOVE": MEMBERS,
    "GUILD_BAN_ADD": MODERATION,
    "GUILD_BAN_REMOVE": MODERATION,
    "INVITE_CREATE": INVITES,
    "INVITE_DELETE": INVITES,
    "GUILD_AUDIT_LOG_ENTRY_CREATE": MODERATION,
}
MESSAGE_EVENTS = {"MESSAGE_CREATE", "MESSAGE_UPDATE", "MESSAGE_DELETE", "MESSAGE_DELETE_BULK"}


def is_wanted(event: str, data: dict[str, Any], intents: int, bot_id: str) -> bool:
    """Whether a session with these intents hears of ``event``. Interactions need none."""
    if event in MESSAGE_EVENTS:
        return bool(intents & (GUILD_MESSAGES if "guild_id" in data else DIRECT_MESSAGES))
    if event == "GUILD_MEMBER_UPDATE" and data["user"]["id"] == bot_id:
        return True
    needed = EVENT_INTENTS.get(event, 0)
    return not needed or bool(intents & needed)


def tailored(event: str, data: dict[str, Any], intents: int, bot_id: str) -> dict[str, Any]:
    """``data`` as this session may see it: other people's words in the guild only with ``message_content``."""
    if event not in ("MESSAGE_CREATE", "MESSAGE_UPDATE") or intents & MESSAGE_CONTENT or "guild_id" not in data:
        return data
    if data["author"]["id"] == bot_id or any(user["id"] == bot_id for user in data["mentions"]):
        return data
    return data | {"content": "", "embeds": [], "attachments": [], "components": []}
