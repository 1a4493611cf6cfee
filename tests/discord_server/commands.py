"""The application's commands as Discord keeps them: by scope, type and name, with the daily count of creations."""

from typing import Any

from discord_server.clock import ServerClock
from discord_server.command_rules import check_command
from discord_server.errors import DiscordError, Problems, unknown

CREATES_A_DAY = 200
MOST_COMMANDS = 100
GLOBAL = ""
DAY_S = 86400.0


class Commands:
    """Commands of each scope: ``GLOBAL`` or a guild's id."""

    def __init__(self) -> None:
        self.scopes: dict[str, dict[str, dict[str, Any]]] = {}
        self._creates: dict[str, list[float]] = {}

    def visible(self, guild_id: str) -> list[dict[str, Any]]:
        """The guild's commands, then the global ones."""
        return [*self.scopes.get(guild_id, {}).values(), *self.scopes.get(GLOBAL, {}).values()]

    def overwrite(self, scope: str, wanted: Any, maker: "Maker") -> list[dict[str, Any]]:
        """Replace all commands of a scope. Only names that were not there count as created.

        Raises:
            DiscordError: 50035, or 30034 when the day's creations are used up.
        """
        problems = Problems()
        if not isinstance(wanted, list) or len(wanted) > MOST_COMMANDS:
            problems.add((), "BASE_TYPE_MAX_LENGTH", "Must be a list of 100 or fewer.")
            problems.raise_if_any()
        for index, command in enumerate(wanted):
            check_command(command, problems, (index,))
        keys = [_key(command) for command in wanted if isinstance(command, dict)]
        if len(set(keys)) < len(keys):
            problems.add((), "APPLICATION_COMMANDS_DUPLICATE_NAME", "Application command names must be unique")
        problems.raise_if_any()
        known = {_key(command): command for command in self.scopes.get(scope, {}).values()}
        self._count(scope, [key for key in keys if key not in known], maker.clock)
        made = [maker.make(scope, command, known.get(_key(command))) for command in wanted]
        self.scopes[scope] = {command["id"]: command for command in made}
        return made

    def upsert(self, scope: str, wanted: Any, maker: "Maker") -> tuple[dict[str, Any], bool]:
        """Create one command or replace the one of that name; True if it is new."""
        problems = Problems()
        check_command(wanted, problems, ())
        problems.raise_if_any()
        commands = self.scopes.setdefault(scope, {})
        known = next((each for each in commands.values() if _key(each) == _key(wanted)), None)
        if known is None:
            self._count(scope, [_key(wanted)], maker.clock)
        made = maker.make(scope, wanted, known)
        commands[made["id"]] = made
        return made, known is None

    def edit(self, scope: str, command_id: str, changes: Any, maker: "Maker") -> dict[str, Any]:
        """Change one command."""
        known = self.get(scope, command_id)
        wanted = known | (changes or {})
        problems = Problems()
        check_command(wanted, problems, ())
        problems.raise_if_any()
        self.scopes[scope][command_id] = maker.make(scope, wanted, known)
        return self.scopes[scope][command_id]

    def get(self, scope: str, command_id: str) -> dict[str, Any]:
        """One command.

        Raises:
            DiscordError: 404, code 10063.
        """
        try:
            return self.scopes[scope][command_id]
        except KeyError:
            raise unknown("application command", 10063) from None

    def delete(self, scope: str, command_id: str) -> None:
        self.get(scope, command_id)
        del self.scopes[scope][command_id]

    def _count(self, scope: str, new: list[tuple[int, str]], clock: ServerClock) -> None:
        now_s = clock.now_s()
        recent = [at_s for at_s in self._creates.get(scope, []) if now_s - at_s < DAY_S]
        if len(recent) + len(new) > CREATES_A_DAY:
            text = f"Max number of daily application command creates has been reached ({CREATES_A_DAY})"
            raise DiscordError(400, 30034, text, is_offence=True)
        self._creates[scope] = recent + [now_s] * len(new)


class Maker:
    """Completes a command the way Discord answers it: ids, version, defaults."""

    def __init__(self, application_id: str, clock: ServerClock, new_id: Any) -> None:
        self.application_id = application_id
        self.clock = clock
        self.new_id = new_id

    def make(self, scope: str, wanted: dict[str, Any], known: dict[str, Any] | None) -> dict[str, Any]:
        """``wanted`` with everything it left out; the id of ``known`` if there was such a command."""
        command = {
            "id": self.new_id() if known is None else known["id"], "application_id": self.application_id,
            "version": self.new_id(), "type": wanted.get("type", 1), "name": wanted["name"],
            "description": wanted.get("description") or "", "name_localizations": None,
            "description_localizations": None, "default_member_permissions": None, "dm_permission": None,
            "contexts": None, "integration_types": [0], "nsfw": False, "options": [],
        }  # fmt: skip
        given = {key: value for key, value in wanted.items() if key in command and value is not None}
        command |= {key: value for key, value in given.items() if key not in ("id", "application_id", "version")}
        if command["default_member_permissions"] is not None:
            command["default_member_permissions"] = str(command["default_member_permissions"])
        if scope != GLOBAL:
            command["guild_id"] = scope
        return command


def _key(command: dict[str, Any]) -> tuple[int, str]:
    return command.get("type", 1), str(command.get("name"))
