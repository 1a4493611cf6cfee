"""Moderation in the running program: patterns, an endpoint, their failures, and what goes on meanwhile."""

import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from fakes.upstream import Gate, Reply, ScriptedUpstream, ShortError, chat_stream, json_reply, run_in_thread
from support.http_client import RawClient
from support.members import Members
from support.program import Program
from support.waiting import patient

ENDLESS, TRAP = "(a+)+$", "a" * 30_000 + "!"
LIMITS = {
    "max_addresses": 50,
    "tiers": [{"level": 1, "minimum_invites": 0, "rate_limit_per_minute": 10000, "concurrency_limit": 500}],
}


def ask(program: Program, key: str, text: str, path: str = "chat/completions", **fields: Any) -> httpx2.Response:
    body = {"model": "fake/one", "messages": [{"role": "user", "content": text}], "max_tokens": 9, **fields}
    return httpx2.post(f"{program.base_url}/{path}", json=body, headers={"x-api-key": key}, timeout=30)


def outcome(answer: httpx2.Response) -> tuple[int, str]:
    return answer.status_code, answer.json().get("error", {}).get("type", "")


BODY = {"model": "fake/one", "messages": [{"role": "user", "content": "Hi"}]}
BLOCKED, CLEAN, AWAY = (400, "content_policy_violation"), (200, ""), (503, "server_error")


wait_until = patient(10.0)


