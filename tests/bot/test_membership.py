"""Who is in the server, as requests see it: two programs, one of them with the bot, and a Discord in bad times."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import orjson
import pytest
import redis

from discord_server.control import DiscordServer, Person
from support.members import Members
from support.program import Program
from support.standing import SERVED, SOON_S, ask, give_key, outcome, seconds_until

pytestmark = pytest.mark.usefixtures("nothing_wrong")

REQUIRED = "discord_membership_required"
UNKNOWN = "discord_membership_error"
DENIED = "model_access_denied"
GATED = "fake/gated"


@pytest.fixture(scope="module")
def program(make_program: Callable[..., Program], discord_server: DiscordServer) -> Program:
    """The one that has the bot."""
    discord_server.add_role("artist")
    program = make_program(discord_server)
    discord_server.wait_for_ready()
    discord_server.wait_for_commands("signup")
    wait_for_sweeps(program, 1)
    return program


def sweeps(program: Program) -> int:
    return sum(line.get("event") == "went through the owners of keys" for line in program.log_lines())


def wait_for_sweeps(program: Program, count: int) -> None:
    seconds_until(lambda: sweeps(program) >= count, 30)


@contextmanager
def record_names(program: Program) -> Iterator[tuple[Any, str]]:
    """A client of the program's Redis, and what the names of its members' records begin with."""
    section = program.sections["redis"]
    with redis.Redis.from_url(str(section["url"])) as client:
        yield client, f"{section['prefix']}:member:{{{program.sections['discord']['guild_id']}}}:"


def forget(program: Program, person: Person) -> None:
    """Take away what Redis knows of someone, and tell no one."""
    with record_names(program) as (client, begin):
        client.delete(begin + person.id)


def age(program: Program, person: Person, seconds: float) -> None:
    """As if what Redis knows of someone had been seen so long ago, and all memory had been lost."""
    with record_names(program) as (client, begin):
        second, microsecond = client.time()
        client.hset(begin + person.id, "at", int((second - seconds) * 1_000_000) + microsecond)
        client.publish(
            f"{program.sections['redis']['prefix']}:changes", orjson.dumps({"kind": "members", "key": person.id})
        )


def questions(server: DiscordServer, person: Person | None = None) -> int:
    """How many times Discord was asked about people by id, over the connection or by REST."""
    asked = [data for each in server.connections for op, data in each.received if op == 8 and data.get("user_ids")]
    over_gateway = [data for data in asked if person is None or str(person.id) in map(str, _as_list(data["user_ids"]))]
    by_rest = server.requests_to(f"GET /guilds/*/members/{person.id if person else '*'}")
    return len(over_gateway) + len(by_rest)


def asked_of(server: DiscordServer, person: Person) -> list[Any]:
    """What Discord was asked of someone, in full."""
    asked = [each.received for each in server.connections]
    return [*asked, *server.requests_to(f"GET /guilds/*/members/{person.id}")]


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def test_leaving_and_coming_back_is_seen_everywhere_within_a_second(
    discord_server: DiscordServer, program: Program, second: Program, members: Members
) -> None:
    ada = discord_server.add_member("ada")
    key = give_key(members, ada)
    for _ in range(2):
        assert (outcome(program, key), outcome(second, key)) == (SERVED, SERVED)
        ada.leave()
        for each in (program, second):
            assert seconds_until(lambda each=each: outcome(each, key) == REQUIRED) < SOON_S
        ada.rejoin()
        for each in (program, second):
            assert seconds_until(lambda each=each: outcome(each, key) == SERVED) < SOON_S
    ada.be_banned()
    assert seconds_until(lambda: outcome(second, key) == REQUIRED) < SOON_S


def test_roles_open_models_within_a_second_and_leaving_takes_them(
    discord_server: DiscordServer, program: Program, second: Program, members: Members
) -> None:
    bob = discord_server.add_member("bob")
    key = give_key(members, bob)
    both = (program, second)
    assert [outcome(each, key, GATED) for each in both] == [DENIED, DENIED]
    bob.add_roles("artist")
    for each in both:
        assert seconds_until(lambda each=each: outcome(each, key, GATED) == SERVED) < SOON_S
    bob.remove_roles("artist")
    for each in both:
        assert seconds_until(lambda each=each: outcome(each, key, GATED) == DENIED) < SOON_S
    bob.add_roles("artist")
    seconds_until(lambda: outcome(second, key, GATED) == SERVED)
    bob.leave()
    bob.rejoin()
    assert seconds_until(lambda: outcome(second, key, GATED) == DENIED) < SOON_S
    assert outcome(second, key) == SERVED


def test_what_commands_set_is_overruled_by_discord_but_not_for_accounts_that_are_no_one_there(
    discord_server: DiscordServer, program: Program, members: Members
) -> None:
    eve = discord_server.add_member("eve")
    key = give_key(members, eve, is_member=False, roles=["artist"])
    assert outcome(program, key) == SERVED
    assert outcome(program, key, GATED) == DENIED
    (ours,) = members.add("a-service", is_member=True, roles=["artist"])
    assert outcome(program, ours, GATED) == SERVED
    members.change("a-service", is_member=False)
    assert seconds_until(lambda: outcome(program, ours) == REQUIRED) < SOON_S


def test_a_deleted_or_renamed_role_is_gone_from_everyone(
    discord_server: DiscordServer, program: Program, members: Members
) -> None:
    discord_server.add_role("passing")
    ida = discord_server.add_member("ida", roles=["passing"])
    give_key(members, ida)
    seconds_until(lambda: roles_in_redis(program, ida) == b'["passing"]')
    discord_server.delete_role("passing")
    seconds_until(lambda: roles_in_redis(program, ida) == b"[]", 15)


def roles_in_redis(program: Program, person: Person) -> Any:
    with record_names(program) as (client, begin):
        return client.hget(begin + person.id, "roles")


def test_two_hundred_requests_of_someone_unknown_make_one_look_up(
    discord_server: DiscordServer, program: Program, second: Program, members: Members
) -> None:
    with discord_server.gateway.losing_events():
        uma = discord_server.add_member("uma")
    key = give_key(members, uma)
    discord_server.rest.slow(0.3, "/guilds/*/members/*")
    with ThreadPoolExecutor(50) as threads:
        answers = list(threads.map(lambda number: outcome((program, second)[number % 2], key), range(200)))
    discord_server.rest.clear()
    assert set(answers) == {SERVED}
    assert questions(discord_server, uma) == 1, asked_of(discord_server, uma)


def test_someone_unknown_who_is_not_there_is_refused_after_discord_said_so(
    discord_server: DiscordServer, second: Program, members: Members
) -> None:
    nil = discord_server.add_user("nil")
    key = give_key(members, nil)
    assert outcome(second, key) == REQUIRED
    (asked,) = discord_server.requests_to(f"GET /guilds/*/members/{nil.id}")
    assert asked.code == 10007
    with discord_server.gateway.losing_events():
        nil.rejoin()
    # Without the event: as long as it is kept that someone is outside, which is a minute at most.
    with record_names(second) as (client, begin):
        assert 0 < client.pttl(begin + nil.id) <= 60_000


def test_a_member_who_asks_again_costs_no_question_to_anyone(
    discord_server: DiscordServer, program: Program, second: Program, members: Members
) -> None:
    moe = discord_server.add_member("moe")
    key = give_key(members, moe)
    # Heard of, so that no question about them is on its way.
    seconds_until(lambda: roles_in_redis(program, moe) is not None)
    assert outcome(second, key) == SERVED
    forget(program, moe)
    asked = questions(discord_server, moe)
    assert {outcome(second, key) for _ in range(20)} == {SERVED}, "from memory"
    assert questions(discord_server, moe) == asked
    with record_names(program) as (client, begin):
        assert not client.exists(begin + moe.id), "nor was it read anew"


def test_when_discord_is_away_who_was_seen_is_served_and_who_was_not_is_told_to_come_back(
    discord_server: DiscordServer, program: Program, second: Program, members: Members
) -> None:
    seen, old, older, unseen = (discord_server.add_member(name) for name in ("seen", "old", "older", "unseen"))
    for person in (seen, old, older):
        person.set_roles(["artist"])
    keys = [give_key(members, person) for person in (seen, old, older, unseen)]
    assert [outcome(second, key) for key in keys] == [SERVED] * 4
    with discord_server.outage():
        discord_server.wait_for(lambda: not discord_server.gateway.is_connected)
        age(program, old, 2 * 3600)
        age(program, older, 7 * 3600)
        age(program, unseen, 0)
        forget(program, unseen)
        assert outcome(second, keys[0], GATED) == SERVED
        took_s = seconds_until(lambda: outcome(second, keys[1]) == SERVED)
        assert took_s < 4, "two seconds for the look-up"
        assert outcome(second, keys[1], GATED) == UNKNOWN, "a role might have been taken since"
        for key in keys[2:]:
            answer = ask(second, key)
            assert (answer.status_code, answer.json()["error"]["type"]) == (503, UNKNOWN)
            assert int(answer.headers["retry-after"]) >= 1
    for key in keys:
        seconds_until(lambda key=key: outcome(second, key) == SERVED, 30)
    for key in keys[:3]:
        seconds_until(lambda key=key: outcome(second, key, GATED) == SERVED)
    assert outcome(second, keys[3], GATED) == DENIED


def test_what_was_missed_while_the_session_was_lost_is_found_out(
    discord_server: DiscordServer, program: Program, second: Program, members: Members
) -> None:
    """And the full list is refused, so that discord.py's cache stays empty."""
    gone, stripped, kept, back = (discord_server.add_member(name) for name in ("gone", "stripped", "kept", "back"))
    stripped.set_roles(["artist"])
    keys = [give_key(members, person) for person in (gone, stripped, kept, back)]
    back.leave()
    seconds_until(lambda: [outcome(second, key) for key in keys] == [SERVED, SERVED, SERVED, REQUIRED])
    discord_server.gateway.limit_full_member_lists(600)
    before = sweeps(program)
    try:
        # The full list was given at the start; it is not given again.
        with discord_server.gateway.losing_events():
            discord_server.gateway.invalidate()
            gone.leave()
            stripped.remove_roles("artist")
            back.rejoin()
        while sweeps(program) == before:
            age(program, kept, 3600)  # so that Discord is asked, in the midst of it
            assert outcome(second, keys[2]) == SERVED, "a lost cache says nothing of anyone"
        assert outcome(second, keys[0]) == REQUIRED
        assert outcome(second, keys[1], GATED) == DENIED
        assert outcome(second, keys[3]) == SERVED
        # Events are heard of those who matter, although the cache was never filled.
        stripped.add_roles("artist")
        assert seconds_until(lambda: outcome(second, keys[1], GATED) == SERVED) < SOON_S
        kept.leave()
        assert seconds_until(lambda: outcome(program, keys[2]) == REQUIRED) < SOON_S
    finally:
        discord_server.gateway.limit_full_member_lists(0)


def test_events_that_come_late_are_heard_when_they_come(
    discord_server: DiscordServer, second: Program, members: Members
) -> None:
    lea = discord_server.add_member("lea")
    key = give_key(members, lea)
    assert outcome(second, key) == SERVED
    discord_server.gateway.pause_events()
    lea.leave()
    discord_server.gateway.drop(4000)
    discord_server.gateway.resume_events()
    seconds_until(lambda: outcome(second, key) == REQUIRED, 15)
