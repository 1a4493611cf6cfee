"""The bot about itself, where the gateway is, and DM channels."""

from typing import Any

from discord_server.errors import DiscordError, unknown
from discord_server.routes import Call, route


@route("GET", "/users/@me")
def me(call: Call) -> Any:
    return call.backend.world.bot.payload() | {"verified": True, "mfa_enabled": True, "locale": "en-US", "email": None}


@route("GET", "/applications/@me")
@route("GET", "/oauth2/applications/@me")
def application(call: Call) -> Any:
    world = call.backend.world
    return {
        "id": world.application_id, "name": world.bot.name, "icon": None, "description": "", "bot_public": False,
        "bot_require_code_grant": False, "owner": world.owner.payload(), "verify_key": "0" * 64, "team": None,
        "flags": call.backend.gateway.application_flags(), "summary": "", "hook": True, "tags": [],
        "interactions_endpoint_url": None, "redirect_uris": [], "approximate_guild_count": 1,
        "role_connections_verification_url": None, "rpc_origins": [], "install_params": None,
    }  # fmt: skip


@route("GET", "/gateway", needs_token=False)
def gateway(call: Call) -> Any:
    return {"url": call.backend.gateway.url}


@route("GET", "/gateway/bot")
def gateway_for_bots(call: Call) -> Any:
    used = sum(each.identify is not None for each in call.backend.records.connections)
    limit = {"total": 1000, "remaining": 1000 - used, "reset_after": 86_400_000, "max_concurrency": 1}
    return {"url": call.backend.gateway.url, "shards": 1, "session_start_limit": limit}


@route("GET", "/users/@me/guilds")
def guilds(call: Call) -> Any:
    world = call.backend.world
    permissions = str(world.permissions_of(world.bot.id))
    guild: dict[str, Any] = {
        "id": world.guild_id,
        "name": world.guild_name,
        "icon": None,
        "owner": False,
        "features": [],
    }
    return [guild | {"permissions": permissions, "banner": None}]


@route("GET", "/users/{user_id}")
def user(call: Call) -> Any:
    found = call.backend.world.users.get(call.params["user_id"])
    if found is None:
        raise unknown("User", 10013)
    return found.payload()


@route("POST", "/users/@me/channels")
def open_dm(call: Call) -> Any:
    found = call.backend.world.users.get(str((call.body or {}).get("recipient_id")))
    if found is None:
        raise unknown("User", 10013)
    if found is call.backend.world.bot:
        raise DiscordError(400, 50007, "Cannot send messages to this user")
    return call.backend.world.dm_channel(found).payload()
