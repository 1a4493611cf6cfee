"""Every failure of a provider, at each phase, with and without a second route, plain and streamed, over several pairs.

Strategy: one program with a provider, an alias and a member for each case, so that all cases can run side by side and
each has its own health, lease and day. They run once, in ``outcomes``; each test looks at one of them.
"""

import asyncio
import itertools
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx2
import orjson
import pytest

from fakes.upstream import Request, ScriptedUpstream, ShortError, chat_body, chat_stream, run_in_thread
from support.members import Members
from support.program import Program
from support.transitions import FAULTS, HOST, OUTPUT, SECRET, SPOKEN, Fault, error_of

# The client's format, then the provider's: relays and translations.
PAIRS = [("chat", "chat"), ("messages", "chat"), ("chat", "messages"), ("responses", "responses")]
ADAPTERS = {"chat": "openai", "responses": "openai", "messages": "anthropic"}
ROUTES = {"chat": "chat/completions", "messages": "messages", "responses": "responses"}
SPARE = "spare-output"
AT_ONCE = 48
# libcurl takes a head that is cut for a good end, and uses the dead connection again: these have a server of their own.
HALF = "half a head"
TIMEOUTS = {"connect": 5, "first_byte": 4, "idle": 3, "total": 30}


@dataclass(frozen=True, kw_only=True)
class Case:
    number: int
    fault: Fault
    client: str
    upstream: str
    is_streamed: bool
    has_spare: bool

    @property
    def prefix(self) -> str:
        return f"c{self.number:03}"

    @property
    def is_midway(self) -> bool:
        """Whether output has reached the client before the failure."""
        return self.is_streamed and self.fault.phase == "midway"

    @property
    def asks_spare(self) -> bool:
        return self.has_spare and self.fault.retried and not self.is_midway

    def __str__(self) -> str:
        words = (self.fault.phase, self.fault.name, f"{self.client} by {self.upstream}")
        ways = ("streamed" if self.is_streamed else "plain", "second route" if self.has_spare else "alone")
        return ", ".join((*words, *ways))


def _cases() -> Iterator[Case]:
    numbers = itertools.count()
    for fault, (client, upstream), is_streamed, has_spare in itertools.product(
        FAULTS, PAIRS, (True, False), (True, False)
    ):
        if fault.only in ("", "streamed" if is_streamed else "plain"):
            yield Case(number=next(numbers), fault=fault, client=client, upstream=upstream, is_streamed=is_streamed,
                       has_spare=has_spare)  # fmt: skip


CASES = list(_cases())


@dataclass
class Outcome:
    status: int
    headers: httpx2.Headers
    body: bytes
    log: dict[str, Any]
    health: dict[str, Any]
    # Admitted, running, successes of the day.
    counters: tuple[int, int, int]
    spare_was_asked: bool
    calls: int


def _script(request: Request) -> Any:
    prefix = request.path.split("/")[1]
    wants_stream = bool(request.json().get("stream"))
    case = CASES[int(prefix[1:])]
    if case.fault.parts is None:
        return ShortError(500)
    return case.fault.parts(SPOKEN[case.upstream], wants_stream)


def _spare_script(request: Request) -> Any:
    return chat_stream([SPARE]) if request.json().get("stream") else chat_body(SPARE)


def _base_url(case: Case, upstream: ScriptedUpstream, poisoned: ScriptedUpstream) -> str:
    if case.fault.parts is None:
        return "http://127.0.0.1:9/v1"
    return f"{(poisoned if case.fault.name == HALF else upstream).url}/{case.prefix}/v1"


def _sections(upstream: ScriptedUpstream, poisoned: ScriptedUpstream, spare: ScriptedUpstream) -> dict[str, Any]:
    sections: dict[str, Any] = {
        f"providers.{case.prefix}": {
            "adapter": ADAPTERS[case.upstream],
            "formats": [case.upstream],
            "base_url": _base_url(case, upstream, poisoned),
            "api_keys": [SECRET],
            "timeouts": TIMEOUTS,
        }
        for case in CASES
    }
    sections["providers.spare"] = {"base_url": f"{spare.url}/v1", "formats": ["chat"], "timeouts": TIMEOUTS}
    return sections


def _models() -> list[dict[str, Any]]:
    models: list[dict[str, Any]] = [{"id": "spare/one"}]
    for case in CASES:
        models.append({"id": f"{case.prefix}/m", **({"fallbacks": ["spare/one"]} if case.has_spare else {})})
    return models


def _body(case: Case) -> dict[str, Any]:
    body: dict[str, Any] = {"model": f"{case.prefix}/m", "stream": case.is_streamed}
    if case.client == "responses":
        return {**body, "input": f"case {case.prefix}"}
    return {**body, "max_tokens": 20, "messages": [{"role": "user", "content": f"case {case.prefix}"}]}


async def _ask_all(program: Program, keys: list[str]) -> list[tuple[int, httpx2.Headers, bytes]]:
    turn = asyncio.Semaphore(AT_ONCE)
    async with httpx2.AsyncClient(timeout=60, limits=httpx2.Limits(max_connections=AT_ONCE)) as client:

        async def ask(case: Case, key: str) -> tuple[int, httpx2.Headers, bytes]:
            async with turn:
                url = f"{program.base_url}/{ROUTES[case.client]}"
                answer = await client.post(url, json=_body(case), headers={"Authorization": f"Bearer {key}"})
                return answer.status_code, answer.headers, answer.content

        return list(await asyncio.gather(*(ask(case, key) for case, key in zip(CASES, keys, strict=True))))


