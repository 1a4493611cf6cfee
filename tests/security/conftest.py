"""One program for all attacks: real MongoDB and Redis, a scripted provider, time-outs short enough to be waited for."""

from collections.abc import Iterator

import pytest

from fakes.upstream import ScriptedUpstream, run_in_thread
from support.house import WIDE
from support.mongo_server import new_database, shared_server
from support.program import Program
from support.redis_server import RedisServer

MODELS = [
    {"id": "fake/one", "upstream_model": "model-1"},
    {"id": "fake/image", "upstream_model": "image-1", "supports_chat": False, "supports_images": True},
    {"id": "fake/video", "upstream_model": "video-1", "supports_chat": False, "supports_video": True},
]
STALL_S = 1


@pytest.fixture(scope="session")
def upstream() -> Iterator[ScriptedUpstream]:
    with run_in_thread() as server:
        yield server


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory, upstream: ScriptedUpstream) -> Iterator[Program]:
    redis_server = RedisServer(tmp_path_factory.mktemp("redis"))
    redis_server.start()
    database = new_database()
    program = Program(
        tmp_path_factory.mktemp("program"),
        {
            "mongodb": {"url": shared_server().url, "database": database},
            "redis": {"url": redis_server.url, "prefix": database[-16:]},
            "limits": {**WIDE, "lease_seconds": 30},
            "timeouts": {"stall": STALL_S, "total": 20},
            "gates": {"failed_keys_per_minute": 100000},
            "providers.fake": {
                "base_url": f"{upstream.url}/v1",
                "api_keys": ["sk-upstream-secret-0123456789"],
                "formats": ["chat", "images", "videos"],
                "cooldown_seconds": 0,
                "error_threshold": 1000000,
                "timeouts": {"connect": 2, "first_byte": 3, "idle": 2, "total": 10},
            },
        },
        MODELS,
    )
    program.start()
    yield program
    program.stop()
    redis_server.stop()


@pytest.fixture(scope="session")
def key(program: Program) -> str:
    return program.issue_key("member-1")
