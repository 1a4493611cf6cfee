"""The whole program with providers of media: an OpenAI-compatible one, a spare one, xAI and MiMo, all scripted."""

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from openai import OpenAI

from fakes.upstream import ScriptedUpstream
from support.house_fixtures import redis_server, spare, upstream
from support.media_member import Member
from support.members import Members
from support.mongo_server import new_database, shared_server
from support.program import Program
from support.redis_server import RedisServer

__all__ = ["redis_server", "spare", "upstream"]

MAX_BODY_BYTES = 8 * 1024 * 1024
_AUDIO = {"supports_audio": True}
MODELS: list[dict[str, Any]] = [
    {"id": "oai/chat"},
    {"id": "oai/tts", "upstream_model": "tts-1", **_AUDIO},
    {"id": "oai/small", "upstream_model": "tts-1", "max_input_tokens": 20, **_AUDIO},
    {"id": "oai/asr", "upstream_model": "whisper-1", **_AUDIO},
    {"id": "oai/open-asr", "upstream_model": "whisper-large-v3-turbo", **_AUDIO},
    {"id": "oai/new-asr", "upstream_model": "gpt-4o-mini-transcribe", **_AUDIO},
    {"id": "oai/speech-only", "upstream_model": "tts-1", "routes": ["/v1/audio/speech"], **_AUDIO},
    {"id": "oai/gated", "upstream_model": "tts-1", "roles": ["seems_legit"], **_AUDIO},
    {"id": "oai/backed", "upstream_model": "tts-1", "fallbacks": ["oai/chat", "spare/voice"], **_AUDIO},
    {"id": "spare/voice", "upstream_model": "voice-2", **_AUDIO},
    {"id": "gone/voice", **_AUDIO},
    {"id": "xai/grok-tts", **_AUDIO},
    {"id": "xai/grok-stt", **_AUDIO},
    {"id": "mim/tts", "upstream_model": "mimo-v2.5-tts", **_AUDIO},
    {"id": "mim/design-tts", "upstream_model": "mimo-v2.5-tts-voicedesign", **_AUDIO},
]
WIDE_LIMITS = {
    "daily_success_limit": 100000,
    "max_addresses": 50,
    "tiers": [{"level": 1, "minimum_invites": 0, "rate_limit_per_minute": 10000, "concurrency_limit": 500}],
}
_users = itertools.count(1)


def _provider(url: str, adapter: str = "openai") -> dict[str, object]:
    # No rest after a failure: one test's broken provider is the next one's good one.
    return {
        "base_url": f"{url}/v1",
        "adapter": adapter,
        "api_keys": ["sk-upstream-secret"],
        "cooldown_seconds": 0,
        "error_threshold": 1000000,
        "timeouts": {"connect": 2, "first_byte": 1.2, "idle": 1, "total": 30},
    }


@pytest.fixture(scope="module")
def house(
    tmp_path_factory: pytest.TempPathFactory,
    upstream: ScriptedUpstream,
    spare: ScriptedUpstream,
    redis_server: RedisServer,
) -> Iterator[tuple[Program, Members]]:
    database = new_database()
    patterns = tmp_path_factory.mktemp("patterns") / "patterns.txt"
    patterns.write_text("forbidden\n")
    sections = {
        "server": {"max_body_bytes": MAX_BODY_BYTES},
        "mongodb": {"url": shared_server().url, "database": database},
        "redis": {"url": redis_server.url, "prefix": database[-16:]},
        "limits": WIDE_LIMITS,
        "timeouts": {"stall": 1},
        "moderation": {"patterns_file": str(patterns)},
        "providers.oai": _provider(upstream.url),
        "providers.spare": _provider(spare.url),
        "providers.gone": _provider("http://127.0.0.1:9"),
        "providers.xai": _provider(upstream.url, "xai"),
        "providers.mim": _provider(upstream.url, "mimo"),
    }
    program = Program(tmp_path_factory.mktemp("program"), sections, MODELS)
    program.start()
    members = Members(program)
    yield program, members
    members.close()
    program.stop()


@pytest.fixture
def member(house: tuple[Program, Members]) -> Member:
    """A member of their own for each test."""
    program, members = house
    user_id = f"media-{next(_users)}"
    return Member(program, members, user_id, members.add(user_id)[0])


@pytest.fixture
def client(member: Member) -> Iterator[OpenAI]:
    """The OpenAI SDK as that member uses it."""
    with OpenAI(api_key=member.key, base_url=member.base_url, max_retries=0, timeout=20) as client:
        yield client
