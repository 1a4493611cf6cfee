"""Who invited whom: what counts, what does not, and the inviter's tier within a second."""

from collections.abc import Callable
from typing import Any

import pytest

from discord_server.control import DiscordServer, Person
from freetheai.invites import Counter, find_used
from support.discord_member import Secrets, sign_up
from support.members import Members
from support.program import Program
from support.standing import SERVED, SOON_S, ask, give_key, outcome, seconds_until

pytestmark = pytest.mark.usefixtures("nothing_wrong")

TIERS = [
    {"level": 1, "minimum_invites": 0, "rate_limit_per_minute": 100, "concurrency_limit": 1},
    {"level": 2, "minimum_invites": 1, "rate_limit_per_minute": 200, "concurrency_limit": 2},
    {"level": 3, "minimum_invites": 2, "rate_limit_per_minute": 300, "concurrency_limit": 3},
]


def counters(**uses: int) -> dict[str, Counter]:
    return {code: Counter(inviter_id=f"by-{code}", uses=count) for code, count in uses.items()}


@pytest.mark.parametrize(
    ("before", "after", "joined", "used"),
    [
        pytest.param(counters(a=1, b=2), counters(a=2, b=2), 1, "a", id="one rose"),
        pytest.param(counters(a=1, b=2), counters(a=3, b=2), 2, "a", id="two came by one invite"),
        pytest.param(counters(a=1), counters(a=1), 1, None, id="none rose: the server's own address, or another way"),
        pytest.param(counters(a=1, b=2), counters(a=2, b=3), 2, None, id="two rose: who came by which?"),
        pytest.param(counters(a=1), counters(a=2), 2, None, id="one of two came another way: which?"),
        pytest.param(counters(a=1), counters(a=1, new=1), 1, "new", id="an invite made since"),
        pytest.param(counters(a=1), {}, 1, None, id="taken back, without a bound"),
        pytest.param({"a": Counter(inviter_id="x", uses=4, max_uses=5)}, {}, 1, "a", id="used up"),
        pytest.param({"a": Counter(inviter_id="x", uses=3, max_uses=5)}, {}, 1, None, id="gone before it was used up"),
        pytest.param(
            {"a": Counter(inviter_id="x", uses=4, max_uses=5), **counters(b=0)}, counters(b=1), 1, "b",
            id="one was taken back while another rose",
        ),
    ],
)  # fmt: skip
def test_which_invite_was_used(
    before: dict[str, Counter], after: dict[str, Counter], joined: int, used: str | None
) -> None:
    assert find_used(before, after, joined) == used


@pytest.fixture(scope="module")
def program(make_program: Callable[..., Program], discord_server: DiscordServer) -> Program:
    program = make_program(discord_server, start=False, verified_days=2, verified_messages=4, verified_gap_seconds=30)
    program.sections["limits"] = {"tiers": TIERS}
    program.write_config(program.sections)
    program.start()
    discord_server.wait_for_ready()
    discord_server.wait_for_commands("signup")
    discord_server.wait_for_request("GET /guilds/*/invites")
    return program


@pytest.fixture(scope="module")
def second(make_program: Callable[..., Program], discord_server: DiscordServer, program: Program) -> Program:
    found = make_program(discord_server, like=program, start=False)
    found.sections["limits"] = program.sections["limits"]
    found.write_config(found.sections)
    found.start()
    return found


def per_minute(program: Program, key: str) -> int:
    """The tier, told by its limit of requests in a minute."""
    return int(ask(program, key).headers["x-ratelimit-limit"])


def reaches(program: Program, key: str, limit: int) -> float:
    return seconds_until(lambda: per_minute(program, key) == limit)


def settled(discord_server: DiscordServer, members: Members, *people: Person) -> None:
    """All of them have been noted, as counting or not."""
    seconds_until(lambda: all(noted(members, person) for person in people))


def noted(members: Members, person: Person) -> dict[str, Any] | None:
    return members.document("invites", person.id)


def test_invites_lift_the_tier_within_a_second_and_leavers_lower_it(
    discord_server: DiscordServer, program: Program, second: Program, members: Members
) -> None:
    ada = discord_server.add_member("ada")
    settled(discord_server, members, ada)
    key = give_key(members, ada, overrides={})
    assert per_minute(program, key) == per_minute(second, key) == 100
    invite = discord_server.invite(by=ada)
    bob = discord_server.add_member("bob", via=invite, joined_days_ago=0)
    assert reaches(program, key, 200) < SOON_S
    assert reaches(second, key, 200) < SOON_S
    once = discord_server.invite(by=ada, max_uses=1)
    discord_server.add_member("cleo", via=once, joined_days_ago=0)
    assert reaches(second, key, 300) < SOON_S, "an invite that is used up is gone from the list"
    bob.leave()
    assert reaches(second, key, 200) < SOON_S
    bob.rejoin(via=invite)
    seconds_until(lambda: len(discord_server.requests_to("GET /guilds/*/invites")) >= 4)
    dan = discord_server.add_member("dan")  # looked at after bob
    settled(discord_server, members, dan)
    assert per_minute(second, key) == 200, "who left counts no more, for nobody"
    assert noted(members, bob)["is_counted"] is False  # type: ignore[index]