@pytest.fixture(scope="module")
def patterns(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("patterns") / "patterns.txt"


@pytest.fixture(scope="module")
def house(make_program: Any, patterns: Path) -> tuple[Program, Members]:
    patterns.write_text(f"forbidden\n{ENDLESS}\n")
    made: tuple[Program, Members] = make_program(limits=LIMITS, moderation={"patterns_file": str(patterns)})
    return made


@pytest.fixture(scope="module")
def key(house: tuple[Program, Members]) -> str:
    return house[1].add("member")[0]


def test_a_pattern_without_end_stalls_nobody_else(
    house: tuple[Program, Members], key: str, upstream: ScriptedUpstream
) -> None:
    program, members = house
    script = upstream.script
    upstream.script = chat_stream([f"<{number}>" for number in range(200)], delay_s=0.01)
    body = {"model": "fake/one", "stream": True, "messages": [{"role": "user", "content": "Hi"}]}
    with RawClient(program.port).post("/v1/chat/completions", body, key).read_head() as running:
        running.read_until(b"<1>")
        stuck: list[httpx2.Response] = []
        thread = threading.Thread(target=lambda: stuck.append(ask(program, key, TRAP)))
        thread.start()
        running.read_until(b"<100>")
        assert thread.is_alive(), "the stream went on while the expression ran"
        assert running.read_all().endswith(b"data: [DONE]\n\n")
        thread.join(30)
    upstream.script = script
    assert outcome(stuck[0]) == AWAY
    assert "could not judge the prompt in time" in stuck[0].json()["error"]["message"]
    assert int(stuck[0].headers["retry-after"]) >= 1
    assert members.counters("member")[0] == 1, "the refusal took nothing"
    assert outcome(ask(program, key, "still served")) == CLEAN
    events = {line.get("event"): line for line in program.log_lines()}
    # The second on a machine so busy that the process got no two seconds of its time.
    slow, ended = "a moderation pattern takes too long", "a moderation process did not answer and was ended"
    assert slow in events or ended in events
    assert slow not in events or events[slow]["line"] == 2


def test_many_stuck_prompts_leave_the_program_responsive(house: tuple[Program, Members], key: str) -> None:
    program, _ = house
    answers: list[httpx2.Response] = []
    threads = [threading.Thread(target=lambda: answers.append(ask(program, key, TRAP))) for _ in range(8)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        assert httpx2.get(f"{program.base_url}/health", timeout=5).status_code == 200
        time.sleep(0.1)
    assert {outcome(answer) for answer in answers} == {AWAY}
    wait_until(lambda: outcome(ask(program, key, "served again")) == CLEAN)


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param(
            {"messages": [{"role": "system", "content": "ForBidden"}, {"role": "user", "content": "x"}]}, id="system"
        ),
        pytest.param(
            {
                "messages": [
                    {"role": "user", "content": "x"},
                    {"role": "assistant", "tool_calls": [
                        {"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"a": "forbidden"}'}}
                    ]},
                    {"role": "tool", "tool_call_id": "c", "content": "y"},
                ]
            },
            id="arguments",
        ),
    ],
)  # fmt: skip
def test_all_text_counts(house: tuple[Program, Members], key: str, fields: dict[str, Any]) -> None:
    assert outcome(ask(house[0], key, "x", **fields)) == BLOCKED


def test_counting_tokens_asks_nobody(house: tuple[Program, Members], key: str) -> None:
    assert ask(house[0], key, "forbidden", "messages/count_tokens").status_code == 200
    assert outcome(ask(house[0], key, "forbidden", "messages")) == BLOCKED


def test_nothing_of_a_text_is_logged(house: tuple[Program, Members], key: str) -> None:
    program, _ = house
    assert outcome(ask(program, key, "my diary is forbidden, says it")) == BLOCKED
    log = program.log_file.read_text()
    assert "diary" not in log
    assert "forbidden" not in log.replace(ENDLESS, "")
    assert "aaaaaaaa" not in log


def test_a_changed_file_is_seen_and_a_broken_one_changes_nothing(
    house: tuple[Program, Members], key: str, patterns: Path
) -> None:
    program, _ = house
    patterns.write_text("unwanted\n")
    wait_until(lambda: outcome(ask(program, key, "unwanted")) == BLOCKED)
    assert outcome(ask(program, key, "forbidden")) == CLEAN

    def complaints() -> list[str]:
        lines = [line for line in program.log_lines() if line.get("event") == "moderation patterns not reloaded"]
        return [line["reason"] for line in lines]

    patterns.write_text("fine\n(broken\n")
    wait_until(lambda: len(complaints()) == 1)
    assert "line 2" in complaints()[0]
    assert outcome(ask(program, key, "unwanted")) == BLOCKED
    patterns.unlink()
    wait_until(lambda: len(complaints()) == 2)
    assert outcome(ask(program, key, "unwanted")) == BLOCKED
    patterns.write_text("forbidden\n")
    wait_until(lambda: outcome(ask(program, key, "unwanted")) == CLEAN)
    assert outcome(ask(program, key, "forbidden")) == BLOCKED
    assert len(complaints()) == 2, "said once, not once a second"


@pytest.fixture(scope="module")
def moderator() -> Iterator[ScriptedUpstream]:
    with run_in_thread() as server:
        yield server


def test_an_endpoint_decides_and_its_absence_is_no_consent(
    house: tuple[Program, Members], key: str, moderator: ScriptedUpstream, patterns: Path
) -> None:
    program, members = house
    program.write_config({**program.sections, "moderation": {"endpoint": f"{moderator.url}/mod", "api_key": "sk-m"}})
    program.signal(signal.SIGHUP)
    moderator.script = lambda request: json_reply(
        {"results": [{"flagged": "evil" in text} for text in request.json()["input"]]}
    )
    wait_until(lambda: outcome(ask(program, key, "evil")) == BLOCKED)
    assert moderator.requests[-1].headers["authorization"] == "Bearer sk-m"
    assert outcome(ask(program, key, "forbidden")) == CLEAN, "the file is not configured any more"
    before = members.counters("member")
    moderator.script = ShortError(500)
    refused = ask(program, key, "kind")
    assert outcome(refused) == AWAY
    assert "Moderation is away" in refused.json()["error"]["message"]
    assert "x-ratelimit-limit" not in refused.headers
    assert members.counters("member") == before
    moderator.script = json_reply({"results": [{"flagged": False}]})
    assert outcome(ask(program, key, "kind")) == CLEAN
    program.write_config(program.sections)
    program.signal(signal.SIGHUP)
    wait_until(lambda: outcome(ask(program, key, "forbidden")) == BLOCKED)


@pytest.fixture
def slow_house(make_program: Any, moderator: ScriptedUpstream) -> Iterator[tuple[Program, Members, Gate]]:
    """Its moderation says yes once the gate is open."""
    gate = Gate()
    yes = json_reply({"results": [{"flagged": False}]})
    moderator.script = Reply(parts=[gate, *yes.parts], headers=yes.headers)
    program, members = make_program(limits=LIMITS, moderation={"endpoint": f"{moderator.url}/mod"})
    yield program, members, gate
    open_gate(gate)


def open_gate(gate: Gate) -> None:
    gate.event._loop.call_soon_threadsafe(gate.open)  # type: ignore[attr-defined]


def test_who_leaves_while_moderation_thinks_takes_nothing(
    slow_house: tuple[Program, Members, Gate], moderator: ScriptedUpstream
) -> None:
    program, members, gate = slow_house
    (key,) = members.add("impatient")
    asked = moderator.request_count
    leaving = RawClient(program.port).post("/v1/chat/completions", BODY, key)
    wait_until(lambda: moderator.request_count > asked)
    leaving.reset()
    open_gate(gate)
    wait_until(lambda: any(line["status"] == 499 for line in program.request_lines()))
    assert members.counters("impatient") == (0, 0, 0)


def test_a_drain_waits_for_who_is_being_moderated(
    slow_house: tuple[Program, Members, Gate], moderator: ScriptedUpstream
) -> None:
    program, members, gate = slow_house
    (key,) = members.add("patient")
    asked = moderator.request_count
    waiting = RawClient(program.port).post("/v1/chat/completions", BODY, key)
    wait_until(lambda: moderator.request_count > asked)
    program.signal(signal.SIGTERM)
    wait_until(lambda: not program.is_ready())
    open_gate(gate)
    assert waiting.read_head().status == 200
    assert program.wait() == 0


def test_patterns_that_can_t_be_used_stop_the_start(make_program: Any, tmp_path: Path) -> None:
    broken = tmp_path / "broken.txt"
    broken.write_text("(\n")
    with pytest.raises(AssertionError, match=r"broken.txt line 1: is no regular expression"):
        make_program(moderation={"patterns_file": str(broken)})
