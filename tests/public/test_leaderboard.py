"""`GET /v1/models/leaderboard`: exactly what the ledger's rows come to."""

import asyncio
import random
from datetime import datetime, timedelta
from typing import Any

import httpx2
import pytest

from freetheai import clock
from freetheai.catalog.model import model_of
from freetheai.errors import ApiError
from freetheai.leaderboard import Leaderboard
from freetheai.store.mongo import Store, StoreUnavailable
from freetheai.store.usage import UsageDocument, UsageStore
from freetheai.store.usage_figures import BoardRow, UsageFigures
from support.mongo_server import shared_server
from support.on_loop import eventually, on_loop
from support.program import Program
from support.stores import open_store
from support.usage_rows import usage_row

MODELS = [{"id": f"fake/m{number}"} for number in range(5)]
MODELS += [{"id": "fake/hidden", "visibility": "hidden"}, {"id": "fake/off", "enabled": False}]
ALIASES = [str(model["id"]) for model in MODELS]
SHOWN = [alias for alias in ALIASES if alias not in ("fake/hidden", "fake/off")]
SITE = {"Authorization": "Bearer freetheai.xyz"}
HOURS = {"24h": 24, "7d": 168, "30d": 720}


def a_row(alias: str, user: str, at: datetime, **fields: Any) -> UsageDocument:
    return usage_row(at, user, alias=alias, **fields)


def make_rows(now: datetime) -> list[UsageDocument]:
    dice = random.Random(7)
    rows = []
    for _ in range(4000):
        alias = dice.choices(ALIASES, [50, 20, 10, 5, 0, 40, 40])[0]
        # Never within a minute of a window's edge: the program asks a little later than we do.
        at = now - timedelta(hours=dice.choice([1, 20, 30, 160, 200, 700, 740]), minutes=dice.randrange(2, 50))
        is_success = dice.random() < 0.8
        rows.append(
            a_row(
                alias,
                f"user-{dice.randrange(40)}",
                at,
                is_success=is_success,
                status=200 if is_success else 502,
                type="" if is_success else "provider_error",
                ttfb_ms=dice.choice([None, round(dice.uniform(5, 900), 1)]),
                duration_ms=round(dice.choice([dice.uniform(1, 2000), dice.uniform(2000, 300_000)]), 1),
            )
        )
    return rows


def three_digits(milliseconds: float) -> int:
    step = 1 if milliseconds < 1000 else 10 if milliseconds < 10_000 else 100 if milliseconds < 100_000 else 1000
    return round(milliseconds / step) * step


