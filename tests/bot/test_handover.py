"""The bot changes hands, Redis forgets everything, MongoDB is away: two processes, one bot, the truth of members."""

import re
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from discord_server.control import DiscordServer
from freetheai.bot.supervisor import LEASE_S
from support.discord_house import MakeProgram
from support.discord_program import events
from support.discord_staff import wait_until
from support.members import Members
from support.mongo_server import MongoServer
from support.program import Program
from support.redis_server import RedisServer
from support.standing import SERVED, SOON_S, ask, give_key, outcome, seconds_until

REQUIRED = "discord_membership_required"
UNKNOWN = "discord_membership_error"


@pytest.fixture(scope="module")
def own_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("own-redis"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def own_mongo() -> Iterator[MongoServer]:
    server = MongoServer()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def program(
    make_program: MakeProgram, discord_server: DiscordServer, own_redis: RedisServer, own_mongo: MongoServer
) -> Iterator[Program]:
    """The one that has the bot, at first."""
    program = make_program(discord_server, start=False)
    program.sections["redis"]["url"], program.sections["mongodb"]["url"] = own_redis.url, own_mongo.url
    program.write_config(program.sections)
    program.start()
    discord_server.wait_for_ready()
    discord_server.wait_for_commands("me", "resetkey")
    yield program
    make_program.stop_all()


def open_connections(server: DiscordServer) -> int:
    return sum(each.is_open for each in server.connections)


def test_who_leaves_or_joins_while_mongodb_is_away_is_seen_as_what_they_are_when_it_is_back(
    discord_server: DiscordServer, program: Program, second: Program, members: Members, own_mongo: MongoServer
) -> None:
    gone, back = discord_server.add_members(2, prefix="mongo")
    keys = [give_key(members, each) for each in (gone, back)]
    both = (program, second)
    assert [outcome(each, key) for each in both for key in keys] == [SERVED] * 4
    back.leave()
    seconds_until(lambda: member_of(members, back.id) is False)
    own_mongo.kill()
    try:
        gone.leave()
        back.rejoin()
        wait_until(lambda: events(program, "an account does not show what discord says yet"))
        answers = [ask(each, keys[0]) for each in both]
        assert {answer.status_code for answer in answers} <= {403, 503}, "nobody is served on a guess"
    finally:
        own_mongo.start()
    for each in both:
        seconds_until(lambda each=each: [outcome(each, key) for key in keys] == [REQUIRED, SERVED], 20)
    seconds_until(lambda: (member_of(members, gone.id), member_of(members, back.id)) == (False, True))


def member_of(members: Members, user_id: str) -> Any:
    """What the account itself says."""
    found = members.document("users", user_id)
    assert found is not None
    return found["is_member"]


def test_a_bot_that_is_taken_over_in_the_middle_of_a_look_up(
    discord_server: DiscordServer, program: Program, second: Program, members: Members
) -> None:
    """The process that has the bot stands still, as a machine does that is moved, and comes back."""
    with discord_server.gateway.losing_events():
        unseen = discord_server.add_member("unseen")
    key = give_key(members, unseen)
    seen = discord_server.add_member("seen")
    known = give_key(members, seen)
    # Noted as come by nobody's invite; whoever joins at the same time is nobody's too.
    seconds_until(lambda: members.document("invites", seen.id))
    guest = discord_server.add_member("guest", via=discord_server.invite(by=seen))
    seconds_until(lambda: outcome(second, known) == SERVED and invites_of(members, seen.id) == 1)
    discord_server.gateway.pause_events()
    discord_server.rest.slow(20, f"GET /guilds/*/members/{unseen.id}", times=1)
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(ask, second, key)
        discord_server.wait_for(lambda: asked_for(discord_server, unseen.id))
        program.signal(signal.SIGSTOP)
        answer = waiting.result()
    assert (answer.status_code, answer.json()["error"]["type"]) == (503, UNKNOWN)
    assert int(answer.headers["retry-after"]) >= 1
    assert outcome(second, known) == SERVED
    guest.leave()
    discord_server.rest.clear()
    discord_server.gateway.resume_events()
    seconds_until(lambda: outcome(second, key) == SERVED, 30)
    seconds_until(lambda: invites_of(members, seen.id) == 0)  # who left while nobody listened counts no more
    assert len(discord_server.connections) == 2
    program.signal(signal.SIGCONT)
    wait_until(lambda: events(program, "another process has the discord bot now"))
    wait_until(lambda: open_connections(discord_server) == 1)
    seen.leave()
    for each in (program, second):
        assert seconds_until(lambda each=each: outcome(each, known) == REQUIRED) < SOON_S
    assert not discord_server.violations


def invites_of(members: Members, user_id: str) -> Any:
    """How many people an account has brought."""
    found = members.document("users", user_id)
    assert found is not None
    return found["invites"]


def asked_for(server: DiscordServer, user_id: str) -> bool:
    """Whether somebody was asked for over the connection."""
    asked = [data for each in server.connections for op, data in each.received if op == 8]
    return any(user_id in map(str, data.get("user_ids") or ()) for data in asked)


def test_redis_that_stands_still_is_told_before_discord_gives_up(
    discord_server: DiscordServer, program: Program, members: Members, own_redis: RedisServer
) -> None:
    """All that is asked of it before a form opens takes under three seconds together."""
    del program
    person = discord_server.add_member("patient")
    give_key(members, person)
    assert person.command("resetkey").kind == "modal"
    own_redis.pause()
    try:
        refused = person.command("resetkey")
    finally:
        own_redis.resume()
    assert "can't reach its database" in refused.content
    assert person.command("resetkey").kind == "modal"
    assert not discord_server.violations, "Discord waits three seconds"


@pytest.mark.parametrize("forgets", [False, True], ids=["nothing", "everything"])
def test_redis_that_comes_back_having_forgotten(
    discord_server: DiscordServer,
    program: Program,
    second: Program,
    members: Members,
    own_redis: RedisServer,
    forgets: bool,
) -> None:
    """One bot is left, and what happened meanwhile is known."""
    gone, back, stays = discord_server.add_members(3, prefix="redis")
    keys = [give_key(members, each) for each in (gone, back, stays)]
    both = (program, second)
    back.leave()
    wanted = [SERVED, REQUIRED, SERVED]
    for each in both:
        seconds_until(lambda each=each: [outcome(each, key) for key in keys] == wanted)
    own_redis.stop()
    try:
        gone.leave()
        back.rejoin()
        assert [ask(each, keys[2]).status_code for each in both] == [503, 503], "never without limits"
        refused = stays.command("resetkey")
        assert refused.ephemeral and "can't reach its database" in refused.content
    finally:
        own_redis.start()
    found = re.search(r"gw-[0-9a-f]{12}", refused.content)
    assert found is not None
    lines = [line for each in both for line in each.log_lines() if line.get("error_id") == found[0]]
    assert [(line["user_id"], line["interaction"]) for line in lines] == [(stays.id, "resetkey")]
    if forgets:
        own_redis.command("FLUSHALL")
    wanted = [REQUIRED, SERVED, SERVED]
    for each in both:
        seconds_until(lambda each=each: [outcome(each, key) for key in keys] == wanted, 30)
    if forgets:
        time.sleep(LEASE_S + 0.5)  # a lease's life later there is still one
    wait_until(lambda: open_connections(discord_server) == 1)
    discord_server.wait_for_ready()
    assert discord_server.add_member("ada").command("me").result().content
    stays.leave()
    for each in both:
        assert seconds_until(lambda each=each: outcome(each, keys[2]) == REQUIRED) < SOON_S
    assert not discord_server.violations