def test_what_does_not_count(discord_server: DiscordServer, program: Program, members: Members) -> None:
    eve = discord_server.add_member("eve")
    settled(discord_server, members, eve)
    key = give_key(members, eve, overrides={})
    invite = discord_server.invite(by=eve)
    young = discord_server.add_member("young", via=invite, account_age_days=2, joined_days_ago=0)
    settled(discord_server, members, young)
    robot = discord_server.add_member("robot", via=invite, bot=True)
    settled(discord_server, members, robot)
    other_way = discord_server.add_member("other way")
    settled(discord_server, members, other_way)
    by_no_one = discord_server.add_member("by the owner's", via=discord_server.invite())
    settled(discord_server, members, by_no_one)
    back = discord_server.add_member("back")
    settled(discord_server, members, back)
    back.leave()
    back.rejoin(via=invite)
    eve.leave()
    eve.rejoin(via=invite)
    last = discord_server.add_member("last")
    settled(discord_server, members, last)
    seconds_until(lambda: outcome(program, key) == SERVED)
    assert per_minute(program, key) == 100
    assert [noted(members, each)["reason"] for each in (young, robot, other_way)] == [  # type: ignore[index]
        "the account is too young",
        "a bot",
        "it is not known who invited them",
    ]
    friend = discord_server.add_member("friend", via=invite)
    reaches(program, key, 200)
    assert noted(members, friend)["inviter_id"] == eve.id  # type: ignore[index]


def test_what_staff_set_stays_beside_what_is_counted(
    discord_server: DiscordServer, program: Program, members: Members
) -> None:
    gil = discord_server.add_member("gil")
    settled(discord_server, members, gil)
    key = give_key(members, gil, overrides={})
    program.cli("users", "set", gil.id, "--invites", "1")
    assert reaches(program, key, 200) < SOON_S
    came = discord_server.add_member("came", via=discord_server.invite(by=gil))
    reaches(program, key, 300)
    came.leave()
    reaches(program, key, 200)


def test_who_is_invited_before_the_inviter_signs_up_counts_when_they_do(
    discord_server: DiscordServer, program: Program, members: Members
) -> None:
    hal = discord_server.add_member("hal")
    settled(discord_server, members, hal)
    guest = discord_server.add_member("guest", via=discord_server.invite(by=hal))
    settled(discord_server, members, guest)
    secrets = Secrets(program, discord_server)
    sign_up(secrets, hal)
    secrets.close()
    seconds_until(lambda: members.document("users", hal.id)["invites"] == 1)  # type: ignore[index]


def test_a_member_is_verified_once_by_writing_on_distinct_days(
    discord_server: DiscordServer, program: Program, members: Members
) -> None:
    joe = discord_server.add_member("joe")
    for _ in range(30):
        joe.say("general", "spam")
    discord_server.clock.advance(120)
    for _ in range(3):  # one day is never enough
        joe.say("general", "hello")
        discord_server.clock.advance(97)
        joe.say("general", "again")
        discord_server.clock.advance(41)
    seconds_until(lambda: counted(members, joe) >= 6)
    assert joe.roles == []
    before = counted(members, joe)
    discord_server.clock.advance(86_400)
    joe.say("general", "a new day")
    discord_server.wait_for(lambda: joe.roles == ["seems_legit"])
    (granted,) = discord_server.requests_to(f"PUT /guilds/*/members/{joe.id}/roles/*")
    assert granted.reason == "active on 2 days"
    assert before < 10, "thirty messages in a second are a burst"
    discord_server.wait_for(lambda: joe.dms)
    assert "Verified" in joe.dms[0].content
    joe.say("general", "thanks")
    # Coming back: the role is given back, and nothing is said again.
    joe.leave()
    joe.rejoin()
    discord_server.wait_for(lambda: joe.roles == ["seems_legit"])
    assert len(joe.dms) == 1
    # Staff take it: it stays taken until staff give it.
    joe.remove_roles("seems_legit")
    seconds_until(lambda: members.document("activity", joe.id)["is_barred"])  # type: ignore[index]
    for _ in range(8):
        discord_server.clock.advance(50_000)
        joe.say("general", "please")
    joe.leave()
    joe.rejoin()
    discord_server.add_member("after joe")
    assert joe.roles == []
    joe.add_roles("seems_legit")
    seconds_until(lambda: members.document("activity", joe.id)["is_barred"] is False)  # type: ignore[index]
    joe.leave()
    joe.rejoin()
    discord_server.wait_for(lambda: joe.roles == ["seems_legit"])
    assert len(joe.dms) == 1


def counted(members: Members, person: Person) -> int:
    found = members.document("activity", person.id)
    return int(found["messages"]) if found else 0


def test_nothing_that_was_written_is_kept(discord_server: DiscordServer, program: Program, members: Members) -> None:
    kim = discord_server.add_member("kim")
    kim.say("general", "xylophone-secret")
    seconds_until(lambda: counted(members, kim) == 1)
    assert "xylophone" not in repr(members.everything()) + program.log_file.read_text()


def test_a_role_that_discord_refuses_to_give_is_given_later_and_a_refused_message_is_no_failure(
    discord_server: DiscordServer, program: Program, members: Members
) -> None:
    liv = discord_server.add_member("liv")
    liv.accepts_dms = False
    discord_server.rest.fail(f"PUT /guilds/*/members/{liv.id}/roles/*", 403, times=None)
    write_enough(discord_server, liv)
    seconds_until(lambda: any(line.get("event") == "members can't be verified" for line in program.log_lines()))
    seconds_until(lambda: members.document("activity", liv.id).get("pending") == "give")  # type: ignore[union-attr]
    assert liv.roles == []
    discord_server.rest.clear()
    liv.leave()  # what waits is looked at when they come back, and twice a minute
    liv.rejoin()
    members.tell("verification", liv.id)
    discord_server.wait_for(lambda: liv.roles == ["seems_legit"])
    assert liv.dms == []


def write_enough(discord_server: DiscordServer, person: Person) -> None:
    for gap_s in (40, 95, 50_000, 47_000, 61):
        person.say("general", "hello")
        discord_server.clock.advance(gap_s)
