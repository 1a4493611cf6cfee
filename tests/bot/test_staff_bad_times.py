"""Staff commands, `/why` and pasted keys while MongoDB is away: one program."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from discord_server.control import DiscordServer, Person
from support.discord_house import MakeProgram
from support.discord_program import is_refused
from support.discord_staff import said, send_hidden, wait_until
from support.members import Members
from support.mongo_server import MongoServer
from support.program import Program

COMMANDS: list[tuple[str, dict[str, Any]]] = [
    ("staff whois", {"member": "busy"}),
    ("staff stats", {}),
    ("staff pause", {"member": "busy", "reason": "too busy"}),
    ("staff unpause", {"member": "busy"}),
    ("staff ban address", {"address": "192.0.2.1", "reason": "a flood"}),
    ("staff unban address", {"address": "192.0.2.1"}),
    ("staff bans", {}),
    ("staff model disable", {"alias": "fake/one"}),
    ("staff model enable", {"alias": "fake/one"}),
    ("staff verify", {"member": "busy"}),
    ("staff unverify", {"member": "busy"}),
    ("staff revoke", {"member": "busy", "reason": "too busy"}),
    ("why", {}),
    ("why", {"error_id": "fake-000000000000"}),
]


@pytest.fixture(scope="module")
def mongo() -> Iterator[MongoServer]:
    server = MongoServer()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def program(make_program: MakeProgram, discord_server: DiscordServer, mongo: MongoServer) -> Iterator[Program]:
    staff = discord_server.world.role_named("staff")
    program = make_program(discord_server, start=False, staff_roles=[staff.id])
    program.sections["mongodb"]["url"] = mongo.url
    program.write_config(program.sections)
    program.start()
    discord_server.wait_for_ready()
    discord_server.wait_for_commands("staff", "why")
    yield program
    make_program.stop_all()


def test_staff_by_id_are_those_with_that_role_whatever_it_is_called(
    discord_server: DiscordServer, program: Program, mod: Person
) -> None:
    meant = discord_server.world.role_named("staff")
    liar = discord_server.add_member("liar")
    liar.set_roles([discord_server.add_role("staff"), discord_server.add_role(meant.id)])
    assert send_hidden(liar, mod, "staff bans").content == "This is for staff."
    assert "banned" in said(mod, "staff bans")
    assert not discord_server.violations


def test_while_mongodb_is_away_all_is_told_with_an_id_and_a_posted_key_ends_later(
    discord_server: DiscordServer, program: Program, members: Members, mod: Person, mongo: MongoServer
) -> None:
    owner, _ = discord_server.add_member("owner"), discord_server.add_member("busy")
    (key,) = members.add(owner.id)
    assert not is_refused(program, key)
    written = mod.submit(mod.command("staff announce", channel="general"), {"What to post": "We are back"})
    mongo.kill()
    refused = mod.press(written, "Post it").result()
    assert "can't reach its database" in refused.content and refused.content.endswith("We are back")
    for name, options in (*COMMANDS, ("staff whois", {"prefix": "fta_000000"})):
        shown = said(mod, name, **options)
        found = re.search(r"gw-[0-9a-f]{12}", shown)
        assert "can't reach its database" in shown and found is not None, name
        (line,) = [line for line in program.log_lines() if line.get("error_id") == found[0]]
        assert line["user_id"] == mod.id and "trace" not in line
    assert mod.autocomplete("staff model disable", "alias", "") == []
    message = owner.say("general", f"<@{discord_server.bot_id}> {key}")
    wait_until(lambda: message.id not in [each.id for each in discord_server.messages("general")])
    wait_until(lambda: "a posted key is not revoked yet: mongodb is away" in program.log_file.read_text())
    mongo.start()
    wait_until(lambda: is_refused(program, key), 60)
    wait_until(lambda: owner.dms)
    assert key not in program.log_file.read_text()
    assert not discord_server.violations
