"""One supervised child: waiting longer each time, coming back when it can, its log."""

import asyncio
import dataclasses
import logging
import os
import shutil
import signal
import socket
import sys
from pathlib import Path

import orjson
import pytest

from freetheai.embedded import probes
from freetheai.embedded.binaries import redis_programs
from freetheai.embedded.child import Child, ChildError, ChildSpec
from freetheai.embedded.logs import LOG_BYTES, find_complaint, open_log, trim_log
from support.embedded_run import QUICK
from support.on_loop import eventually, on_loop


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def make_spec(folder: Path, argv: list[str], port: int, ready_s: float = 20.0) -> ChildSpec:
    return ChildSpec(
        name="redis",
        argv=tuple(argv),
        port=port,
        is_ready=probes.redis_is_ready,
        log_file=folder / "redis.log",
        ready_s=ready_s,
        stop_s=5,
    )


@on_loop
async def test_restarts_wait_longer_each_time_and_never_give_up(tmp_path, caplog):
    caplog.set_level(logging.INFO, "freetheai.embedded")
    program = tmp_path / "redis-server"
    shutil.copy(redis_programs(tmp_path)[0], program)
    port = free_port()
    pids: list[int] = []
    child = Child(make_spec(tmp_path, [str(program), "--port", str(port)], port), pids.append, QUICK)
    await child.start()
    try:
        program.rename(tmp_path / "away")
        os.kill(pids[-1], signal.SIGKILL)
        await eventually(lambda: len(pids) >= 6)
        assert child.state == "restarting"
        (tmp_path / "away").rename(program)
        await eventually(lambda: child.state == "up")
        assert await probes.redis_is_ready(port)
    finally:
        await child.stop()
    records = [vars(record) for record in caplog.records if "wait_s" in vars(record)]
    waits = [record["wait_s"] for record in records]
    assert waits[:5] == [0.05, 0.1, 0.2, 0.4, 0.4]
    assert "SIGKILL" in records[0]["reason"]
    assert "No such file" in records[1]["reason"]


@on_loop
async def test_one_that_never_gets_ready_is_ended_and_named(tmp_path):
    pids: list[int] = []
    child = Child(make_spec(tmp_path, [shutil.which("sleep") or "", "60"], free_port(), 0.2), pids.append, QUICK)
    with pytest.raises(ChildError, match="not ready after 0 s"):
        await child.start()
    assert child.state == "down"
    with pytest.raises(ProcessLookupError):
        os.kill(pids[0], 0)


@on_loop
async def test_one_that_ignores_the_request_to_end_is_killed(tmp_path):
    script = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
    )
    spec = make_spec(tmp_path, [sys.executable, "-c", script], free_port())

    async def is_deaf(port: int) -> bool:
        return spec.log_file.exists() and "deaf" in spec.log_file.read_text()

    pids: list[int] = []
    child = Child(dataclasses.replace(spec, is_ready=is_deaf, stop_s=0.3), pids.append, QUICK)
    await child.start()
    await child.stop()
    assert child.state == "down"
    with pytest.raises(ProcessLookupError):
        os.kill(pids[0], 0)


@on_loop
async def test_probes_say_no_where_nothing_or_nonsense_answers():
    async def nonsense(reader, writer):
        await reader.read(1)
        writer.write(b"nonsense\r\n")
        writer.close()

    server = await asyncio.start_server(nonsense, "127.0.0.1", 0)
    async with server:
        for port in (free_port(), server.sockets[0].getsockname()[1]):
            for probe in (probes.redis_is_ready, probes.mongod_is_ready, probes.llama_is_ready):
                assert not await probe(port)


def line(severity: str, message: str, **attributes: object) -> str:
    return orjson.dumps({"s": severity, "msg": message, "attr": attributes}).decode()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        pytest.param("", "", id="nothing written"),
        pytest.param("one\n\ntwo\n\n", "two", id="text: the last line"),
        pytest.param(
            "\n".join(
                [
                    line("I", "starting"),
                    line("E", "Error setting up listener", error={"code": 9001, "errmsg": "Address already in use"}),
                    line("F", "aborting"),
                    line("I", "Shutting down", exitCode=48),
                ]
            ),
            "Error setting up listener: Address already in use",
            id="JSON: the first severe entry and its reason",
        ),
        pytest.param(line("F", "\n\n***aborting\n"), "***aborting", id="JSON: no reason, line ends"),
        pytest.param("7\n[]\n{", "{", id="not log entries"),
        pytest.param("x" * 900, "x" * 300, id="a long line is cut"),
    ],
)
def test_the_log_s_complaint(tmp_path, text, complaint):
    (tmp_path / "log").write_text(text)
    assert find_complaint(tmp_path / "log") == complaint


def test_no_log_no_complaint(tmp_path):
    assert find_complaint(tmp_path / "log") == ""


def test_a_log_that_outgrows_its_bound_is_emptied_under_its_writer(tmp_path):
    fd = open_log(tmp_path / "log")
    try:
        os.write(fd, b"x" * LOG_BYTES)
        trim_log(tmp_path / "log")
        assert (tmp_path / "log").stat().st_size == LOG_BYTES
        os.write(fd, b"x")
        trim_log(tmp_path / "log")
        os.write(fd, b"new\n")
    finally:
        os.close(fd)
    assert (tmp_path / "log").read_bytes() == b"new\n"
