"""The three services as a server has them: up together, watched, stopped, and the same data the next time."""

import os
import re
import signal
import stat

import psutil
import pymongo
import pytest

from freetheai.embedded import Addresses, EmbeddedError, EmbeddedServices, Wanted, find_running
from support.embedded_run import ALL, REDIS, chat, child_pids, port_of, redis_says, running
from support.on_loop import eventually, on_loop


def mongo(url: str) -> "pymongo.MongoClient":
    return pymongo.MongoClient(url, serverSelectionTimeoutMS=10_000)


@on_loop
async def test_all_three_serve_and_the_next_start_has_their_data(tmp_path):
    lines: list[str] = []
    async with running(tmp_path, ALL, lines) as (services, addresses):
        assert services.status() == {"mongodb": "up", "redis": "up", "model": "up"}
        with mongo(addresses.mongodb_url) as client:
            client.house.members.insert_one({"_id": "ada"})
        assert redis_says(addresses.redis_url, "SET", "greeting", "hello") == "+OK"
        answer = await chat(addresses.model_url)
        assert answer["choices"][0]["message"]["content"]
        assert answer["model"] == "smollm2-135m"
        pids = child_pids(tmp_path)
        assert set(pids) == {"mongodb", "redis", "model"}
    assert not any(psutil.pid_exists(pid) for pid in pids.values())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["log", "mongodb", "redis"]
    assert [line for line in lines if re.search(r"MongoDB is ready on 127\.0\.0\.1:\d+ after", line)]

    async with running(tmp_path, Wanted(mongodb=True, redis=True)) as (_, addresses):
        with mongo(addresses.mongodb_url) as client:
            assert client.house.members.count_documents({"_id": "ada"}) == 1
        assert redis_says(addresses.redis_url, "GET", "greeting") == "hello"
        assert addresses.model_url == ""


@on_loop
async def test_a_killed_service_comes_back_on_its_port_with_its_data(tmp_path):
    async with running(tmp_path, ALL) as (services, addresses):
        redis_says(addresses.redis_url, "SET", "greeting", "hello")
        with mongo(addresses.mongodb_url) as client:
            client.house.members.insert_one({"_id": "ada"})
        before = child_pids(tmp_path)
        for pid in before.values():
            os.kill(pid, signal.SIGKILL)
        await eventually(lambda: set(services.status().values()) != {"up"})
        await eventually(lambda: set(services.status().values()) == {"up"}, within_s=60)

        after = child_pids(tmp_path)
        assert set(after) == set(before)
        assert not set(after.values()) & set(before.values())
        assert find_running(tmp_path) == addresses
        assert redis_says(addresses.redis_url, "GET", "greeting") == "hello"
        with mongo(addresses.mongodb_url) as client:
            assert client.house.members.count_documents({"_id": "ada"}) == 1
        assert (await chat(addresses.model_url))["choices"]
    assert child_pids(tmp_path) == {}
    assert not any(psutil.pid_exists(pid) for pid in after.values())


@on_loop
async def test_a_service_that_hangs_is_started_again(tmp_path):
    async with running(tmp_path, REDIS) as (services, addresses):
        pid = child_pids(tmp_path)["redis"]
        os.kill(pid, signal.SIGSTOP)
        await eventually(lambda: services.status()["redis"] == "restarting")
        await eventually(lambda: services.status()["redis"] == "up")
        assert child_pids(tmp_path)["redis"] != pid
        assert redis_says(addresses.redis_url, "PING") == "+PONG"


@on_loop
async def test_stopping_while_a_service_is_away_leaves_nothing(tmp_path):
    async with running(tmp_path, REDIS) as (services, _):
        os.kill(child_pids(tmp_path)["redis"], signal.SIGKILL)
        await eventually(lambda: services.status()["redis"] == "restarting")
    assert child_pids(tmp_path) == {}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["log", "redis"]


@on_loop
async def test_the_terminal_s_interrupt_does_not_reach_the_services(tmp_path):
    async with running(tmp_path, REDIS):
        pid = child_pids(tmp_path)["redis"]
        assert os.getsid(pid) == pid != os.getsid(0)


@on_loop
async def test_only_this_user_and_this_machine_can_reach_them(tmp_path):
    data_dir = tmp_path / "data"
    async with running(data_dir, ALL) as (_, addresses):
        for path in (data_dir, data_dir / "mongodb", data_dir / "redis", data_dir / "log"):
            assert stat.S_IMODE(path.stat().st_mode) == 0o700
        for path in (data_dir / "services.json", data_dir / "lock", data_dir / "log" / "redis.log"):
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
        for pid in child_pids(data_dir).values():
            listening = [c.laddr.ip for c in psutil.Process(pid).net_connections() if c.status == psutil.CONN_LISTEN]
            assert listening == ["127.0.0.1"]
        assert port_of(addresses.redis_url) < 32_768  # below the ports of outgoing connections


@on_loop
async def test_a_second_owner_is_refused_in_one_line(tmp_path):
    async with running(tmp_path, REDIS) as (_, addresses):
        second = EmbeddedServices(tmp_path, REDIS, lambda line: None)
        with pytest.raises(EmbeddedError, match=rf"in use by process {os.getpid()}\b") as refusal:
            await second.start()
        assert "\n" not in str(refusal.value)
        assert find_running(tmp_path) == addresses
        assert redis_says(addresses.redis_url, "PING") == "+PONG"


@on_loop
async def test_nothing_wanted_touches_nothing(tmp_path):
    async with running(tmp_path / "data", Wanted()) as (_, addresses):
        assert addresses == Addresses()
    assert list(tmp_path.iterdir()) == []


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


@on_loop
async def test_one_that_cannot_start_stops_the_others(tmp_path):
    (tmp_path / "redis").mkdir()
    (tmp_path / "redis" / "appendonly.aof").write_bytes(b"this is no append-only file\r\n" * 9)
    services = EmbeddedServices(tmp_path, Wanted(mongodb=True, redis=True), lambda line: None)
    with pytest.raises(EmbeddedError, match=r"Redis does not start \(.*Bad file format.*set redis\.url") as failure:
        await services.start()
    assert "\n" not in str(failure.value)
    assert services.status() == {}
    assert not [p for p in psutil.Process().children(recursive=True) if str(tmp_path) in " ".join(_command(p))]
    assert not (tmp_path / "lock").exists()
    assert not (tmp_path / "services.json").exists()


@on_loop
async def test_a_data_folder_that_cannot_be_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    services = EmbeddedServices(tmp_path / "file" / "data", REDIS, lambda line: None)
    with pytest.raises(EmbeddedError, match="cannot use the data folder") as failure:
        await services.start()
    assert "\n" not in str(failure.value)
