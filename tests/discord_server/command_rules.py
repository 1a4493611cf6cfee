"""Discord's limits of application commands.

Limits: https://docs.discord.com/developers/interactions/application-commands
"""

import re
from typing import Any

from discord_server.component_rules import Path, check_length
from discord_server.errors import Problems

CHAT_INPUT, USER, MESSAGE = 1, 2, 3
SUBCOMMAND, GROUP, STRING, INTEGER, NUMBER = 1, 2, 3, 4, 10
NAME = re.compile(r"[-_'\w]{1,32}")
COMMAND_CHARACTERS = 8000


def check_command(command: Any, problems: Problems, path: Path) -> None:
    """One command with all its options."""
    if not isinstance(command, dict):
        problems.add(path, "MODEL_TYPE_CONVERT", "Only dictionaries may be used in a ModelType")
        return
    kind = command.get("type", CHAT_INPUT)
    if kind != CHAT_INPUT:
        check_length(command.get("name"), 1, 32, problems, (*path, "name"))
        if command.get("description"):
            problems.add((*path, "description"), "APPLICATION_COMMAND_DESCRIPTION_EMPTY", "Must be empty.")
        return
    _check_named(command, problems, path)
    _check_permissions(command.get("default_member_permissions"), problems, path)
    _check_options(command.get("options") or [], problems, (*path, "options"))
    if _characters(command) > COMMAND_CHARACTERS:
        problems.add(path, "APPLICATION_COMMAND_TOO_LARGE", "Command exceeds maximum size (8000)")


def _check_named(thing: dict[str, Any], problems: Problems, path: Path) -> None:
    name = thing.get("name")
    if not isinstance(name, str) or NAME.fullmatch(name) is None or name != name.lower():
        text = "Command name is invalid: 1 to 32 lower-case letters, digits, - and _."
        problems.add((*path, "name"), "APPLICATION_COMMAND_INVALID_NAME", text)
    check_length(thing.get("description"), 1, 100, problems, (*path, "description"))


def _check_permissions(bits: Any, problems: Problems, path: Path) -> None:
    if bits is not None and not str(bits).isdecimal():
        problems.add((*path, "default_member_permissions"), "NUMBER_TYPE_COERCE", f'Value "{bits}" is not bits.')


def _check_options(options: list[Any], problems: Problems, path: Path) -> None:
    if len(options) > 25:
        problems.add(path, "BASE_TYPE_MAX_LENGTH", "Must be 25 or fewer in length.")
    names = [option.get("name") for option in options]
    if len(set(names)) < len(names):
        problems.add(path, "APPLICATION_COMMAND_OPTIONS_NAME_INVALID", "Option names must be unique")
    may_be_required = True
    for index, option in enumerate(options):
        here = (*path, index)
        if option.get("type") not in range(1, 12):
            problems.add((*here, "type"), "BASE_TYPE_CHOICES", "Value must be one of {1, ..., 11}.")
            continue
        _check_named(option, problems, here)
        if option["type"] in (SUBCOMMAND, GROUP):
            _check_options(option.get("options") or [], problems, (*here, "options"))
            continue
        if option.get("required") and not may_be_required:
            text = "Required options must be placed before non-required options"
            problems.add(here, "APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID", text)
        may_be_required = may_be_required and bool(option.get("required"))
        _check_choices(option, problems, (*here, "choices"))


def _check_choices(option: dict[str, Any], problems: Problems, path: Path) -> None:
    choices = option.get("choices") or []
    if len(choices) > 25:
        problems.add(path, "BASE_TYPE_MAX_LENGTH", "Must be 25 or fewer in length.")
    if choices and option.get("autocomplete"):
        problems.add(path, "APPLICATION_COMMAND_OPTIONS_CHOICES_AUTOCOMPLETE", "No choices with autocomplete")
    for index, choice in enumerate(choices):
        check_length(choice.get("name"), 1, 100, problems, (*path, index, "name"))
        if option["type"] == STRING:
            check_length(choice.get("value"), 1, 100, problems, (*path, index, "value"))


def _characters(thing: dict[str, Any]) -> int:
    """Names, descriptions and values: what the limit of 8000 is counted in."""
    own = sum(len(str(thing.get(key) or "")) for key in ("name", "description", "value"))
    inner = [*(thing.get("options") or []), *(thing.get("choices") or [])]
    return own + sum(_characters(each) for each in inner)
