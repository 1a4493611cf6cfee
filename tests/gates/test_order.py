"""The gates, each alone and every two together: the earlier one answers, and nothing behind it is touched."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import orjson
import pytest

from fakes.upstream import ScriptedUpstream
from support.members import Members
from support.program import Program

WORD = "forbidden"
A_DAY = 2
MODELS = [
    {"id": f"{provider}/{name}", "context_window": 1000, **fields}
    for provider in ("fake", "down")
    for name, fields in (("open", {}), ("gated", {"roles": ["insider"]}))
]
LIMITS = {
    "daily_success_limit": A_DAY,
    "max_addresses": 50,
    "tiers": [{"level": 1, "minimum_invites": 0, "rate_limit_per_minute": 1000, "concurrency_limit": 50}],
}


@dataclass
class Attempt:
    """A request and its member, good in every way until a gate's ``break_it`` has been at it."""

    address: str = "198.51.100.1"
    agent: str = "goodclient/1.0"
    is_revoked: bool = False
    account: dict[str, Any] = field(default_factory=lambda: {"roles": ["insider"]})
    is_json: bool = True
    text: str = "Hi"
    provider: str = "fake"
    is_exhausted: bool = False

    def body(self) -> bytes:
        body = {"model": f"{self.provider}/gated", "messages": [{"role": "user", "content": self.text}]}
        return orjson.dumps(body)[: None if self.is_json else -1]


@dataclass(frozen=True)
class Closed:
    """A gate that is closed: how, and what it answers. ``says``: what the message must tell the member."""

    name: str
    break_it: Callable[[Attempt], object]
    status: int
    type: str
    says: str


def sets(**values: Any) -> Callable[[Attempt], None]:
    def break_it(attempt: Attempt) -> None:
        for name, value in values.items():
            setattr(attempt, name, value)

    return break_it


def account(**values: Any) -> Callable[[Attempt], None]:
    return lambda attempt: attempt.account.update(values)


def says(text: str) -> Callable[[Attempt], None]:
    def break_it(attempt: Attempt) -> None:
        attempt.text += text

    return break_it


GATES = [
    Closed("address", sets(address="203.0.113.9"), 403, "ip_blacklisted", "Ask staff"),
    Closed("client", sets(agent="badclient-pro/2.1"), 403, "client_signature_banned", "Switch to a supported client"),
    Closed("key", sets(is_revoked=True), 401, "invalid_api_key", "Send the exact key"),
    Closed("paused", account(paused_reason="spam"), 403, "user_paused", "Reason: spam"),
    Closed("left", account(is_member=False), 403, "discord_membership_required", "Rejoin"),
    Closed("checkin", account(last_checkin_day="2026-01-01"), 403, "daily_checkin_required", "Run /checkin"),
    Closed("body", sets(is_json=False), 400, "invalid_request_error", "invalid json payload"),
    Closed("role", account(roles=[]), 403, "model_access_denied", "Verified members"),
    Closed("size", says(" lighthouse" * 1000), 400, "context_length_exceeded", "Reduce context"),
    Closed("moderation", says(f" {WORD}"), 400, "content_policy_violation", "Change the prompt"),
    Closed("limits", sets(is_exhausted=True), 429, "rate_limit_error", "They reset at 00:00 UTC"),
    Closed("provider", sets(provider="down"), 503, "provider_unavailable", "temporarily unavailable"),
]
UNKNOWN_MEMBERSHIP = Closed("unknown", account(is_member=None), 503, "discord_membership_error", "Retry shortly")
CASES: list[tuple[Closed, ...]] = [
    *((gate,) for gate in (*GATES, UNKNOWN_MEMBERSHIP)),
    *itertools.combinations(GATES, 2),
]
LIMITED = [gate.name for gate in GATES].index("limits")


def name_of(case: Sequence[Closed]) -> str:
    return "-".join(gate.name for gate in case)


def attempt_of(case: Sequence[Closed]) -> Attempt:
    attempt = Attempt()
    for gate in case:
        gate.break_it(attempt)
    return attempt


