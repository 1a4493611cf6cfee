"""The whole program against a real mongod and redis-server, with scripted providers behind it.

One program serves a module's tests; each test has its own member, so that limits don't meet.
"""

import itertools
from collections.abc import Iterator

import pytest

from fakes.upstream import ScriptedUpstream
from support.house_fixtures import redis_server, spare, upstream
from support.mongo_server import new_database, shared_server
from support.program import Program
from support.redis_server import RedisServer

__all__ = ["redis_server", "spare", "upstream"]

MODELS = [
    {"id": "fake/one", "upstream_model": "model-1", "context_window": 100000, "max_output_tokens": 4096},
    {"id": "fake/deep/er:free", "upstream_model": "model-1"},
    {"id": "fake/gated", "roles": ["seems_legit"]},
    {"id": "fake/hidden", "visibility": "hidden"},
    {"id": "fake/off", "enabled": False},
    {"id": "fake/fallback", "upstream_model": "model-1", "fallbacks": ["spare/one"]},
    {"id": "spare/one", "upstream_model": "model-2"},
    {"id": "poor/one"},
    {"id": "limited/one"},
    {"id": "gone/one"},
    {"id": "nobody/one"},
]
WIDE_LIMITS = {
    "daily_success_limit": 100000,
    "max_addresses": 50,
    "tiers": [{"level": 1, "minimum_invites": 0, "rate_limit_per_minute": 10000, "concurrency_limit": 500}],
}
_users = itertools.count(1)


@pytest.fixture(scope="module")
def program(
    tmp_path_factory: pytest.TempPathFactory,
    upstream: ScriptedUpstream,
    spare: ScriptedUpstream,
    redis_server: RedisServer,
) -> Iterator[Program]:
    database = new_database()
    sections = {
        "mongodb": {"url": shared_server().url, "database": database},
        "redis": {"url": redis_server.url, "prefix": database[-16:]},
        "limits": WIDE_LIMITS,
        "providers.fake": _provider(upstream.url),
        "providers.spare": _provider(spare.url),
        # Their credentials may be refused or limited: they rest then, whatever is configured.
        "providers.poor": _provider(upstream.url),
        "providers.limited": _provider(upstream.url),
        "providers.gone": _provider("http://127.0.0.1:9"),
    }
    program = Program(tmp_path_factory.mktemp("program"), sections, MODELS)
    program.start()
    yield program
    program.stop()


def _provider(url: str) -> dict[str, object]:
    # No rest after a failure: one test's broken provider is the next one's good one.
    return {
        "base_url": f"{url}/v1",
        "api_keys": ["sk-upstream-secret"],
        "cooldown_seconds": 0,
        "error_threshold": 1000000,
        "timeouts": {"connect": 2, "first_byte": 3, "idle": 2, "total": 30},
    }


@pytest.fixture(scope="module")
def key(program: Program) -> str:
    """A member of this module's tests."""
    return program.issue_key(f"member-{next(_users)}")
