"""The ledger: one row a request whatever becomes of MongoDB or of us, with the fields that are promised and no more."""

import asyncio
import signal
import time
from typing import Any

import httpx2
import pymongo
import pytest

from fakes.upstream import ScriptedUpstream, chat_body
from freetheai.log import RequestRecord
from freetheai.store.usage import UsageDocument, UsageStore
from freetheai.usage import Ledger
from support.members import Members
from support.mongo_fixtures import database, mongo, own_mongo
from support.mongo_server import MongoServer
from support.on_loop import eventually, on_loop
from support.program import Program
from support.stores import open_store

__all__ = ["database", "mongo", "own_mongo"]

# Contract, section 9; ``type`` and ``is_success`` say with ``status`` what came of it.
PROMISED = {
    *("user_id", "key_prefix", "address", "client", "alias", "route", "status", "error_id"),
    *("at", "ttfb_ms", "duration_ms", "input_tokens", "output_tokens", "cached_tokens", "type", "is_success"),
}


def fill(ledger: Ledger, count: int) -> None:
    for number in range(count):
        ledger.add(RequestRecord(user_id="ann", alias=f"fake/{number}", method="POST", status=200))


def aliases(server: MongoServer, name: str) -> list[str]:
    with pymongo.MongoClient[dict[str, Any]](server.url) as client:
        return sorted(row["alias"] for row in client[name]["usage"].find())


EXPECTED = sorted(f"fake/{number}" for number in range(50))


@on_loop
async def test_a_batch_whose_answer_was_lost_is_not_written_twice(own_mongo: MongoServer) -> None:
    async with open_store(own_mongo.url, "ledger", timeout_s=0.4) as store:
        ledger = Ledger(UsageStore(store))
        fill(ledger, 50)
        own_mongo.freeze()
        try:
            await ledger.flush()  # it is in the socket, and will be read when nobody waits for it any more
        finally:
            own_mongo.thaw()
        await eventually(lambda: len(aliases(own_mongo, "ledger")) == 50)
        await ledger.close()
    assert aliases(own_mongo, "ledger") == EXPECTED


@on_loop
async def test_a_stop_in_the_middle_of_a_batch_loses_nothing(mongo: MongoServer, database: Any) -> None:
    async with open_store(mongo.url, database.name) as store:
        for steps in range(12):
            database["usage"].delete_many({})
            ledger = Ledger(UsageStore(store))
            fill(ledger, 50)
            writing = asyncio.ensure_future(ledger.flush())
            for _ in range(steps):
                await asyncio.sleep(0)
            await asyncio.sleep(steps * 0.0005)
            writing.cancel()
            await asyncio.wait([writing])
            await ledger.close()
            assert aliases(mongo, database.name) == EXPECTED


@on_loop
async def test_what_a_provider_counts_fits(mongo: MongoServer, database: Any) -> None:
    async with open_store(mongo.url, database.name) as store:
        ledger = Ledger(UsageStore(store))
        ledger.add(RequestRecord(user_id="ann", alias="fake/one", method="POST", input_tokens=2**70))
        await ledger.flush()
    assert database["usage"].find_one()["input_tokens"] == 2**63 - 1


@on_loop
async def test_rows_that_can_t_be_written_are_named(
    own_mongo: MongoServer, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("freetheai.usage._LAST_PATIENCE_S", 0.6)
    async with open_store(own_mongo.url, "ledger", timeout_s=0.4) as store:
        ledger = Ledger(UsageStore(store))
        fill(ledger, 3)
        own_mongo.kill()
        await ledger.close()
    (said,) = [record for record in caplog.records if record.message == "usage rows lost at the end"]
    assert said.__dict__["rows"] == 3


@pytest.fixture(scope="module")
def house(make_program: Any, upstream: ScriptedUpstream) -> tuple[Program, Members, str]:
    upstream.script = chat_body("a")
    tiers = [{"level": 1, "minimum_invites": 0, "rate_limit_per_minute": 100000, "concurrency_limit": 50}]
    program, members = make_program(limits={"daily_success_limit": 100000, "tiers": tiers})
    return program, members, members.add("ann")[0]


def ask(client: httpx2.Client, program: Program, key: str) -> None:
    body = {"model": "fake/one", "messages": [{"role": "user", "content": "Hi"}]}
    headers = {"x-api-key": key, "X-Forwarded-For": "198.51.100.7"}
    assert client.post(f"{program.base_url}/chat/completions", json=body, headers=headers).status_code == 200


def rows_of(program: Program) -> list[UsageDocument]:
    with pymongo.MongoClient[Any](str(program.sections["mongodb"]["url"]), tz_aware=True) as client:
        return list(client[str(program.sections["mongodb"]["database"])]["usage"].find({}, {"_id": 0}))


def test_a_stop_in_good_order_loses_no_row(house: tuple[Program, Members, str]) -> None:
    program, _, key = house
    with httpx2.Client(timeout=20) as client:
        for _ in range(40):
            ask(client, program, key)
    program.stop()
    rows = rows_of(program)
    assert len(rows) == 40
    assert all(set(row) == PROMISED for row in rows)
    assert {row["address"] for row in rows} == {"198.51.100.7"}


def test_a_crash_loses_a_second_at_most(house: tuple[Program, Members, str]) -> None:
    program, _, key = house
    program.start()
    before = len(rows_of(program))
    answered_s: list[float] = []
    with httpx2.Client(timeout=20) as client:
        began_s = time.monotonic()
        while time.monotonic() - began_s < 2.2:
            ask(client, program, key)
            answered_s.append(time.monotonic())
    killed_s = time.monotonic()
    program.signal(signal.SIGKILL)
    program.wait(5)
    older = sum(at_s < killed_s - 1 for at_s in answered_s)
    assert older > 0
    assert older <= len(rows_of(program)) - before <= len(answered_s)
