"""Fixtures: the whole program with providers of images and videos behind it; imported by name where they are used."""

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from fakes.upstream import ScriptedUpstream
from support.house_fixtures import redis_server, spare, upstream
from support.members import Members
from support.mongo_server import new_database, shared_server
from support.program import Program
from support.redis_server import RedisServer
from support.waiting import wait_until

__all__ = ["redis_server", "spare", "upstream"]

IMAGES = {"supports_images": True}
VIDEOS = {"supports_video": True, "roles": ["seems_legit"]}
MODELS = [
    {"id": "img/one", "upstream_model": "real-image", "fallbacks": ["imb/one"], **IMAGES},
    {"id": "imb/one", "upstream_model": "spare-image", **IMAGES},
    {"id": "xai/grok-imagine", "upstream_model": "grok-imagine-image", **IMAGES},
    {"id": "xai/video", "upstream_model": "grok-imagine-video", "fallbacks": ["vib/one"], **VIDEOS},
    {"id": "vib/one", "upstream_model": "spare-video", **VIDEOS},
    {"id": "slow/video", **VIDEOS},
    {"id": "slow/image", **IMAGES},
    {"id": "img/last", "upstream_model": "real-image", "fallbacks": ["xai/grok-imagine"], **IMAGES},
    {"id": "img/words", "upstream_model": "words"},
    {"id": "img/narrow", "context_window": 20, **IMAGES},
]
LIMITS = {
    "daily_success_limit": 1000,
    "max_addresses": 50,
    "tiers": [{"level": 1, "minimum_invites": 0, "rate_limit_per_minute": 1000, "concurrency_limit": 50}],
}
_users = itertools.count(1)
MakeProgram = Callable[..., tuple[Program, Members]]


@pytest.fixture(scope="module")
def make_program(
    tmp_path_factory: pytest.TempPathFactory,
    upstream: ScriptedUpstream,
    spare: ScriptedUpstream,
    redis_server: RedisServer,
) -> Iterator[MakeProgram]:
    """Make a program (not started) and its members; ``like=`` another: a second process of the same house."""
    made: list[tuple[Program, Members]] = []

    def make(like: Program | None = None, **sections: dict[str, Any]) -> tuple[Program, Members]:
        database = new_database()
        shared: dict[str, Any] = {
            "mongodb": {"url": shared_server().url, "database": database},
            "redis": {"url": redis_server.url, "prefix": database[-16:]},
        }
        if like is not None:
            shared = {name: dict(like.sections[name]) for name in shared}
        program = Program(
            tmp_path_factory.mktemp("program"),
            {
                **shared,
                "limits": LIMITS,
                "server": {"max_body_bytes": 1_000_000},
                "providers.img": provider("openai", upstream, "sk-image"),
                "providers.imb": provider("openai", spare, "sk-spare"),
                "providers.xai": provider("xai", upstream, "sk-first", "sk-second"),
                "providers.vib": provider("openai", spare, "sk-spare"),
                # Patient: what ends is the client's patience.
                "providers.slow": {**provider("openai", upstream, "sk-slow"), "timeouts": {"first_byte": 60}},
                **sections,
            },
            MODELS,
        )
        made.append((program, Members(program)))
        return made[-1]

    yield make
    for program, members in made:
        members.close()
        program.ask_to_stop()
    for program, _ in made:
        program.stop()


@pytest.fixture(scope="module")
def house(make_program: MakeProgram) -> tuple[Program, Members]:
    """A running program and its members."""
    program, members = make_program()
    program.start()
    return program, members


@pytest.fixture(autouse=True)
def fresh_scripts(upstream: ScriptedUpstream, spare: ScriptedUpstream) -> None:
    for server in (upstream, spare):
        server.script, server.routes = [], {}
        server._played.clear()


def new_member(members: Members, **fields: Any) -> tuple[str, str]:
    """A verified member of this test alone: name and key."""
    name = f"member-{next(_users)}"
    (key,) = members.add(name, **{"roles": ["seems_legit"], **fields})
    return name, key


def provider(adapter: str, server: ScriptedUpstream, *keys: str) -> dict[str, Any]:
    # No rest after a failure: one test's broken provider is the next one's good one.
    return {
        "adapter": adapter,
        "base_url": f"{server.url}/v1",
        "api_keys": list(keys),
        "cooldown_seconds": 0,
        "error_threshold": 1000000,
        "timeouts": {"connect": 2, "first_byte": 1, "idle": 1, "total": 30},
    }


def last_line(program: Program, user_id: str) -> dict[str, Any]:
    """The log line of the member's last request, once it is there."""

    def lines() -> list[dict[str, Any]]:
        return [line for line in program.request_lines() if line.get("user_id") == user_id]

    wait_until(lambda: bool(lines()), 15.0)
    return lines()[-1]
