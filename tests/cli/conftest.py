"""Commands run in this process against a real mongod and redis-server; what they publish is heard."""

import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import orjson
import pytest
import redis as redis_client

from freetheai.__main__ import main
from freetheai.embedded.binaries import redis_programs
from support.mongo_fixtures import database, mongo, own_mongo

__all__ = ["database", "mongo", "own_mongo"]

_READY_S = 20.0


@dataclass(frozen=True)
class Outcome:
    """What a command ended with."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        assert self.status == 0, self.err
        return orjson.loads(self.out)


Command = Callable[..., Outcome]


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("redis")
    url = f"unix://{folder}/redis.sock"
    program = redis_programs(folder)[0]
    arguments = ["--port", "0", "--unixsocket", f"{folder}/redis.sock", "--dir", str(folder), "--save", ""]
    with (folder / "log").open("wb") as log, subprocess.Popen([str(program), *arguments], stdout=log) as process:
        try:
            _wait_until_ready(url)
            yield url
        finally:
            process.kill()


@pytest.fixture
def run(monkeypatch, tmp_path, capsys, mongo, database, redis_url) -> Command:
    """``run("keys", "issue", …)``: one command line, with a configuration of the test's own database."""
    monkeypatch.setenv("FREETHEAI_MONGODB_URL", mongo.url)
    monkeypatch.setenv("FREETHEAI_MONGODB_DATABASE", database.name)
    monkeypatch.setenv("FREETHEAI_REDIS_URL", redis_url)
    monkeypatch.setenv("FREETHEAI_REDIS_PREFIX", database.name[-32:])
    monkeypatch.chdir(tmp_path)

    def run_command(*words: str) -> Outcome:
        capsys.readouterr()
        try:
            status = main(words)
        except SystemExit as ended:
            status = int(ended.code or 0)
        printed = capsys.readouterr()
        return Outcome(status, printed.out, printed.err)

    return run_command


class Notices:
    """What a running server would hear."""

    def __init__(self, url: str, prefix: str) -> None:
        self._client = redis_client.Redis.from_url(url)
        self._channel = self._client.pubsub(ignore_subscribe_messages=False)
        self._channel.subscribe(f"{prefix}:changes")
        self._channel.get_message(timeout=_READY_S)

    def take(self) -> list[tuple[str, str]]:
        """Those published since the last time; publishing is done when a command has ended."""
        heard = []
        while (message := self._channel.get_message(timeout=0.1)) is not None:
            notice = orjson.loads(message["data"])
            heard.append((notice["kind"], notice["key"]))
        return heard

    def close(self) -> None:
        self._channel.close()
        self._client.close()


@pytest.fixture
def notices(redis_url, database) -> Iterator[Notices]:
    heard = Notices(redis_url, database.name[-32:])
    yield heard
    heard.close()


def _wait_until_ready(url: str) -> None:
    deadline_s = time.monotonic() + _READY_S
    with redis_client.Redis.from_url(url) as client:
        while True:
            try:
                client.ping()
                return
            except redis_client.RedisError:
                assert time.monotonic() < deadline_s, "redis-server did not start"
                time.sleep(0.02)
