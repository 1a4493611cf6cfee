"""What tests of staff commands share: someone who is staff, a command sent past the client, and the audit."""

from typing import Any

import pymongo

from discord_server.command_rules import GROUP, SUBCOMMAND
from discord_server.control import Answer, DiscordServer, Person
from discord_server.interactions import COMMAND
from support.program import Program
from support.waiting import patient


def add_staff(server: DiscordServer, name: str = "mod") -> Person:
    """A member with the staff role."""
    return server.add_member(name, roles=["staff"])


def send_hidden(person: Person, shown_to: Person, command: str, **options: Any) -> Answer:
    """``person`` uses a command that their client hides, as a script would; ``shown_to`` sees it."""
    return person._interact(COMMAND, lambda: shown_to._command_data(command, options))


def said(person: Person, command: str, **options: Any) -> str:
    """What ``person`` reads in the end; that nobody else reads it is asserted."""
    answer = person.command(command, **options)
    assert answer.ephemeral, command
    return str(answer.result().content)


def registered(server: DiscordServer) -> list[str]:
    """Every registered command, subcommands by their whole name: ``"staff model enable"``."""

    def leaves(name: str, options: list[dict[str, Any]]) -> list[str]:
        inner = [each for each in options if each["type"] in (SUBCOMMAND, GROUP)]
        if not inner:
            return [name]
        return [leaf for each in inner for leaf in leaves(f"{name} {each['name']}", each.get("options") or [])]

    return [leaf for name, each in server.commands.items() for leaf in leaves(name, each.get("options") or [])]


def audit_of(program: Program, target: str) -> list[dict[str, Any]]:
    """The audit's rows of one target, the oldest first."""
    section = program.sections["mongodb"]
    with pymongo.MongoClient[dict[str, Any]](str(section["url"])) as client:
        found = client[str(section["database"])]["audit"].find({"target": target}, {"_id": 0}).sort("_id", 1)
        return list(found)


wait_until = patient(20.0)