def expected(rows: list[UsageDocument], since: datetime, limit: int) -> list[dict[str, Any]]:
    counted: dict[str, list[UsageDocument]] = {}
    for row in rows:
        if row["is_success"] and row["at"] >= since and row["alias"] in SHOWN:
            counted.setdefault(row["alias"], []).append(row)
    total = sum(map(len, counted.values()))
    board = []
    for rank, (alias, own) in enumerate(sorted(counted.items(), key=lambda item: (-len(item[1]), item[0])), 1):
        latencies = sorted(three_digits(row["ttfb_ms"] or row["duration_ms"] or 0) for row in own)
        board.append(
            {
                "rank": rank,
                "id": alias,
                "prefix": "fake",
                "successes": len(own),
                "share": round(len(own) / total, 4),
                "unique_users": len({row["user_id"] for row in own}),
                "p50_latency_ms": latencies[(len(latencies) - 1) // 2],
            }
        )
    return board[:limit]


@pytest.fixture(scope="module")
def rows() -> list[UsageDocument]:
    return make_rows(clock.utc_now())


@pytest.fixture(scope="module")
def program(make_program: Any, rows: list[UsageDocument]) -> Program:
    made: Program = make_program(MODELS)[0]

    async def fill() -> None:
        async with open_store(shared_server().url, str(made.sections["mongodb"]["database"])) as store:
            await UsageStore(store).insert(rows)

    asyncio.run(fill())
    return made


def get(program: Program, query: str = "", headers: dict[str, str] | None = None) -> httpx2.Response:
    url = f"{program.base_url}/models/leaderboard{query}"
    return httpx2.get(url, headers=SITE if headers is None else headers, timeout=20)


@pytest.mark.parametrize(
    ("query", "window", "limit"),
    [
        pytest.param("", "24h", 20, id="defaults"),
        pytest.param("?window=24h&limit=1", "24h", 1, id="the first"),
        pytest.param("?window=7d", "7d", 20, id="a week"),
        pytest.param("?window=30d&limit=3", "30d", 3, id="a month"),
        pytest.param("?limit=100&window=30d", "30d", 100, id="the most"),
    ],
)
def test_the_board_is_what_the_rows_come_to(
    program: Program, rows: list[UsageDocument], query: str, window: str, limit: int
) -> None:
    document = get(program, query).json()
    assert list(document) == ["object", "window", "generated_at", "data"]
    assert (document["object"], document["window"]) == ("model_leaderboard", window)
    since = clock.utc_now() - timedelta(hours=HOURS[window])
    board = expected(rows, since, limit)
    assert document["data"] == board
    assert len(board) == min(limit, 4), "one of the models was never used"


@pytest.mark.parametrize(
    ("query", "named"),
    [
        pytest.param("?window=1h", "window", id="no such window"),
        pytest.param("?window=", "window", id="an empty window"),
        pytest.param("?window=24H", "window", id="in capitals"),
        pytest.param("?limit=0", "limit", id="nothing"),
        pytest.param("?limit=-1", "limit", id="less than nothing"),
        pytest.param("?limit=101", "limit", id="too much"),
        pytest.param("?limit=ten", "limit", id="a word"),
        pytest.param("?limit=", "limit", id="an empty limit"),
        pytest.param("?limit=" + "9" * 5000, "limit", id="more than any number"),
        pytest.param("?limit=%D9%A3", "limit", id="other digits"),
    ],
)
def test_a_bad_value_is_named(program: Program, query: str, named: str) -> None:
    answer = get(program, query)
    error = answer.json()["error"]
    assert (answer.status_code, error["type"]) == (400, "invalid_request_error")
    assert error["message"].startswith(f"{named} must be")


def test_only_the_site_s_key_opens_it(program: Program) -> None:
    key = program.issue_key("reader")
    for headers in ({}, {"x-api-key": key}, {"x-api-key": "fta_wrong"}, {"Authorization": "Bearer no"}):
        answer = get(program, "?window=nonsense", headers)
        error = answer.json()["error"]
        assert (answer.status_code, error["type"]) == (401, "invalid_request_error")
        assert error["message"].startswith("invalid site stats key")
    assert get(program, "", {"api-key": "freetheai.xyz"}).status_code == 200
    assert get(program, "", {"x-api-key": key, "api-key": "freetheai.xyz"}).status_code == 200


def test_a_model_that_is_hidden_leaves_the_board_at_once(program: Program, wait_until: Any) -> None:
    before = get(program, "?window=7d").json()["data"]
    assert before[0]["id"] == "fake/m0"
    program.cli("models", "disable", "fake/m0")
    after = wait_until(
        lambda: (data := get(program, "?window=7d").json()["data"])[0]["id"] != "fake/m0" and data, timeout_s=5
    )
    assert [row["id"] for row in after] == [row["id"] for row in before[1:]]
    assert (after[0]["rank"], round(sum(row["share"] for row in after), 2)) == (1, 1.0)
    program.cli("models", "enable", "fake/m0")


class CountingFigures(UsageFigures):
    """The real thing; may be held up, and made to fail."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.count = 0
        self.running = 0
        self.most = 0
        self.is_broken = False
        self.gate = asyncio.Event()
        self.gate.set()

    async def board(self, since: datetime) -> list[BoardRow]:
        self.count += 1
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await self.gate.wait()
            if self.is_broken:
                raise StoreUnavailable("mongodb is away")
            return await super().board(since)
        finally:
            self.running -= 1


@on_loop
async def test_it_is_counted_once_for_all_who_ask_and_again_when_it_is_old(mongo: Any, database: Any) -> None:
    model = model_of({"id": "fake/m0"}, "seems_legit")
    async with open_store(mongo.url, database.name) as store:
        await UsageStore(store).insert([a_row("fake/m0", "ann", clock.utc_now())])
        figures = CountingFigures(store)
        board = Leaderboard(figures, {"fake/m0": model}.get)
        try:
            figures.gate.clear()
            asking = [asyncio.ensure_future(board.get(window, 5)) for window in ("24h", "7d") * 50]
            await eventually(lambda: figures.running)
            asking[0].cancel()
            figures.gate.set()
            answers = await asyncio.gather(*asking[1:])
            assert (figures.count, figures.most) == (2, 1), "one computation for each window, one at a time"
            assert all(answer["data"][0]["successes"] == 1 for answer in answers)
            await board.get("24h", 5)
            assert figures.count == 2

            board._counts["24h"].fresh_until_s = 0.0
            await UsageStore(store).insert([a_row("fake/m0", "bob", clock.utc_now())])
            figures.gate.clear()
            old = [await board.get("24h", 5) for _ in range(20)]
            assert all(answer["data"][0]["successes"] == 1 for answer in old), "the old is served meanwhile"
            await eventually(lambda: figures.running)
            figures.gate.set()
            await eventually(lambda: board._counts["24h"].rows[0].successes == 2)
            assert figures.count == 3
        finally:
            await board.close()


@on_loop
async def test_without_mongodb_the_last_known_is_served_and_else_a_503(mongo: Any, database: Any) -> None:
    model = model_of({"id": "fake/m0"}, "seems_legit")
    async with open_store(mongo.url, database.name) as store:
        await UsageStore(store).insert([a_row("fake/m0", "ann", clock.utc_now())])
        figures = CountingFigures(store)
        board = Leaderboard(figures, {"fake/m0": model}.get)
        try:
            known = await board.get("24h", 5)
            figures.is_broken = True
            board._counts["24h"].fresh_until_s = 0.0
            assert await board.get("24h", 5) == known
            await eventually(lambda: not figures.running and figures.count == 2)
            await eventually(lambda: board._counts["24h"].fresh_until_s)
            assert await board.get("24h", 5) == known
            assert figures.count == 2, "MongoDB is left alone for a moment"
            with pytest.raises(ApiError) as refused:
                await board.get("7d", 5)
            assert refused.value.status == 503
        finally:
            await board.close()


@on_loop
async def test_the_board_is_read_from_its_index_alone(mongo: Any, database: Any) -> None:
    async with open_store(mongo.url, database.name) as store:
        await UsageStore(store).insert(make_rows(clock.utc_now()))
        database.command("profile", 2)
        await UsageFigures(store).board(clock.utc_now() - timedelta(days=7))
        database.command("profile", 0)
        ran = list(database["system.profile"].find({"command.aggregate": "usage"}))
        assert len(ran) == 2
        assert all((one["docsExamined"], one["planSummary"].startswith("IXSCAN")) == (0, True) for one in ran)
