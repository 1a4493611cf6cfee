"""Application commands over REST, global and of the guild."""

from typing import Any

from discord_server.commands import GLOBAL, Maker
from discord_server.errors import unknown
from discord_server.routes import Call, Created, route

APPLICATION = "/applications/{application_id}"
EVERYWHERE = APPLICATION + "/commands"
IN_GUILD = APPLICATION + "/guilds/{guild_id}/commands"


@route("GET", EVERYWHERE)
@route("GET", IN_GUILD)
def commands(call: Call) -> Any:
    return list(call.backend.commands.scopes.get(_scope(call), {}).values())


@route("PUT", EVERYWHERE)
@route("PUT", IN_GUILD)
def overwrite(call: Call) -> Any:
    return call.backend.commands.overwrite(_scope(call), call.body, _maker(call))


@route("POST", EVERYWHERE)
@route("POST", IN_GUILD)
def upsert(call: Call) -> Any:
    made, is_new = call.backend.commands.upsert(_scope(call), call.body, _maker(call))
    return Created(made) if is_new else made


@route("GET", EVERYWHERE + "/{command_id}")
@route("GET", IN_GUILD + "/{command_id}")
def command(call: Call) -> Any:
    return call.backend.commands.get(_scope(call), call.params["command_id"])


@route("PATCH", EVERYWHERE + "/{command_id}")
@route("PATCH", IN_GUILD + "/{command_id}")
def edit(call: Call) -> Any:
    return call.backend.commands.edit(_scope(call), call.params["command_id"], call.body, _maker(call))


@route("DELETE", EVERYWHERE + "/{command_id}")
@route("DELETE", IN_GUILD + "/{command_id}")
def delete(call: Call) -> None:
    call.backend.commands.delete(_scope(call), call.params["command_id"])


def _scope(call: Call) -> str:
    if call.params["application_id"] != call.backend.world.application_id:
        raise unknown("Application", 10002)
    return call.params.get("guild_id", GLOBAL)


def _maker(call: Call) -> Maker:
    world = call.backend.world
    return Maker(world.application_id, call.backend.clock, world.new_id)
