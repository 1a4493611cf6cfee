"""The guild over REST: members, roles, bans, invites."""

from typing import Any

from discord_server.errors import DiscordError, missing_access, missing_permissions, unknown
from discord_server.routes import Call, route
from discord_server.world import (
    BAN_MEMBERS,
    KICK_MEMBERS,
    MANAGE_CHANNELS,
    MANAGE_GUILD,
    MANAGE_ROLES,
    MODERATE_MEMBERS,
    Invite,
    Member,
    Role,
)

GUILD = "/guilds/{guild_id}"
MEMBER = GUILD + "/members/{user_id}"


@route("GET", GUILD)
def guild(call: Call) -> Any:
    payload = call.backend.world.guild_payload()
    if call.query.get("with_counts", "").lower() in ("1", "true"):
        count = len(call.backend.world.members)
        payload |= {"approximate_member_count": count, "approximate_presence_count": count}
    return payload


@route("GET", GUILD + "/channels")
def channels(call: Call) -> Any:
    return [each.payload() for each in call.backend.world.channels.values()]


@route("GET", GUILD + "/roles")
def roles(call: Call) -> Any:
    return [each.payload() for each in call.backend.world.roles.values()]


@route("GET", GUILD + "/members")
def members(call: Call) -> Any:
    if "members" not in call.backend.gateway.privileged:
        raise missing_access()
    limit = call.whole_number("limit", 1, 1, 1000)
    after = int(call.query.get("after") or 0)
    found = sorted(call.backend.world.members.values(), key=lambda each: int(each.user.id))
    return [each.payload() for each in found if int(each.user.id) > after][:limit]


@route("GET", GUILD + "/members/search")
def search(call: Call) -> Any:
    query = call.query.get("query", "").lower()
    found = [
        each
        for each in call.backend.world.members.values()
        if query and any(name.lower().startswith(query) for name in (each.user.name, each.nick or ""))
    ]
    return [each.payload() for each in found[: call.whole_number("limit", 1, 1, 1000)]]


@route("GET", MEMBER)
def member(call: Call) -> Any:
    return _member(call).payload()


@route("PATCH", MEMBER)
def edit_member(call: Call) -> Any:
    found, body = _member(call), call.body or {}
    _outranks(call, found)
    if "communication_disabled_until" in body:
        call.backend.need(MODERATE_MEMBERS)
        found.timeout_until = body["communication_disabled_until"]
    if "nick" in body:
        call.backend.need(1 << 27)
        found.nick = body["nick"]
    if "roles" in body:
        _change_roles(call, found, [str(each) for each in body["roles"]])
    call.backend.gateway.broadcast("GUILD_MEMBER_UPDATE", call.backend.world.member_event(found))
    return found.payload()


@route("DELETE", MEMBER)
def kick(call: Call) -> None:
    found = _member(call)
    call.backend.need(KICK_MEMBERS)
    _outranks(call, found)
    _remove(call, found)


@route("PUT", MEMBER + "/roles/{role_id}")
def add_role(call: Call) -> None:
    found, role = _member(call), _role(call)
    _change_roles(call, found, list(dict.fromkeys([*found.role_ids, role.id])))


@route("DELETE", MEMBER + "/roles/{role_id}")
def remove_role(call: Call) -> None:
    found, role = _member(call), _role(call)
    _change_roles(call, found, [each for each in found.role_ids if each != role.id], touched=role)


def _change_roles(call: Call, found: Member, role_ids: list[str], touched: Role | None = None) -> None:
    """Give the member these roles, if the bot may give and take each that changes."""
    world = call.backend.world
    call.backend.need(MANAGE_ROLES)
    changed = {*found.role_ids, *role_ids} - ({*found.role_ids} & {*role_ids}) | ({touched.id} if touched else set())
    for role_id in changed:
        role = world.roles.get(role_id)
        if role is None:
            raise unknown("Role", 10011)
        if role.managed or role.position >= world.top_position(world.bot.id):
            raise missing_permissions()
    if changed and role_ids != found.role_ids:
        found.role_ids = role_ids
        call.backend.gateway.broadcast("GUILD_MEMBER_UPDATE", world.member_event(found))