@pytest.fixture(scope="module")
def outcomes(make_program: Any) -> Iterator[list[Outcome]]:
    with run_in_thread() as upstream, run_in_thread() as poisoned, run_in_thread() as spare:
        upstream.script, poisoned.script, spare.script = _script, _script, _spare_script
        program: Program
        members: Members
        program, members = make_program(_models(), **_sections(upstream, poisoned, spare))
        users = [f"member-{case.prefix}" for case in CASES]
        answers = asyncio.run(_ask_all(program, members.add(*users)))
        lines = _lines(program, [headers["x-request-id"] for _, headers, _ in answers])
        health = _health(program)
        paths = [request.path.split("/")[1] for request in (*upstream.requests, *poisoned.requests)]
        found = (re.search(r"c\d{3}", request.body.decode()) for request in spare.requests)
        spared = {match.group() for match in found if match}
        made = [
            Outcome(
                status=status,
                headers=headers,
                body=body,
                log=lines[headers["x-request-id"]],
                health=health[case.prefix],
                counters=members.counters(user),
                spare_was_asked=case.prefix in spared,
                calls=paths.count(case.prefix),
            )
            for case, user, (status, headers, body) in zip(CASES, users, answers, strict=True)
        ]
        assert program.leases() == 0
        written = program.log_file.read_text()
        assert SECRET not in written
        assert HOST not in written
        yield made


def _lines(program: Program, request_ids: list[str]) -> dict[str, dict[str, Any]]:
    deadline_s = time.monotonic() + 20
    while True:
        lines = {line["request_id"]: line for line in program.request_lines()}
        if lines.keys() >= set(request_ids):
            return lines
        assert time.monotonic() < deadline_s, "a request has no log line"
        time.sleep(0.1)


def _health(program: Program) -> dict[str, dict[str, Any]]:
    """What the public sees of each provider, once all that ended is in it."""
    expected = sum(case.fault.is_sick or case.fault.status == 200 for case in CASES)
    deadline_s = time.monotonic() + 20
    while True:
        rows = httpx2.get(f"{program.base_url}/health").json()["providers"]
        told = {row["prefix"]: row for row in rows}
        count = sum(row["requests_30m"] for prefix, row in told.items() if prefix != "spare")
        if count >= expected or time.monotonic() > deadline_s:
            return told
        time.sleep(0.3)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_what_a_failure_comes_to(case: Case, outcomes: list[Outcome]) -> None:
    outcome, fault = outcomes[case.number], case.fault
    assert SECRET.encode() not in outcome.body
    assert HOST.encode() not in outcome.body
    told = outcome.log.get("provider_error", "")
    assert outcome.spare_was_asked == case.asks_spare, told
    # libcurl sends again, five times at most, what connections that it used again swallowed without a word.
    least = 0 if fault.name == HALF else 1
    most = 6 if fault.phase == "head" else 1
    assert least <= outcome.calls <= most if fault.parts else outcome.calls == 0, told
    admitted, running, successes = outcome.counters
    assert (admitted, running) == (1, 0)
    if case.asks_spare:
        _check_success(case, outcome, SPARE)
        assert (outcome.log["attempts"], outcome.log["provider"]) == (2, "spare")
    elif fault.status == 200:
        _check_success(case, outcome, OUTPUT)
        assert outcome.log["attempts"] == 1
    else:
        _check_error(case, outcome)
        assert successes == 0
    figures = outcome.health
    expected = (0, 1) if fault.is_sick else (1, 0) if fault.status == 200 else (0, 0)
    assert (figures["successes_30m"], figures["errors_30m"]) == expected


def _check_success(case: Case, outcome: Outcome, words: str) -> None:
    assert (outcome.status, outcome.counters[2]) == (200, 1)
    assert (outcome.log["status"], outcome.log["error_id"] or "") == (200, "")
    assert words.encode() in outcome.body
    if case.is_streamed:
        end = {"chat": b"data: [DONE]\n\n", "messages": b"message_stop", "responses": b"response.completed"}
        assert end[case.client] in outcome.body[-3000:]
        assert b'"error":{' not in outcome.body
    if words == SPARE:
        assert OUTPUT.encode() not in outcome.body, "nothing of the attempt that failed"


def _check_error(case: Case, outcome: Outcome) -> None:
    fault = case.fault
    if case.is_midway:
        assert outcome.status == 200
        assert OUTPUT.encode() in outcome.body
        error = error_of(outcome.body)
    else:
        assert outcome.status == fault.status
        error = orjson.loads(outcome.body)["error"]
        if fault.retry_after:
            least, most = fault.retry_after
            assert least <= int(outcome.headers["retry-after"]) <= most
        assert ("retry-after" in outcome.headers) == (fault.status in (429, 503))
    assert (error["type"], error["code"]) == (fault.type, fault.type)
    assert error["message"].startswith(fault.begins)
    log = outcome.log
    assert (log["status"], log["type"], log["attempts"], log["provider"]) == (fault.status, fault.type, 1, case.prefix)
    found = re.search(rf"Error id: ({case.prefix}-[0-9a-f]{{12}})$", error["message"])
    assert bool(found) == fault.has_id
    if found:
        assert log["error_id"] == found[1]
    if fault.phase == "status":
        assert log["provider_status"] == int(fault.name[:3])