def send(program: Program, key: str, attempt: Attempt, path: str = "chat/completions") -> httpx2.Response:
    headers = {"Authorization": f"Bearer {key}", "User-Agent": attempt.agent, "X-Forwarded-For": attempt.address}
    return httpx2.post(f"{program.base_url}/{path}", content=attempt.body(), headers=headers, timeout=20)


@pytest.fixture(scope="module")
def house(make_program: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Program, Members]:
    patterns: Path = tmp_path_factory.mktemp("patterns") / "patterns.txt"
    patterns.write_text(f"# what may not be said\n\n\\b{WORD.upper()}\\b\n")
    program, members = make_program(
        MODELS,
        limits=LIMITS,
        gates={"membership": True, "checkin": True, "failed_keys_per_minute": 100000},
        moderation={"patterns_file": str(patterns)},
        **{"providers.down": {"base_url": "http://127.0.0.1:9/v1", "error_threshold": 1, "cooldown_seconds": 600}},
    )
    program.cli("bans", "add", "ip", "203.0.113.0/24")
    program.cli("bans", "add", "client", "badclient*")
    (key,) = members.add("opener", roles=["insider"])
    assert send(program, key, Attempt(provider="down")).status_code >= 500
    return program, members


@pytest.fixture(scope="module")
def keys(house: tuple[Program, Members]) -> dict[str, str]:
    """A member for each case, in the state that it needs."""
    program, members = house
    names = [name_of(case) for case in CASES]
    keys = dict(zip(names, members.add(*names, roles=["insider"]), strict=True))
    for case in CASES:
        name, attempt = name_of(case), attempt_of(case)
        for _ in range(A_DAY if attempt.is_exhausted else 0):
            assert send(program, keys[name], Attempt()).status_code == 200
        members.change(name, **attempt.account)
        if attempt.is_revoked:
            members.revoke(name)
    return keys


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_the_first_closed_gate_answers_and_nothing_behind_it_is_touched(
    house: tuple[Program, Members], keys: dict[str, str], upstream: ScriptedUpstream, case: tuple[Closed, ...]
) -> None:
    program, members = house
    name, attempt, first = name_of(case), attempt_of(case), case[0]
    before, asked = members.counters(name), upstream.request_count
    answer = send(program, keys[name], attempt)
    error = answer.json()["error"]
    assert (answer.status_code, error["type"]) == (first.status, first.type), error
    assert first.says in error["message"]
    assert ("retry-after" in answer.headers) is (first.status in (429, 503))
    reached_limits = first in GATES[LIMITED:]
    assert ("x-ratelimit-limit" in answer.headers) is reached_limits
    assert upstream.request_count == asked
    admitted = 1 if first.name == "provider" else 0
    assert members.counters(name) == (before[0] + admitted, 0, before[2])


@pytest.mark.parametrize("path", ["messages", "responses"])
@pytest.mark.parametrize("gate", [*GATES, UNKNOWN_MEMBERSHIP], ids=lambda gate: gate.name)
def test_every_gate_stands_before_every_route(
    house: tuple[Program, Members], keys: dict[str, str], path: str, gate: Closed
) -> None:
    program, _ = house
    attempt = attempt_of([gate])
    body = orjson.loads(attempt.body() + (b"" if attempt.is_json else b"}"))
    body |= {"max_tokens": 5, "input": attempt.text}
    if path == "responses":
        del body["messages"]
    payload = orjson.dumps(body)[: None if attempt.is_json else -1]
    headers = {"x-api-key": keys[gate.name], "User-Agent": attempt.agent, "X-Forwarded-For": attempt.address}
    answer = httpx2.post(f"{program.base_url}/{path}", content=payload, headers=headers, timeout=20)
    assert (answer.status_code, answer.json()["error"]["type"]) == (gate.status, gate.type), answer.text
    assert (answer.json().get("type") == "error") is (path == "messages")
    assert gate.says in answer.json()["error"]["message"]


def test_an_attempt_that_nothing_is_wrong_with_succeeds(house: tuple[Program, Members]) -> None:
    program, members = house
    (key,) = members.add("good", roles=["insider"])
    assert send(program, key, Attempt()).status_code == 200
    assert members.counters("good") == (1, 0, 1)
