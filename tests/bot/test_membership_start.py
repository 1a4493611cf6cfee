"""Membership where the bot has little to go by: no members intent, a start in the cold, nobody connected."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import redis

from discord_server.control import DiscordServer
from discord_server.intents import MEMBERS
from support.discord_member import Secrets, pass_form, sign_up
from support.discord_program import discord_state, events
from support.discord_staff import wait_until
from support.members import Members
from support.program import Program
from support.standing import SERVED, ask, give_key, outcome, seconds_until

REQUIRED = "discord_membership_required"
UNKNOWN = "discord_membership_error"
NOT_GRANTED = "discord does not grant the members intent: going on without it, slower"
MakeProgram = Callable[..., Program]


def test_without_the_members_intent_it_says_so_and_works_by_asking(make_program: MakeProgram) -> None:
    with DiscordServer.start() as server:
        server.add_role("artist")
        server.privileged_intents.clear()
        program = make_program(server)
        (line,) = wait_until(lambda: events(program, NOT_GRANTED))
        assert "members_intent = false" in line["what_to_do"]
        server.wait_for_ready()
        server.wait_for_commands("signup", "checkin")
        members, secrets = Members(program), Secrets(program, server)
        ada, bob = server.add_member("ada", roles=["artist"]), server.add_member("bob")
        key = sign_up(secrets, ada)
        pass_form(secrets, ada, ada.command("checkin"), key=key).result()
        assert outcome(program, key, "fake/gated") == SERVED, "roles came with the command"
        others = give_key(members, bob)
        seconds_until(lambda: outcome(program, others) == SERVED)
        bob.leave()
        assert outcome(program, others) == SERVED, "no event says that he left"
        make_old(program, bob.id)
        seconds_until(lambda: outcome(program, others) == REQUIRED)
        bob.rejoin()
        make_old(program, bob.id)
        seconds_until(lambda: outcome(program, others) == SERVED)
        assert not server.violations
        members.close()
        secrets.close()


def make_old(program: Program, user_id: str) -> None:
    """As if eleven minutes had gone by since the last look at someone."""
    section = program.sections["redis"]
    with redis.Redis.from_url(str(section["url"])) as client:
        (name,) = client.keys(f"{section['prefix']}:member:*:{user_id}")  # type: ignore[misc]
        client.hincrby(name, "at", -660_000_000)
        client.publish(f"{section['prefix']}:changes", f'{{"kind":"members","key":"{user_id}"}}')


def test_a_start_in_the_cold_serves_who_was_seen_and_finds_out_the_rest(make_program: MakeProgram) -> None:
    """No connection, and REST gives two people in ten seconds, then 429."""
    with DiscordServer.start() as server:
        first = make_program(server, start=False)
        people = server.add_members(30)
        first.start()
        server.wait_for_ready()
        members = Members(first)
        keys = [give_key(members, person) for person in people]
        known = keys[0]
        assert outcome(first, known) == SERVED
        first.stop()
        server.gateway.refuse_next(1_000_000)
        server.gateway.forget_sessions()
        server.rest.limit("GET /guilds/*/members/*", 2, 10.0)
        first.start()
        assert outcome(first, known) == SERVED, "from Redis"
        with ThreadPoolExecutor(29) as threads:
            answers = list(threads.map(lambda key: ask(first, key), keys[1:]))
        refused = [answer for answer in answers if answer.status_code != 200]
        assert refused, "two people in ten seconds"
        for answer in refused:
            assert (answer.status_code, answer.json()["error"]["type"]) == (503, UNKNOWN)
            assert int(answer.headers["retry-after"]) >= 1
        server.gateway.refuse_next(0)
        for key in keys:
            seconds_until(lambda key=key: outcome(first, key) == SERVED, 60)
        assert len(server.requests_to("GET /guilds/*/members/*")) < 40, "429s are not hammered at"
        assert not server.violations
        members.close()


def test_a_refused_token_is_one_clear_line_and_nobody_is_guessed(make_program: MakeProgram) -> None:
    with DiscordServer.start() as server:
        program = make_program(server, token="MTIz.other.token")
        (line,) = wait_until(lambda: events(program, "the discord bot is off until the next start"))
        assert line["level"] == "error"
        assert "set discord.token" in line["reason"]
        assert "trace" not in line and "other.token" not in program.log_file.read_text()
        assert discord_state(program) == "down"
        tried = len(server.requests)
        members = Members(program)
        ada = server.add_member("ada")
        key = give_key(members, ada)
        answers = [ask(program, key) for _ in range(3)]
        assert {answer.status_code for answer in answers} == {503}
        assert {answer.json()["error"]["type"] for answer in answers} == {UNKNOWN}
        # Two seconds and more have gone by.
        assert len(server.requests) == tried, "Discord bans addresses that go on"
        assert program.is_ready(), "the API serves"
        members.close()


def test_with_the_gate_off_nothing_is_asked(make_program: MakeProgram) -> None:
    with DiscordServer.start() as server:
        program = make_program(server, start=False, members_intent=False)
        program.sections["gates"] = {"membership": False}
        program.write_config(program.sections)
        program.start()
        server.wait_for_ready()
        members = Members(program)
        stranger = server.add_user("stranger")
        key = give_key(members, stranger)
        assert outcome(program, key) == SERVED
        assert not server.requests_to("GET /guilds/*/members/*")
        assert not server.connections[-1].identify["intents"] & MEMBERS  # type: ignore[index]
        assert not events(program, NOT_GRANTED), "it was not asked for"
        members.close()
