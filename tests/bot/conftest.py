"""Real Redis and MongoDB for the tests of this folder, and whole programs whose bot is in a Discord of the tests."""

from collections.abc import Iterator

import pytest

from discord_server.control import DiscordServer, Person
from fakes.upstream import ScriptedUpstream, chat_body, chat_stream, run_in_thread
from support.discord_house import House, MakeProgram, making_programs
from support.discord_member import Secrets
from support.discord_staff import add_staff
from support.members import Members
from support.mongo_fixtures import database, mongo
from support.program import Program
from support.redis_server import RedisServer

__all__ = ["database", "mongo"]


@pytest.fixture(scope="session")
def shared_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """One server for programs; each has a prefix of its own."""
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def _small_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def redis_server(_small_redis: RedisServer) -> RedisServer:
    """A running, empty Redis; a test may restart it."""
    _small_redis.command("FLUSHALL")
    return _small_redis


@pytest.fixture(scope="session")
def upstream() -> Iterator[ScriptedUpstream]:
    """The provider of all programs; whoever changes its script puts it back."""
    with run_in_thread() as server:
        server.script = lambda request: chat_stream(["Hel", "lo"]) if request.json().get("stream") else chat_body("a")
        yield server


@pytest.fixture(scope="module")
def make_program(
    tmp_path_factory: pytest.TempPathFactory, upstream: ScriptedUpstream, shared_redis: RedisServer
) -> Iterator[MakeProgram]:
    with making_programs(tmp_path_factory, upstream.url, shared_redis.url) as make:
        yield make


# Modules that need nothing particular share one house: they say ``IN_THE_SHARED_HOUSE = True``. The others have a
# fixture ``program`` of their own; what follows works with either.


@pytest.fixture(scope="session")
def house(
    tmp_path_factory: pytest.TempPathFactory, upstream: ScriptedUpstream, shared_redis: RedisServer
) -> Iterator[House]:
    making = making_programs(tmp_path_factory, upstream.url, shared_redis.url)
    with DiscordServer.start() as server, making as make:
        program = make(server)
        server.wait_for_ready()
        server.wait_for_commands("signup", "checkin", "resetkey", "me", "why", "staff")
        yield House(server, program, make(server, like=program))


@pytest.fixture(scope="module")
def discord_server(request: pytest.FixtureRequest) -> Iterator[DiscordServer]:
    if getattr(request.module, "IN_THE_SHARED_HOUSE", False):
        yield request.getfixturevalue("house").discord_server
        return
    with DiscordServer.start() as server:
        yield server


@pytest.fixture(scope="module")
def program(house: House) -> Program:
    return house.program


@pytest.fixture(scope="module")
def second(request: pytest.FixtureRequest, discord_server: DiscordServer, program: Program) -> Program:
    """Another process of the same house, without the bot."""
    if getattr(request.module, "IN_THE_SHARED_HOUSE", False):
        shared: House = request.getfixturevalue("house")
        return shared.second
    make: MakeProgram = request.getfixturevalue("make_program")
    return make(discord_server, like=program)


@pytest.fixture(scope="module")
def members(program: Program) -> Iterator[Members]:
    found = Members(program)
    yield found
    found.close()


@pytest.fixture(scope="module")
def secrets(program: Program, discord_server: DiscordServer) -> Iterator[Secrets]:
    found = Secrets(program, discord_server)
    yield found
    found.close()


@pytest.fixture(scope="module")
def mod(discord_server: DiscordServer) -> Person:
    """Somebody of the staff."""
    return add_staff(discord_server)


@pytest.fixture
def nothing_wrong(discord_server: DiscordServer) -> Iterator[None]:
    """The bot does nothing that a correct bot never does."""
    seen = len(discord_server.violations)
    yield
    assert not discord_server.violations[seen:]


@pytest.fixture
def person(
    discord_server: DiscordServer, program: Program, nothing_wrong: None, request: pytest.FixtureRequest
) -> Person:
    """An ordinary member, who has been here for long."""
    del program, nothing_wrong
    return discord_server.add_member(request.node.name[5:35])


@pytest.fixture
def key(members: Members, person: Person) -> str:
    """The person's key; they have checked in."""
    return members.add(person.id)[0]
