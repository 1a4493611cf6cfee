"""`GET /v1/health`, and the truth it shows: one for all processes of a house."""

import re
import signal
from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from fakes.upstream import ScriptedUpstream, ShortError, chat_body
from freetheai import __version__
from support.members import Members
from support.program import Program

MODELS = [
    {"id": f"{prefix}/one", "upstream_model": "model-1"} for prefix in ("fake", "shared", "broken", "quiet", "last")
]
MODELS.append({"id": "shared/two", "upstream_model": "model-2"})
MODELS.append({"id": "fake/hidden", "visibility": "hidden"})
SITE = {"Authorization": "Bearer freetheai.xyz"}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
Two = tuple[Program, Program, Members]


@pytest.fixture(scope="module")
def two(make_program: Any, upstream: ScriptedUpstream) -> Two:
    upstream.script = lambda request: ShortError(500) if request.json()["model"] == "bad" else chat_body("x")
    first, members = make_program(MODELS)
    second, _ = make_program(MODELS, like=first)
    return first, second, members


def ask(program: Program, key: str, model: str, agent: str = "curl/8") -> int:
    body = {"model": model, "messages": [{"role": "user", "content": "Hi"}]}
    headers = {"x-api-key": key, "User-Agent": agent}
    return httpx2.post(f"{program.base_url}/chat/completions", json=body, headers=headers, timeout=20).status_code


def health(program: Program) -> dict[str, Any]:
    answer = httpx2.get(f"{program.base_url}/health", timeout=20)
    assert answer.status_code == 200
    document: dict[str, Any] = answer.json()
    return document


def provider(program: Program, prefix: str) -> dict[str, Any]:
    return next(row for row in health(program)["providers"] if row["prefix"] == prefix)


def counted(program: Program, prefix: str) -> tuple[int, int, int]:
    row = provider(program, prefix)
    return row["requests_30m"], row["successes_30m"], row["errors_30m"]


def status_of(program: Program, alias: str) -> str:
    rows = httpx2.get(f"{program.base_url}/models/full", headers=SITE, timeout=20).json()["data"]
    return str(next(row["status"] for row in rows if row["id"] == alias))


def test_the_document_has_exactly_the_contract_s_fields(two: Two) -> None:
    document = health(two[0])
    assert list(document) == [
        "status", "version", "uptime_seconds", "catalog", "clients", "providers", "dependencies"
    ]  # fmt: skip
    assert (document["status"], document["version"]) == ("ok", __version__)
    assert isinstance(document["uptime_seconds"], int)
    assert document["catalog"]["model_count"] == len(MODELS) - 1
    assert TIME.fullmatch(document["catalog"]["updated_at"])
    assert set(document["catalog"]) == {"model_count", "updated_at"}
    assert document["dependencies"] == {"mongodb": "up", "redis": "up", "discord": "disabled"}
    assert [row["prefix"] for row in document["providers"]] == ["broken", "fake", "last", "quiet", "shared"]
    quiet = next(row for row in document["providers"] if row["prefix"] == "quiet")
    assert quiet == {
        "prefix": "quiet",
        "status": "unknown",
        "model_count": 1,
        **{f"{name}_{window}": 0 for window in ("30m", "60m") for name in ("requests", "successes", "errors")},
        "error_rate_30m": 0.0,
        "error_rate_60m": 0.0,
        "last_success_at": None,
        "last_error_at": None,
    }


def test_what_one_process_counts_the_other_shows(two: Two, wait_until: Callable[..., Any]) -> None:
    first, second, members = two
    (key,) = members.add("counter")
    for program, times in ((first, 3), (second, 2)):
        for _ in range(times):
            assert ask(program, key, "shared/one") == 200
    wait_until(lambda: counted(first, "shared") == counted(second, "shared") == (5, 5, 0), 5)
    rows = [provider(program, "shared") for program in (first, second)]
    assert rows[0] == rows[1]
    assert (rows[0]["status"], rows[0]["requests_60m"], rows[0]["error_rate_60m"]) == ("up", 5, 0.0)
    assert TIME.fullmatch(rows[0]["last_success_at"])
    assert rows[0]["last_error_at"] is None
    assert status_of(second, "shared/one") == "up"
    assert status_of(second, "shared/two") == "unknown", "of a provider that is well, and never asked for"


def test_a_provider_that_one_process_has_found_down_is_down_in_all(
    two: Two, upstream: ScriptedUpstream, wait_until: Callable[..., Any]
) -> None:
    first, second, members = two
    (key,) = members.add("unlucky")
    ordinary = upstream.script
    upstream.script = ShortError(500)
    try:
        for _ in range(2):
            assert ask(first, key, "broken/one") == 502
    finally:
        upstream.script = ordinary
    for program in two[:2]:
        wait_until(lambda program=program: provider(program, "broken")["status"] == "down", 5)
        wait_until(lambda program=program: status_of(program, "broken/one") == "down", 5)
        wait_until(lambda program=program: health(program)["status"] == "degraded", 5)
    assert counted(second, "broken") == (2, 0, 2)
    row = provider(second, "broken")
    assert (row["error_rate_30m"], row["last_success_at"]) == (1.0, None)
    assert TIME.fullmatch(row["last_error_at"])
    assert ask(second, key, "broken/one") == 200, "it may try for itself"
    for program in two[:2]:
        wait_until(lambda program=program: provider(program, "broken")["status"] == "degraded", 5)


