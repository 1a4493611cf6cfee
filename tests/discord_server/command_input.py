"""What Discord's client sends for a slash command, or refuses to send: only commands it shows, with fitting options."""

from typing import Any

from discord_server.command_rules import GROUP, SUBCOMMAND
from discord_server.forms import FormRefused, chosen_value, resolve
from discord_server.world import World

INTEGER, BOOLEAN, USER, CHANNEL, ROLE, MENTIONABLE, NUMBER, ATTACHMENT = 4, 5, 6, 7, 8, 9, 10, 11
ENTITIES = {USER: "users", CHANNEL: "channels", ROLE: "roles", MENTIONABLE: "mentionables"}


class CommandNotVisible(LookupError):
    """The person's client does not offer this command: not registered, or not permitted."""


def find_command(world: World, visible: list[dict[str, Any]], name: str, user_id: str) -> dict[str, Any]:
    """The command as registered, if this person may see it.

    Raises:
        CommandNotVisible: it is not there, or ``default_member_permissions`` keep it from them.
    """
    command = next((each for each in visible if each["name"] == name), None)
    if command is None:
        raise CommandNotVisible(f"no command {name!r}; registered: {[each['name'] for each in visible]}")
    needed = command["default_member_permissions"]
    if needed is not None:
        own = world.permissions_of(user_id)
        # "0" is for administrators alone; all the bits of any other number are needed.
        if (int(needed) == 0 and not own & 8) or own & int(needed) != int(needed):
            raise CommandNotVisible(f"{name!r} is not for this member")
    return command


def command_data(
    world: World, command: dict[str, Any], path: list[str], given: dict[str, Any], *, is_partial: bool = False
) -> dict[str, Any]:
    """The data of an interaction: ``path`` names the subcommands, ``given`` the options.

    ``is_partial``: still being typed, so required options may be missing and values are not checked.

    Raises:
        FormRefused: an option is missing, unknown, or does not fit.
    """
    data: dict[str, Any] = {"id": command["id"], "name": command["name"], "type": command["type"]}
    if command["type"] != 1:
        return data | _target(world, command, given)
    resolved: dict[str, Any] = {}
    holder = command
    chain = []
    for name in path:
        holder = next((each for each in holder.get("options") or [] if each["name"] == name), {})
        if holder.get("type") not in (SUBCOMMAND, GROUP):
            raise FormRefused(f"no subcommand {name!r} of {command['name']!r}")
        chain.append(holder)
    options = _options(world, holder, given, resolved, is_partial)
    for each in reversed(chain):
        options = [{"type": each["type"], "name": each["name"], "options": options}]
    data["options"] = options
    if resolved:
        data["resolved"] = resolved
    if "guild_id" in command:
        data["guild_id"] = command["guild_id"]
    return data


def _options(
    world: World, holder: dict[str, Any], given: dict[str, Any], resolved: dict[str, Any], is_partial: bool
) -> list[Any]:
    known = {each["name"]: each for each in holder.get("options") or []}
    if any(each["type"] in (SUBCOMMAND, GROUP) for each in known.values()):
        raise FormRefused(f"{holder['name']!r} needs a subcommand: {list(known)}")
    if unknown := set(given) - set(known):
        raise FormRefused(f"no options {sorted(unknown)}; there are {list(known)}")
    options = []
    for name, definition in known.items():
        if name in given:
            value = given[name] if is_partial else _value(world, definition, given[name], resolved)
            options.append({"name": name, "type": definition["type"], "value": value})
        elif definition.get("required") and not is_partial:
            raise FormRefused(f"option {name!r} is required")
    return options


def _value(world: World, definition: dict[str, Any], value: Any, resolved: dict[str, Any]) -> Any:
    kind, name = definition["type"], definition["name"]
    if kind in ENTITIES:
        return resolve(ENTITIES[kind], value, world, resolved)
    if kind == ATTACHMENT:
        return chosen_value("files", (), value, world, resolved)
    if kind == BOOLEAN:
        return bool(value)
    if choices := definition.get("choices"):
        found = next((each for each in choices if value in (each["name"], each["value"])), None)
        if found is None:
            raise FormRefused(f"{name!r}: {value!r} is none of {[each['name'] for each in choices]}")
        return found["value"]
    if kind in (INTEGER, NUMBER):
        low, high = definition.get("min_value"), definition.get("max_value")
        if (kind == INTEGER and not isinstance(value, int)) or not isinstance(value, (int, float)):
            raise FormRefused(f"{name!r}: {value!r} is no number")
        if (low is not None and value < low) or (high is not None and value > high):
            raise FormRefused(f"{name!r}: {value} is not between {low} and {high}")
        return value
    low, high = definition.get("min_length") or 0, definition.get("max_length") or 6000
    if not low <= len(str(value)) <= high:
        raise FormRefused(f"{name!r}: {low} to {high} characters")
    return str(value)


def _target(world: World, command: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """The person or message that a context menu was opened on."""
    target = given["target"]
    resolved: dict[str, Any] = {}
    if command["type"] == 2:
        return {"target_id": resolve("users", target, world, resolved), "resolved": resolved}
    message = world.messages[target.id]
    return {"target_id": message.id, "resolved": {"messages": {message.id: world.message_payload(message)}}}
