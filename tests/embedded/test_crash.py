"""What a run that was killed leaves behind, and that it does not stand in the way of the next one."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import psutil
import pytest

from freetheai.embedded import Addresses, EmbeddedServices
from freetheai.embedded.binaries import redis_programs
from freetheai.embedded.lock import find_owner
from freetheai.embedded.processes import end_process, is_running, mark_process
from freetheai.embedded.state import RunState, write_state
from support.embedded_run import ALL, REDIS, child_pids, redis_says, running
from support.on_loop import eventually, on_loop

OWNER = """
import asyncio, signal, sys
from pathlib import Path
from freetheai.embedded import EmbeddedServices, Wanted

# Whoever runs the tests in the background has it ignored, and that is inherited.
signal.signal(signal.SIGINT, signal.default_int_handler)

async def main():
    services = EmbeddedServices(Path(sys.argv[1]), Wanted(True, True, True), lambda line: None)
    try:
        addresses = await services.start()
        print(addresses.redis_url, flush=True)
        await asyncio.sleep(600)
    finally:
        await services.stop()

asyncio.run(main())
"""


@pytest.fixture
def owner(tmp_path):
    """Another process that runs all three services in ``tmp_path``."""
    process = subprocess.Popen([sys.executable, "-c", OWNER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    with process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("redis://")
        yield process
        process.kill()


@on_loop
async def test_a_killed_owner_leaves_no_orphan_and_the_next_start_works(tmp_path, owner):
    pids = child_pids(tmp_path)
    assert set(pids) == {"mongodb", "redis", "model"}
    owner.kill()
    owner.wait()
    await eventually(lambda: child_pids(tmp_path) == {})
    assert find_owner(tmp_path) is None
    async with running(tmp_path, ALL) as (services, _):
        assert set(services.status().values()) == {"up"}


@on_loop
async def test_the_next_start_need_not_wait_for_the_killed_owner_s_children(tmp_path, owner):
    owner.kill()
    owner.wait()
    async with running(tmp_path, ALL) as (services, _):
        assert set(services.status().values()) == {"up"}


@on_loop
async def test_an_interrupted_owner_leaves_no_process_and_no_lock(tmp_path, owner):
    pids = child_pids(tmp_path)
    owner.send_signal(signal.SIGINT)
    await asyncio.to_thread(owner.wait, 60)
    assert not any(psutil.pid_exists(pid) for pid in pids.values())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["log", "mongodb", "redis"]


@pytest.fixture
def stray(tmp_path):
    """A redis-server that nobody owns, as left where the system cannot end children with their parent."""
    folder = tmp_path / "redis"
    folder.mkdir()
    program = redis_programs(tmp_path)[0]
    process = subprocess.Popen(
        [program, "--port", "0", "--unixsocket", str(folder / "s"), "--dir", str(folder), "--appendonly", "yes"],
        stdout=subprocess.DEVNULL,
    )
    # Until it listens it may be writing its title, which is its command line.
    deadline_s = time.monotonic() + 20
    while not (folder / "s").exists() and time.monotonic() < deadline_s:
        time.sleep(0.02)
    yield process
    process.kill()
    process.wait()


@on_loop
async def test_an_orphan_is_ended_by_the_next_start(tmp_path, stray):
    mark = mark_process(stray.pid, "redis-server")
    assert mark is not None
    write_state(tmp_path, RunState(1, Addresses(), {"redis": mark}))
    async with running(tmp_path, REDIS) as (_, addresses):
        assert not is_running(mark)
        assert redis_says(addresses.redis_url, "PING") == "+PONG"


@pytest.mark.parametrize(
    "difference",
    [
        pytest.param({"start_ticks": 1}, id="the process id was given to another process"),
        pytest.param({"boot_id": "another"}, id="the machine was started again"),
        pytest.param({"word": "mongod"}, id="it is another program"),
    ],
)
@on_loop
async def test_a_process_that_is_not_ours_is_left_alone(tmp_path, stray, difference):
    mark = mark_process(stray.pid, "redis-server")
    assert mark is not None
    assert await end_process(replace(mark, **difference))
    assert is_running(mark)


@on_loop
async def test_an_orphan_that_does_not_listen_is_killed(tmp_path, stray):
    mark = mark_process(stray.pid, "redis-server")
    assert mark is not None
    os.kill(stray.pid, signal.SIGSTOP)
    assert await end_process(mark, grace_s=0.3)
    assert not is_running(mark)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"children":{"redis":{"pid":1}}}', b'{"children":[]}'])
@on_loop
async def test_a_broken_state_file_does_not_stop_the_start(tmp_path, content):
    (tmp_path / "services.json").write_bytes(content)
    (tmp_path / "lock").write_bytes(b"999999 lasting\n")
    async with running(tmp_path, REDIS) as (_, addresses):
        assert redis_says(addresses.redis_url, "PING") == "+PONG"


@on_loop
async def test_cancelling_the_start_leaves_nothing(tmp_path):
    services = EmbeddedServices(tmp_path, ALL, lambda line: None)
    start = asyncio.ensure_future(services.start())
    await eventually(lambda: len(child_pids(tmp_path)) == 3)
    pids = child_pids(tmp_path).values()
    start.cancel()
    with pytest.raises(asyncio.CancelledError):
        await start
    assert not any(psutil.pid_exists(pid) for pid in pids)
    assert find_owner(tmp_path) is None