@route("PUT", GUILD + "/bans/{user_id}")
def ban(call: Call) -> None:
    world, user_id = call.backend.world, call.params["user_id"]
    call.backend.need(BAN_MEMBERS)
    if user_id not in world.users:
        raise unknown("User", 10013)
    if (found := world.members.get(user_id)) is not None:
        _outranks(call, found)
        _remove(call, found)
    world.bans[user_id] = call.reason
    event = {"guild_id": world.guild_id, "user": world.users[user_id].payload()}
    call.backend.gateway.broadcast("GUILD_BAN_ADD", event)


@route("DELETE", GUILD + "/bans/{user_id}")
def unban(call: Call) -> None:
    world, user_id = call.backend.world, call.params["user_id"]
    call.backend.need(BAN_MEMBERS)
    if user_id not in world.bans:
        raise unknown("Ban", 10026)
    del world.bans[user_id]
    event = {"guild_id": world.guild_id, "user": world.users[user_id].payload()}
    call.backend.gateway.broadcast("GUILD_BAN_REMOVE", event)


@route("GET", GUILD + "/invites")
def invites(call: Call) -> Any:
    call.backend.need(MANAGE_GUILD)
    return [call.backend.world.invite_payload(each) for each in call.backend.world.invites.values()]


@route("GET", "/channels/{channel_id}/invites")
def channel_invites(call: Call) -> Any:
    call.backend.need(MANAGE_CHANNELS)
    world, channel_id = call.backend.world, call.params["channel_id"]
    return [world.invite_payload(each) for each in world.invites.values() if each.channel.id == channel_id]


@route("POST", "/channels/{channel_id}/invites")
def create_invite(call: Call) -> Any:
    world, body = call.backend.world, call.body or {}
    channel = world.channels.get(call.params["channel_id"])
    if channel is None:
        raise unknown("Channel", 10003)
    code = f"bot{world.new_id()[-8:]}"
    made = Invite(code, channel, world.bot, call.backend.clock.now_s())
    made.max_uses, made.max_age_s = body.get("max_uses") or 0, body.get("max_age", 86400)
    world.invites[code] = made
    event = world.invite_payload(made) | {"guild_id": world.guild_id, "channel_id": channel.id}
    call.backend.gateway.broadcast("INVITE_CREATE", event)
    return world.invite_payload(made)


@route("GET", "/invites/{code}", needs_token=False)
def invite(call: Call) -> Any:
    found = call.backend.world.invites.get(call.params["code"])
    if found is None:
        raise unknown("Invite", 10006)
    hidden = ("uses", "max_uses", "max_age", "temporary", "created_at")
    payload = call.backend.world.invite_payload(found)
    return {name: value for name, value in payload.items() if name not in hidden}


@route("DELETE", "/invites/{code}")
def delete_invite(call: Call) -> Any:
    world = call.backend.world
    found = world.invites.pop(call.params["code"], None)
    if found is None:
        raise unknown("Invite", 10006)
    event = {"code": found.code, "channel_id": found.channel.id, "guild_id": world.guild_id}
    call.backend.gateway.broadcast("INVITE_DELETE", event)
    return world.invite_payload(found)


def _member(call: Call) -> Member:
    world, user_id = call.backend.world, call.params["user_id"]
    if user_id not in world.users:
        raise unknown("User", 10013)
    found = world.members.get(user_id)
    if found is None:
        raise unknown("Member", 10007)
    return found


def _role(call: Call) -> Role:
    found = call.backend.world.roles.get(call.params["role_id"])
    if found is None:
        raise unknown("Role", 10011)
    if found.id == call.backend.world.guild_id:
        raise DiscordError(400, 50028, "Invalid Role", is_offence=True)
    return found


def _outranks(call: Call, found: Member) -> None:
    """The owner, and whoever stands as high as the bot, is out of its reach."""
    world = call.backend.world
    if found.user is world.owner or world.top_position(found.user.id) >= world.top_position(world.bot.id):
        raise missing_permissions()


def _remove(call: Call, found: Member) -> None:
    world = call.backend.world
    del world.members[found.user.id]
    event = {"guild_id": world.guild_id, "user": found.user.payload()}
    call.backend.gateway.broadcast("GUILD_MEMBER_REMOVE", event)