def test_members_are_counted_once_however_many_processes_they_use(two: Two, wait_until: Callable[..., Any]) -> None:
    first, second, members = two
    ann, bob, eve = members.add("ann", "bob", "eve")
    for program, key, agent in (
        (first, ann, "claude-cli/2.1"),
        (second, ann, "claude-cli/2.2"),
        (second, bob, "claude-cli/2.1"),
        (second, eve, "my-own-rude-name/1.0"),
        (first, eve, "another-name"),
    ):
        assert ask(program, key, "fake/one", agent) == 200

    def clients(program: Program) -> dict[str, int]:
        return {row["client_name"]: row["unique_users"] for row in health(program)["clients"]}

    for program in (first, second):
        wait_until(lambda program=program: clients(program).get("claude-code") == 2, 5)
        wait_until(lambda program=program: clients(program).get("other") == 1, 5)
        assert not {"my-own-rude-name", "another-name"} & set(clients(program)), "no member writes on a public page"
    assert all(set(row) == {"client_name", "unique_users"} for row in health(first)["clients"])


def test_a_clean_stop_loses_nothing_and_a_new_process_knows_it(
    two: Two, make_program: Any, wait_until: Callable[..., Any]
) -> None:
    first, _, members = two
    (key,) = members.add("stopper")
    third, _ = make_program(MODELS, like=first)
    for _ in range(4):
        assert ask(third, key, "last/one") == 200
    third.signal(signal.SIGTERM)
    assert third.wait() == 0
    wait_until(lambda: counted(first, "last") == (4, 4, 0), 5)
    fourth, _ = make_program(MODELS, like=first)
    assert counted(fourth, "last") == (4, 4, 0), "the first question of a new process has the whole answer"


def test_metrics_show_the_shared_truth(two: Two, wait_until: Callable[..., Any]) -> None:
    first, second, members = two
    (key,) = members.add("metrics")
    assert ask(first, key, "fake/one") == 200
    successes = counted(first, "fake")[1]
    sample = f'freetheai_provider_requests{{minutes="30",outcome="success",provider="fake"}} {float(successes)}'
    wait_until(lambda: sample in second.metrics(), 5)
    text = second.metrics()
    assert 'freetheai_provider_state{provider="fake",state="up"} 1.0' in text
    assert 'freetheai_provider_state{provider="fake",state="down"} 0.0' in text
    assert 'freetheai_provider_last_seconds{outcome="error",provider="fake"} 0.0' in text
    assert 'freetheai_models{state="up"}' in text
    assert "fake/one" not in text


def test_without_redis_the_last_known_stays_and_the_house_is_down(
    two: Two, redis_server: Any, wait_until: Callable[..., Any]
) -> None:
    first, _, _ = two
    known = counted(first, "shared")
    assert known[0]
    redis_server.pause()
    try:
        document = wait_until(lambda: (found := health(first))["status"] == "down" and found)
        assert document["dependencies"] == {"mongodb": "up", "redis": "down", "discord": "disabled"}
        assert counted(first, "shared") == known
    finally:
        redis_server.resume()
    wait_until(lambda: health(first)["status"] != "down")


COMMANDS = re.compile(rb"cmdstat_(\w+):calls=(\d+)")


def test_a_page_view_asks_neither_database(two: Two, redis_server: Any) -> None:
    program = two[0]
    views = 300

    def redis_commands() -> int:
        return sum(int(calls) for _, calls in COMMANDS.findall(redis_server.command("INFO", "commandstats")))

    _, members_key = two[2].add("viewer-1", "viewer-2")
    with httpx2.Client(base_url=f"{program.base_url}/", timeout=20) as client:
        pages = [("health", {}), ("models/full", SITE), ("models/full", {"x-api-key": members_key}),
                 ("models/leaderboard", SITE)]  # fmt: skip
        for path, headers in pages:
            assert client.get(path, headers=headers).status_code == 200
        before, mongo_before = redis_commands(), mongo_commands(two[2])
        for number in range(views):
            path, headers = pages[number % len(pages)]
            assert client.get(path, headers=headers).status_code == 200
        asked, mongo_asked = redis_commands() - before, mongo_commands(two[2]) - mongo_before
    # What both processes do by the clock goes on meanwhile: a few dozen commands a second.
    with_one_each = views
    assert asked < with_one_each, f"{asked} commands of Redis for {views} views"
    assert mongo_asked < with_one_each / 2, f"{mongo_asked} operations of MongoDB for {views} views"


def mongo_commands(members: Members) -> int:
    """Operations that the server has done, whoever asked."""
    counters = members._mongo.admin.command("serverStatus")["opcounters"]
    return sum(int(counters[name]) for name in ("query", "command", "getmore"))
