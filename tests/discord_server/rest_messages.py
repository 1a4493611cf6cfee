"""Channels and their messages."""

from typing import Any

from discord_server.clock import snowflake_time_s
from discord_server.errors import DiscordError, Problems, missing_access, missing_permissions, unknown
from discord_server.intents import MESSAGE_CONTENT, tailored
from discord_server.message_rules import check_message
from discord_server.rest_interactions import change_message, fill_message
from discord_server.routes import Call, route
from discord_server.world import EPHEMERAL, MANAGE_MESSAGES, READ_HISTORY, SEND_MESSAGES, VIEW_CHANNEL, Channel, Message

CHANNEL = "/channels/{channel_id}"
MESSAGES = CHANNEL + "/messages"
ONE = MESSAGES + "/{message_id}"
BULK_AGE_S = 14 * 86400


@route("GET", CHANNEL)
def channel(call: Call) -> Any:
    return _channel(call).payload()


@route("POST", CHANNEL + "/typing")
def typing(call: Call) -> None:
    _channel(call)


@route("POST", MESSAGES)
def send(call: Call) -> Any:
    world, found = call.backend.world, _channel(call)
    check_message(call.body, (), has_files=bool(call.uploads))
    if found.recipient is not None:
        if not found.recipient.accepts_dms or found.recipient.id not in world.members:
            raise DiscordError(403, 50007, "Cannot send messages to this user")
    else:
        call.backend.need(SEND_MESSAGES)
    if (call.body.get("flags") or 0) & EPHEMERAL:
        problems = Problems()
        problems.add(("flags",), "MESSAGE_FLAGS_INVALID", "Only an interaction is answered ephemerally")
        problems.raise_if_any()
    message = Message(world.new_id(), found, world.bot, call.backend.clock.now_s(), nonce=call.body.get("nonce"))
    message.flags = call.body.get("flags") or 0
    fill_message(call, message, call.body)
    world.add_message(message)
    call.backend.gateway.broadcast("MESSAGE_CREATE", world.message_event(message))
    return world.message_payload(message)


@route("GET", MESSAGES)
def history(call: Call) -> Any:
    found = _channel(call)
    if found.recipient is None and not call.backend.world.permissions_of(call.backend.world.bot.id) & READ_HISTORY:
        return []
    limit = call.whole_number("limit", 50, 1, 100)
    messages = [each for each in call.backend.world.messages.values() if each.channel is found and _is_public(each)]
    for name, keeps in (("before", lambda a, b: a < b), ("after", lambda a, b: a > b)):
        if name in call.query:
            messages = [each for each in messages if keeps(int(each.id), int(call.query[name]))]
    messages.sort(key=lambda each: int(each.id), reverse="after" not in call.query)
    newest_first = sorted(messages[:limit], key=lambda each: int(each.id), reverse=True)
    return [_shown(call, each) for each in newest_first]


@route("GET", ONE)
def read(call: Call) -> Any:
    return _shown(call, _message(call, call.params["message_id"]))


@route("PATCH", ONE)
def edit(call: Call) -> Any:
    world, message = call.backend.world, _message(call, call.params["message_id"])
    if message.author is not world.bot:
        raise DiscordError(403, 50005, "Cannot edit a message authored by another user", is_offence=True)
    check_message(call.body, (), has_files=bool(call.uploads), is_edit=True)
    change_message(call, message, call.body)
    call.backend.gateway.broadcast("MESSAGE_UPDATE", world.message_event(message))
    return world.message_payload(message)


@route("DELETE", ONE)
def delete(call: Call) -> None:
    message = _message(call, call.params["message_id"])
    if message.author is not call.backend.world.bot:
        if message.channel.recipient is not None:
            raise missing_permissions()
        call.backend.need(MANAGE_MESSAGES)
    message.is_deleted = True
    call.backend.gateway.broadcast("MESSAGE_DELETE", _gone(call, message.channel) | {"id": message.id})


@route("POST", MESSAGES + "/bulk-delete")
def bulk_delete(call: Call) -> None:
    found, ids = _channel(call), (call.body or {}).get("messages")
    call.backend.need(MANAGE_MESSAGES)
    if not isinstance(ids, list) or not 2 <= len(ids) <= 100:
        text = "Provided too few or too many messages to delete. Must provide at least 2 and at most 100."
        raise DiscordError(400, 50016, text, is_offence=True)
    oldest_s = call.backend.clock.now_s() - BULK_AGE_S
    if any(snowflake_time_s(str(each)) < oldest_s for each in ids):
        raise DiscordError(400, 50034, "You can only bulk delete messages that are under 14 days old.", is_offence=True)
    for message_id in map(str, ids):
        message = call.backend.world.messages.get(message_id)
        if message is not None and message.channel is found:
            message.is_deleted = True
    call.backend.gateway.broadcast("MESSAGE_DELETE_BULK", _gone(call, found) | {"ids": [str(each) for each in ids]})


def _channel(call: Call) -> Channel:
    found = call.backend.world.find_channel(call.params["channel_id"])
    if found is None:
        raise unknown("Channel", 10003)
    if found.recipient is None and not _may_see(call):
        raise missing_access()
    return found


def _may_see(call: Call) -> bool:
    world = call.backend.world
    return bool(world.permissions_of(world.bot.id) & VIEW_CHANNEL)


def _shown(call: Call, message: Message) -> dict[str, Any]:
    """A message as REST shows it: without an application's right to content only what it is meant to read."""
    world, gateway = call.backend.world, call.backend.gateway
    intents = MESSAGE_CONTENT if "message_content" in gateway.privileged else 0
    about = {} if message.channel.recipient is not None else {"guild_id": world.guild_id}
    payload = tailored("MESSAGE_CREATE", world.message_payload(message) | about, intents, world.bot.id)
    return {name: value for name, value in payload.items() if name != "guild_id"}


def _message(call: Call, message_id: str) -> Message:
    found = call.backend.world.messages.get(message_id)
    if found is None or found.channel is not _channel(call) or not _is_public(found):
        raise unknown("Message", 10008)
    return found


def _is_public(message: Message) -> bool:
    return not message.is_deleted and not message.flags & EPHEMERAL


def _gone(call: Call, found: Channel) -> dict[str, Any]:
    about: dict[str, Any] = {"channel_id": found.id}
    return about if found.recipient is not None else about | {"guild_id": call.backend.world.guild_id}
