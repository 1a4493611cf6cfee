"""Staff commands, `/why` and pasted keys while the API is busy, and while MongoDB is away: one program."""

import re
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import httpx2
import orjson
import pytest

from discord_server.control import DiscordServer, Person
from fakes.upstream import ScriptedUpstream, chat_stream
from support.discord_staff import add_staff, said, wait_until
from support.members import Members
from support.mongo_server import MongoServer
from support.program import Program

STREAMS = 300
_WIDE = {"rate_limit_per_minute": 1_000_000, "concurrency_limit": 1000, "level": 1, "minimum_invites": 0}
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
def program(make_program: Callable[..., Program], discord_server: DiscordServer, mongo: MongoServer) -> Program:
    program = make_program(discord_server, start=False)
    program.sections["mongodb"]["url"] = mongo.url
    program.sections["limits"] = {"daily_success_limit": 1_000_000, "tiers": [_WIDE]}
    program.write_config(program.sections)
    program.start()
    discord_server.wait_for_ready()
    discord_server.wait_for_commands("staff", "why")
    return program


@pytest.fixture(scope="module")
def members(program: Program) -> Iterator[Members]:
    found = Members(program)
    yield found
    found.close()


@pytest.fixture(scope="module")
def mod(discord_server: DiscordServer) -> Person:
    return add_staff(discord_server)


@contextmanager
def open_streams(program: Program, key: str, count: int) -> Iterator[None]:
    """So many answers under way at the same time until the block ends; what comes fits the sockets' buffers."""
    body = orjson.dumps({"model": "fake/one", "stream": True, "messages": [{"role": "user", "content": "Hi"}]})
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nx-api-key: {key}\r\nContent-Length: {len(body)}\r\n\r\n"
    with ExitStack() as stack:
        for _ in range(count):
            stream = stack.enter_context(socket.create_connection(("127.0.0.1", program.port)))
            stream.sendall(head.encode() + body)
        wait_until(lambda: program.leases() == count, 30)
        yield


def test_every_command_is_answered_in_time_while_many_streams_are_open(
    discord_server: DiscordServer, program: Program, members: Members, mod: Person, upstream: ScriptedUpstream
) -> None:
    upstream.script = lambda request: chat_stream(["word "] * 120, delay_s=0.5)
    discord_server.add_member("busy")
    person = next(each for each in map(discord_server.person, list(discord_server.world.users)) if each.name == "busy")
    members.add(person.id)
    streaming = discord_server.add_member("streaming")
    (key,) = members.add(streaming.id)
    with open_streams(program, key, STREAMS):
        slowest_s = 0.0
        for name, options in COMMANDS:
            answer = mod.command(name, **options)
            assert answer.result().content, name
            slowest_s = max(slowest_s, answer.latency_s)
        opened = mod.command("staff announce", channel="general")
        preview = mod.submit(opened, {"What to post": "We are busy"})
        assert "Posted" in mod.press(preview, "Post it").result().content
        assert program.leases() == STREAMS, "nobody's stream was ended by it"
    assert slowest_s < 3
    assert not discord_server.violations, "Discord waits three seconds"
    wait_until(lambda: program.leases() == 0, 20)


def test_while_mongodb_is_away_all_is_told_with_an_id_and_a_posted_key_ends_later(
    discord_server: DiscordServer, program: Program, members: Members, mod: Person, mongo: MongoServer
) -> None:
    owner = discord_server.add_member("owner")
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


def is_refused(program: Program, key: str) -> bool:
    answer = httpx2.get(f"{program.base_url}/models", headers={"x-api-key": key}, timeout=10)
    return answer.status_code == 401
