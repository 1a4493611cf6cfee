"""Keys that were posted while no bot was connected: found afterwards, within bounds."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import redis

from discord_server.answers import SentMessage
from discord_server.control import DiscordServer, Request
from freetheai import ids
from freetheai.bot.missed import MOST_MESSAGES
from support.discord_program import events, is_refused
from support.discord_staff import wait_until
from support.members import Members
from support.program import Program

pytestmark = pytest.mark.usefixtures("nothing_wrong")

CHANNELS = ("general", "help", "closed", "busy", "silent")
DONE = "looked at missed messages"


@pytest.fixture(scope="module")
def discord_server() -> Iterator[DiscordServer]:
    with DiscordServer.start() as server:
        server.privileged_intents.add("message_content")
        for name in CHANNELS[1:]:
            server.add_channel(name)
        server.rest.limit_like_discord()
        yield server


@pytest.fixture(scope="module")
def old(discord_server: DiscordServer) -> SentMessage:
    """What was written before there ever was a bot."""
    written = discord_server.owner.say("silent", ids.new_key())
    discord_server.clock.advance(60)
    return written


@pytest.fixture(scope="module")
def program(make_program: Callable[..., Program], discord_server: DiscordServer, old: SentMessage) -> Program:
    del old
    last = discord_server.owner.say("general", "hello")
    program = make_program(discord_server, message_content_intent=True)
    section = program.sections["redis"]
    with redis.Redis.from_url(str(section["url"])) as client:
        kept = f"{section['prefix']}:note:discord_heard:{discord_server.guild_id}"
        wait_until(lambda: client.get(kept) == last.id.encode())
    return program


@contextmanager
def nobody_listening(program: Program) -> Iterator[None]:
    """No bot is connected; after it one is, and has looked at what was missed."""
    done = len(events(program, DONE))
    program.stop()
    yield
    program.start()
    wait_until(lambda: len(events(program, DONE)) > done, 30)


def stands(server: DiscordServer, channel: str, message: SentMessage) -> bool:
    return message.id in [each.id for each in server.messages(channel)]


def readings(server: DiscordServer, channel: str) -> list[Request]:
    return server.requests_to(f"GET /channels/{server.channel(channel).id}/messages")


def test_keys_that_nobody_heard_of_are_found_when_the_bot_is_back(
    discord_server: DiscordServer, program: Program, members: Members, old: SentMessage
) -> None:
    assert not discord_server.requests_to("GET /channels/*/messages"), "the first start looks at nothing"
    people = discord_server.add_members(4, prefix="careless")
    *keys, buried, latest = members.add(*(each.id for each in people))
    with nobody_listening(program):
        harmless = people[0].say("general", "is anybody here?")
        posted = [each.say(where, key) for each, where, key in zip(people, CHANNELS, keys, strict=False)]
        people[2].say("busy", buried)
        for number in range(MOST_MESSAGES - 1):
            people[3].say("busy", f"message {number}")
        closed = people[0].say("closed", "where the bot may not look")
        people[3].say("busy", latest)
        discord_server.rest.fail(f"GET /channels/{discord_server.channel('help').id}/messages", 503)
        discord_server.rest.fail(f"GET /channels/{discord_server.channel('closed').id}/messages", 403)
    wait_until(lambda: all(is_refused(program, key) for key in (*keys, latest)))
    wait_until(lambda: all(each.dms for each in (people[0], people[1], people[3])))
    assert not is_refused(program, buried), "only the newest messages of a channel are looked at"
    assert [stands(discord_server, *each) for each in zip(CHANNELS, posted, strict=False)] == [False, False]
    assert stands(discord_server, "general", harmless) and stands(discord_server, "closed", closed)
    assert stands(discord_server, "silent", old)
    asked = [len(readings(discord_server, channel)) for channel in CHANNELS]
    assert asked == [1, 2, 1, MOST_MESSAGES // 100, 0], "again where Discord failed; nothing where nothing was written"
    (line,) = events(program, DONE)
    assert (line["channels"], line["messages"]) == (4, MOST_MESSAGES + 4)
    assert (line["channels_not_whole"], line["channels_not_read"]) == (1, 0)


def test_what_was_heard_is_not_looked_at_again(
    discord_server: DiscordServer, program: Program, members: Members
) -> None:
    person = discord_server.add_member("heard")
    (key,) = members.add(person.id)
    before = len(discord_server.requests_to("GET /channels/*/messages"))
    person.say("general", "hello")
    discord_server.clock.advance(60)
    person.say("help", key)
    wait_until(lambda: is_refused(program, key))
    discord_server.gateway.drop(4000)
    wait_until(lambda: events(program, "discord is connected again"))
    assert len(discord_server.requests_to("GET /channels/*/messages")) == before, "a resumed session misses nothing"
