"""Each command is seen by every gateway that runs, and the audit knows who did what, and when."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import orjson
import pymongo
import pytest

from freetheai.__main__ import main
from freetheai.cli.context import _operator
from support.members import Members
from support.program import Program

CHAT = {"model": "fake/one", "messages": [{"role": "user", "content": "Hi"}]}
LIMITS = {"tiers": [{"level": 1, "minimum_invites": 0, "rate_limit_per_minute": 10000, "concurrency_limit": 5}]}
GATES = {"membership": True, "checkin": True}
# The promise is a second; the machine that tests may be busy with other things.
PATIENCE_S = 5.0
Two = tuple[Program, Program, Members]
Seen = Callable[[Program], object]


@pytest.fixture(scope="module")
def two(make_program: Any) -> Two:
    first, members = make_program(limits=LIMITS, gates=GATES)
    second, _ = make_program(like=first, limits=LIMITS, gates=GATES)
    return first, second, members


@pytest.fixture(scope="module")
def key(two: Two) -> str:
    return two[2].add("ann")[0]


def ask(program: Program, key: str) -> httpx2.Response:
    headers = {"x-api-key": key, "User-Agent": "probe/3", "X-Forwarded-For": "198.51.100.8"}
    return httpx2.post(f"{program.base_url}/chat/completions", json=CHAT, headers=headers, timeout=20)


def outcome(answer: httpx2.Response) -> tuple[int, str]:
    return answer.status_code, answer.json().get("error", {}).get("type", "")


def audit_of(program: Program) -> list[dict[str, Any]]:
    with pymongo.MongoClient[Any](str(program.sections["mongodb"]["url"]), tz_aware=True) as client:
        return list(client[str(program.sections["mongodb"]["database"])]["audit"].find({}, {"_id": 0}).sort("_id", 1))


def run(program: Program, *words: str) -> None:
    assert main([*words, "--config", str(program.config)]) == 0, words


OK = (200, "")
SETTING = ("users", "set", "ann")
STEPS: list[tuple[tuple[str, ...], object, str, str]] = [
    ((*SETTING, "--pause", "spam"), (403, "user_paused"), "user.set", "ann"),
    ((*SETTING, "--unpause"), OK, "user.set", "ann"),
    ((*SETTING, "--left"), (403, "discord_membership_required"), "user.set", "ann"),
    ((*SETTING, "--member"), OK, "user.set", "ann"),
    ((*SETTING, "--no-check-in"), (403, "daily_checkin_required"), "user.set", "ann"),
    ((*SETTING, "--check-in"), OK, "user.set", "ann"),
    ((*SETTING, "--concurrency", "77"), "77", "user.set", "ann"),
    ((*SETTING, "--concurrency", "default"), "5", "user.set", "ann"),
    (("bans", "add", "ip", "198.51.100.0/24", "--reason", "r"), (403, "ip_blacklisted"), "ban.add", "ip:"),
    (("bans", "remove", "ip", "198.51.100.0/24"), OK, "ban.remove", "ip:198.51.100.0/24"),
    (("bans", "add", "client", "Probe"), (403, "client_signature_banned"), "ban.add", "client:probe"),
    (("bans", "remove", "client", "probe"), OK, "ban.remove", "client:probe"),
    (("models", "disable", "fake/one"), (400, "invalid_request_error"), "model.disable", "fake/one"),
    (("models", "enable", "fake/one"), OK, "model.enable", "fake/one"),
    (("reload",), OK, "config.reload", ""),
    (("keys", "revoke", "--user", "ann"), (401, "invalid_api_key"), "key.revoke", "ann"),
]


def test_every_command_is_seen_everywhere_and_audited(two: Two, key: str, capsys: pytest.CaptureFixture[str]) -> None:
    first, second, _ = two
    for words, expected, action, target in STEPS:
        before, began = len(audit_of(first)), datetime.now(UTC)
        run(first, *words)
        deadline_s = time.monotonic() + PATIENCE_S
        for program in (first, second):
            while True:
                answer = ask(program, key)
                if expected in (outcome(answer), answer.headers.get("x-concurrency-limit")):
                    break
                assert time.monotonic() < deadline_s, (words, outcome(answer))
                time.sleep(0.02)
        (row,) = audit_of(first)[before:]
        assert (row["actor"], row["action"]) == (_operator(), action), words
        assert row["actor"].startswith("cli:")
        assert row["target"].startswith(target), words
        assert abs(row["at"] - began) < timedelta(minutes=1)
    assert capsys.readouterr().err == "", "everyone was told"


def test_a_key_that_is_issued_works_everywhere_and_the_one_it_replaces_nowhere(
    two: Two, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second, _ = two
    keys = []
    for options in ((), ("--rotate",)):
        run(first, "keys", "issue", "--user", "bob", "--check-in", "--json", *options)
        keys.append(orjson.loads(capsys.readouterr().out)["key"])
        for program in (first, second):
            assert outcome(ask(program, keys[-1])) == OK
    deadline_s = time.monotonic() + PATIENCE_S
    for program in (first, second):
        while outcome(ask(program, keys[0])) != (401, "invalid_api_key"):
            assert time.monotonic() < deadline_s
            time.sleep(0.02)
    rows = [row for row in audit_of(first) if row["target"] == "bob"]
    assert [row["action"] for row in rows] == ["key.issue", "key.issue"]
    assert not any(key in repr(row) for key in keys for row in rows), "never a key in clear"
