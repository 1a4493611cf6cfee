"""Everything a full run prints: log, figures, what commands say. No key, token, password or prompt is in it."""

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from fakes.upstream import Cut, Request, ScriptedUpstream, ShortError, chat_body, chat_events, chat_stream, stream
from support.house import WIDE
from support.members import Members
from support.mongo_server import new_database, shared_server
from support.program import Program
from support.redis_server import RedisServer

PROMPT = "the lighthouse keeper is called ambrose"
ANSWER = "a lamp of polished brass"
SECRETS = {
    "provider key": "sk-provider-Zq81kLmN0pQr",
    "second provider key": "AIzaSyD-second-key-0123456789abcdef",
    "moderation key": "sk-moderation-77aaBBccDD",
    "redis password": "redis-passw0rd-xyzzy",
    "bot token": "MTk4NjIyNDgzNDcxOTI1MjQ4.Cl2FMQ.ZnCjm1XVW7vRze4b7Cq4se7kKWs",
    "site key": "site-key-51f3a9c2",
}


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.start()
    server.command("CONFIG", "SET", "requirepass", SECRETS["redis password"])
    yield server
    server.stop()


@pytest.fixture(scope="module")
def program(
    tmp_path_factory: pytest.TempPathFactory, upstream: ScriptedUpstream, redis: RedisServer
) -> Iterator[Program]:
    provider = {"base_url": f"{upstream.url}/v1", "cooldown_seconds": 0, "error_threshold": 0}
    timeouts = {"connect": 2, "first_byte": 2, "idle": 1, "total": 20}
    sections: dict[str, dict[str, Any]] = {
        "server": {"site_key": SECRETS["site key"]},
        "mongodb": {"url": shared_server().url, "database": new_database()},
        "redis": {"url": f"redis://:{SECRETS['redis password']}@127.0.0.1:{redis.port}", "prefix": "secrets"},
        "limits": WIDE,
        "discord": {"token": SECRETS["bot token"], "guild_id": 1},
        "moderation": {"api_key": SECRETS["moderation key"]},
        "providers.fake": {
            **provider,
            "api_keys": [SECRETS["provider key"], SECRETS["second provider key"]],
            "timeouts": timeouts,
        },
        "providers.dead": {**provider, "base_url": "http://127.0.0.1:9/v1", "api_keys": [SECRETS["provider key"]]},
    }
    models = [{"id": "fake/one", "upstream_model": "model-1"}, {"id": "dead/one"}]
    program = Program(tmp_path_factory.mktemp("program"), sections, models)
    program.start()
    yield program
    program.stop()


def tell_tale(request: Request) -> ShortError:  # type: ignore[valid-type]
    """A provider that repeats in its error all it was sent."""
    sent = f"{request.raw_head.decode()} {request.body.decode()}"
    return ShortError(500, {"error": {"message": f"cannot do {sent}", "type": "server_error", "code": sent[:200]}})


def bodies(prompt: str) -> list[tuple[str, dict[str, Any]]]:
    said = [{"role": "user", "content": prompt}]
    return [
        ("chat/completions", {"model": "fake/one", "messages": said}),
        ("messages", {"model": "fake/one", "messages": said, "max_tokens": 50}),
        ("responses", {"model": "fake/one", "input": prompt}),
        ("chat/completions", {"model": "dead/one", "messages": said}),
        ("messages/count_tokens", {"model": "fake/one", "messages": said}),
        ("chat/completions", {"model": f"fake/{prompt}", "messages": said}),
        ("chat/completions", {"model": prompt, "messages": prompt}),
        ("responses", {"model": "fake/one", "input": {"odd": prompt}}),
        ("images/generations", {"model": "fake/one", "prompt": prompt}),
        ("audio/speech", {"model": "fake/one", "input": prompt, "voice": "a"}),
        (f"nowhere/{prompt.replace(' ', '-')}", {"prompt": prompt}),
    ]


def test_nothing_that_is_printed_tells_a_secret(
    program: Program, upstream: ScriptedUpstream, redis: RedisServer
) -> None:
    members = Members(program)
    (key, revoked) = members.add("talker", "revoked")
    members.revoke("revoked")
    members.close()
    wrong = "fta_" + "A1b2" * 10
    scripts: list[Any] = [
        lambda request: chat_stream([ANSWER]) if request.json().get("stream") else chat_body(ANSWER),
        tell_tale,
        ShortError(401, {"error": {"message": f"Incorrect API key provided: {SECRETS['provider key']}"}}),
        ShortError(429, f"<html>{ANSWER} {SECRETS['provider key']}</html>".encode()),
        stream([*chat_events([ANSWER])[:2], Cut()]),
        ShortError(200, f"not json: {ANSWER} {PROMPT}".encode()),
    ]
    with httpx2.Client(timeout=20) as client:
        for script in scripts:
            upstream.script = script
            for path, body in bodies(PROMPT):
                for is_stream in (False, True):
                    shown = {"Authorization": f"Bearer {key}"}
                    client.post(f"{program.base_url}/{path}", json={**body, "stream": is_stream}, headers=shown)
        for headers in ({"Authorization": f"Bearer {wrong}"}, {"x-api-key": revoked}, {"api-key": f"'{key}"}):
            client.post(f"{program.base_url}/chat/completions", json=bodies(PROMPT)[0][1], headers=headers)
        client.get(f"{program.base_url}/models?key={key}&prompt={PROMPT}")
        client.get(f"{program.base_url}/models/full", headers={"Authorization": f"Bearer {SECRETS['site key']}"})
        shown = {"Authorization": f"Bearer {key}"}
        client.post(f"{program.base_url}/chat/completions", content=f'{{"model": "{PROMPT}'.encode(), headers=shown)
        upload = {"file": (f"{PROMPT}.wav", PROMPT.encode(), "audio/wav")}
        client.post(f"{program.base_url}/audio/transcriptions", data={"model": "fake/one"}, files=upload, headers=shown)
    said = [program.metrics()]
    for words in COMMANDS:
        done = program.cli(*words, check=False)
        said += [done.stdout, done.stderr]
    program.config.write_text(program.config.read_text() + "\n[nothing]\n")
    said += [program.cli("doctor", check=False).stderr]
    # An outage: connections fail, with addresses and passwords in the libraries' own words.
    redis.stop()
    with httpx2.Client(timeout=20) as client:
        client.post(f"{program.base_url}/chat/completions", json=bodies(PROMPT)[0][1], headers=shown)
    program.stop()
    said.append(program.log_file.read_text())
    everything = "\n".join(said)
    assert len(program.request_lines()) > 100, "it was a full run"
    words = {**SECRETS, "prompt": PROMPT, "answer": ANSWER, "member's key": key, "wrong key": wrong, "revoked": revoked}
    told = {name: excerpt(everything, word) for name, word in words.items() if word in everything}
    assert not told, told


COMMANDS = [
    ("doctor",),
    ("doctor", "--json"),
    ("users", "list"),
    ("users", "show", "talker"),
    ("keys", "show", "--user", "talker"),
    ("models", "list", "--json"),
    ("bans", "list"),
    ("stats",),
    ("export",),
    ("version", "--json"),
]


def excerpt(text: str, word: str) -> str:
    at = text.index(word)
    return text[max(0, at - 300) : at + 100]
