"""Commands beside a server, and without one: whose services they use."""

import asyncio

import pytest

from freetheai.embedded import Addresses, EmbeddedError, EmbeddedServices, Wanted, find_running, open_services
from freetheai.embedded.lock import find_owner
from support.embedded_run import REDIS, child_pids, redis_says, running
from support.on_loop import eventually, on_loop


def ignore(line: str) -> None:
    """Progress is not what these tests are about."""


@on_loop
async def test_a_running_server_s_services_are_used_and_left_running(tmp_path):
    async with running(tmp_path, REDIS) as (_, addresses):
        pids = child_pids(tmp_path)
        async with open_services(tmp_path, REDIS, ignore) as found:
            assert found == addresses
            assert child_pids(tmp_path) == pids
        assert redis_says(addresses.redis_url, "PING") == "+PONG"


@on_loop
async def test_without_a_server_they_run_for_the_time_being(tmp_path):
    async with open_services(tmp_path, REDIS, ignore) as addresses:
        assert redis_says(addresses.redis_url, "SET", "greeting", "hello") == "+OK"
        assert find_running(tmp_path) is None  # they are about to go
    assert find_owner(tmp_path) is None
    assert child_pids(tmp_path) == {}
    async with open_services(tmp_path, REDIS, ignore) as addresses:
        assert redis_says(addresses.redis_url, "GET", "greeting") == "hello"


@on_loop
async def test_commands_at_the_same_time_take_turns(tmp_path):
    async def count() -> str:
        async with open_services(tmp_path, REDIS, ignore) as addresses:
            return redis_says(addresses.redis_url, "INCR", "commands")

    assert sorted(await asyncio.gather(count(), count(), count())) == [":1", ":2", ":3"]


@on_loop
async def test_a_server_waits_for_a_command_to_end(tmp_path):
    async with open_services(tmp_path, REDIS, ignore):
        server = EmbeddedServices(tmp_path, REDIS, ignore)
        start = asyncio.ensure_future(server.start())
        await asyncio.sleep(1.2)  # longer than it would wait for a lasting owner
        assert not start.done()
    addresses = await start
    assert redis_says(addresses.redis_url, "PING") == "+PONG"
    await server.stop()


@on_loop
async def test_a_command_waits_for_a_server_that_is_starting(tmp_path):
    server = EmbeddedServices(tmp_path, REDIS, ignore)
    start = asyncio.ensure_future(server.start())
    await eventually(lambda: find_owner(tmp_path))
    async with open_services(tmp_path, REDIS, ignore) as found:
        assert found == await start
    await server.stop()


@on_loop
async def test_what_the_server_runs_without_is_named(tmp_path):
    async with running(tmp_path, REDIS):
        with pytest.raises(EmbeddedError, match="runs without an embedded service"):
            async with open_services(tmp_path, Wanted(mongodb=True, redis=True), ignore):
                pass


@on_loop
async def test_nothing_wanted_is_nothing_opened(tmp_path):
    async with open_services(tmp_path / "data", Wanted(), ignore) as addresses:
        assert addresses == Addresses()
    assert not (tmp_path / "data").exists()


def test_no_folder_is_nothing_running(tmp_path):
    assert find_running(tmp_path / "data") is None
