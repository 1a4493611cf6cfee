"""The distributed engines, configured by URL alone: a Redis Cluster of three and a MongoDB replica set of three."""

from collections.abc import Iterator
from typing import Any

import httpx2
import pymongo
import pytest

from support.house import MODELS, WIDE
from support.program import Program
from support.redis_server import RedisServer
from support.replica_set import ReplicaSet
from support.steady_load import SteadyLoad
from support.waiting import wait_until

CHAT: dict[str, Any] = {"model": "fake/one", "messages": [{"role": "user", "content": "Hi"}]}
SLOTS = 16384


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[RedisServer]]:
    """Three masters that share the slots."""
    options = ("--cluster-enabled", "yes", "--cluster-node-timeout", "2000")
    nodes = [RedisServer(tmp_path_factory.mktemp("node"), *options) for _ in range(3)]
    share = SLOTS // 3 + 1
    for number, node in enumerate(nodes):
        node.start()
        slots = map(str, range(number * share, min(SLOTS, (number + 1) * share)))
        assert node.command("CLUSTER", "ADDSLOTS", *slots) == b"+OK\r\n"
        assert node.command("CLUSTER", "MEET", "127.0.0.1", str(nodes[0].port)) == b"+OK\r\n"
    wait_until(lambda: all(b"cluster_state:ok" in node.command("CLUSTER", "INFO") for node in nodes), 20)
    yield nodes
    for node in nodes:
        node.stop()


@pytest.fixture(scope="module")
def replicas() -> Iterator[ReplicaSet]:
    replicas = ReplicaSet()
    replicas.start()
    yield replicas
    replicas.stop()


@pytest.fixture(scope="module")
def programs(
    tmp_path_factory: pytest.TempPathFactory,
    sections: dict[str, dict[str, Any]],
    cluster: list[RedisServer],
    replicas: ReplicaSet,
) -> Iterator[list[Program]]:
    """Two gateways on both."""
    hosts = [f"127.0.0.1:{node.port}" for node in cluster]
    engines = {
        "mongodb": {"url": replicas.url, "database": "house"},
        "redis": {"url": f"redis+cluster://{','.join(hosts)}", "prefix": "house"},
        "limits": {**WIDE, "roles": {}},
    }
    made = [Program(tmp_path_factory.mktemp("program"), {**sections, **engines}, MODELS) for _ in range(2)]
    for program in made:
        program.start()
    yield made
    for program in made:
        program.ask_to_stop()
    for program in made:
        program.stop()


def ask(program: Program, key: str) -> tuple[int, str]:
    headers = {"Authorization": f"Bearer {key}"}
    answer = httpx2.post(f"{program.base_url}/chat/completions", json=CHAT, headers=headers, timeout=20)
    return answer.status_code, answer.json().get("error", {}).get("type", "")


def test_accounts_are_spread_over_the_cluster_and_notices_reach_all(
    programs: list[Program], cluster: list[RedisServer]
) -> None:
    keys = [programs[0].issue_key(f"member-{number}") for number in range(6)]
    for number, key in enumerate(keys):
        assert ask(programs[number % 2], key) == (200, "")
    assert sum(int(node.command("DBSIZE")[1:]) > 0 for node in cluster) > 1
    programs[1].cli("keys", "revoke", "--user", "member-0")
    for program in programs:
        wait_until(lambda program=program: ask(program, keys[0]) == (401, "invalid_api_key"), 1.5)  # type: ignore[misc]


def test_a_primary_steps_down_under_load(programs: list[Program], replicas: ReplicaSet) -> None:
    key = programs[0].issue_key("loaded")
    with SteadyLoad([program.port for program in programs], key, pause_s=0.05) as load:
        wait_until(lambda: load.successes > 20, 20)
        replicas.step_down()
        before = load.successes
        wait_until(lambda: load.successes > before + 50, 30)
        refused = set(load.ends) | set(load.kept_ends)
    # Whom nobody could look up just then was told so, in words; nothing broke off.
    assert refused <= {"200", "503"}, (load.ends, load.kept_ends)
    wait_until(lambda: all(program.is_ready() for program in programs), 20)
    # What was answered is on record, whoever was the primary at the time.
    with pymongo.MongoClient[dict[str, Any]](replicas.url) as client:
        usage = client["house"]["usage"]
        wait_until(lambda: usage.count_documents({"user_id": "loaded", "is_success": True}) == load.successes, 30)


def test_a_killed_primary_is_replaced(programs: list[Program], replicas: ReplicaSet) -> None:
    key = programs[0].issue_key("after")
    replicas.kill_primary()
    wait_until(lambda: ask(programs[1], key) == (200, ""), 30)
    programs[0].cli("keys", "revoke", "--user", "after")
    wait_until(lambda: ask(programs[1], key) == (401, "invalid_api_key"), 1.5)


def test_doctor_knows_them(programs: list[Program]) -> None:
    done = programs[0].cli("doctor")
    lines = [line for line in done.stdout.splitlines() if line.startswith(("mongodb", "redis"))]
    assert len(lines) == 2
    assert all("ok" in line for line in lines)
