"""`freetheai stats`: sums of the ledger's rows, and the live truth beside them; `users show` names clients."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from freetheai import clock
from freetheai.limits import open_redis
from freetheai.limits.live import LiveBoard
from freetheai.live import Live
from freetheai.log import RequestRecord
from freetheai.store.usage import UsageDocument, UsageStore
from support.stores import a_user, open_store
from support.usage_rows import usage_row


def a_row(hours_ago: float, user: str, **fields: Any) -> UsageDocument:
    told = {"client": "codex", "input_tokens": 10, "output_tokens": 5, "cached_tokens": 1, **fields}
    return usage_row(clock.utc_now() - timedelta(hours=hours_ago), user, **told)


REFUSED = {"is_success": False, "status": 429, "type": "rate_limit_error", "input_tokens": 0,
           "output_tokens": 0, "cached_tokens": 0}  # fmt: skip


@pytest.fixture
def ledger(mongo, database) -> None:
    rows = [
        a_row(0.1, "ann"),
        a_row(0.1, "ann", client="sillytavern", alias="zai/two"),
        a_row(1.5, "bob"),
        a_row(1.5, "bob", **REFUSED),
        a_row(30, "cid", client="cline"),
    ]

    async def fill() -> None:
        async with open_store(mongo.url, database.name) as store:
            await UsageStore(store).insert(rows)

    asyncio.run(fill())


def by_name(rows: list[dict[str, Any]]) -> dict[str, tuple[int, int, int]]:
    return {row["name"]: (row["requests"], row["successes"], row["unique_users"]) for row in rows}


def test_the_ledger_s_rows_are_summed_up(run, ledger):
    found = run("stats", "--window", "24h", "--json").json
    assert (found["window"], found["requests"], found["successes"], found["errors"]) == ("24h", 4, 3, 1)
    assert (found["unique_users"], found["input_tokens"], found["output_tokens"], found["cached_tokens"]) == (
        2, 30, 15, 3
    )  # fmt: skip
    assert by_name(found["by_alias"]) == {"opc/one": (3, 2, 2), "zai/two": (1, 1, 1)}
    assert by_name(found["by_client"]) == {"codex": (3, 2, 2), "sillytavern": (1, 1, 1)}
    assert by_name(found["by_refusal"]) == {"rate_limit_error": (1, 0, 1)}
    assert [row["requests"] for row in found["by_hour"]][-1] in (2, 4), "the hours, the last one last"
    assert sum(row["requests"] for row in found["by_hour"]) == 4


def test_a_window_and_a_limit_narrow_it(run, ledger):
    assert run("stats", "--window", "30m", "--json").json["requests"] == 2
    week = run("stats", "--window", "7d", "--limit", "1", "--json").json
    assert week["requests"] == 5
    assert [row["name"] for row in week["by_alias"]] == ["opc/one"]
    today = run("stats", "--json").json
    assert today["since"].endswith("T00:00:00Z")


def test_the_live_truth_stands_beside_it(run, database, redis_url):
    async def live() -> None:
        redis = open_redis(redis_url)
        one = Live(LiveBoard(redis, database.name[-32:]), ())
        one.count("opc", "opc/one", True)
        one.count("opc", "opc/one", False)
        one.note_request(RequestRecord(type="invalid_api_key"))
        one.note_request(RequestRecord(user_id="ann", client="codex"))
        one.truth()
        await one._try()
        await redis.close()

    asyncio.run(live())
    found = run("stats", "--json").json["live"]
    assert found["processes"] == 1
    (provider,) = found["providers"]
    assert (provider["prefix"], provider["status"], provider["requests_30m"], provider["errors_60m"]) == (
        "opc", "up", 2, 1
    )  # fmt: skip
    assert provider["last_success_at"].endswith("Z")
    assert [row["id"] for row in found["aliases"]] == ["opc/one"]
    assert found["refusals"] == [{"type": "invalid_api_key", "30m": 1, "60m": 1}]
    assert found["clients"] == [{"client_name": "codex", "unique_users": 1}]
    table = run("stats").out
    assert "live providers, of 1 processes" in table
    assert "invalid_api_key" in table


def test_a_table_says_the_same(run, ledger):
    table = run("stats", "--window", "24h").out
    for word in ("requests", "by alias", "opc/one", "by client", "sillytavern", "by refusal", "rate_limit_error"):
        assert word in table


def test_without_a_row_all_is_nought(run):
    found = run("stats", "--json").json
    assert (found["requests"], found["unique_users"], found["by_alias"]) == (0, 0, [])
    assert run("stats").status == 0


@pytest.mark.parametrize("window", ["", "1", "h", "0h", "-1h", "1w", "24H", "367d", "9999999d", "1.5h", "yesterday"])
def test_a_window_that_is_none_is_misuse(run, window):
    assert run("stats", f"--window={window}").status == 2


@pytest.mark.parametrize("words", [["--limit", "0"], ["--limit", "x"], ["--limit", "0" * 6 + "1"]])
def test_a_limit_that_is_none_is_misuse(run, words):
    assert run("stats", *words).status == 2


def test_users_show_names_the_clients_of_late(run, ledger, database):
    for name in ("ann", "bob", "cid", "dan"):
        database["users"].insert_one(dict(a_user(name)))
    assert run("users", "show", "ann", "--json").json["clients"] == ["codex", "sillytavern"]
    assert run("users", "show", "bob", "--json").json["clients"] == ["codex"]
    assert run("users", "show", "cid", "--json").json["clients"] == ["cline"]
    assert run("users", "show", "cid", "--days", "1", "--json").json["clients"] == []
    assert run("users", "show", "dan", "--json").json["clients"] == []
    assert "sillytavern" in run("users", "show", "ann").out
    assert run("users", "show", "ann", "--days", "0").status == 2
