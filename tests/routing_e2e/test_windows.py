"""Quota windows of any provider's plan: every process answers at once with the true wait, and the catalog shows it."""

import datetime
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest

from fakes.upstream import Reply, Request, ScriptedUpstream, ShortError, chat_body, run_in_thread
from freetheai import clock
from support.program import Program

CHINA = datetime.timezone(datetime.timedelta(hours=8))
HOUR_S, DAY_S = 3600, 86400


def _reset(seconds: int, zone: datetime.tzinfo) -> datetime.datetime:
    return (clock.utc_now() + datetime.timedelta(seconds=seconds)).astimezone(zone)


def glm(code: str, seconds: int) -> Reply:
    """GLM's own words; times without a zone are China's."""
    message = f"Usage limit reached. Your limit will reset at {_reset(seconds, CHINA):%Y-%m-%d %H:%M:%S}"
    return ShortError(429, {"error": {"code": code, "message": message}})


def minimax(seconds: int) -> Reply:
    """MiniMax': a 200 with its own envelope."""
    message = (
        f"usage limit exceeded, weekly limit reached, resets at {_reset(seconds, datetime.UTC):%Y-%m-%dT%H:%M:%SZ}"
    )
    return ShortError(200, {"base_resp": {"status_code": 2056, "status_msg": message}})


@dataclass(frozen=True)
class Plan:
    """A used-up plan: its provider's alias, how it says so, what members are told, and for how long."""

    alias: str
    says: Callable[[], Reply]
    status: int
    type: str
    wait_s: int


PLANS = [
    pytest.param(Plan("five/m", lambda: glm("1308", 4 * HOUR_S), 429, "glm_depleted", 4 * HOUR_S), id="five hours"),
    pytest.param(Plan("week/m", lambda: glm("1310", 5 * DAY_S), 429, "glm_depleted", 5 * DAY_S), id="a week"),
    pytest.param(Plan("month/m", lambda: glm("1317", 6 * DAY_S), 429, "glm_depleted", 6 * DAY_S), id="seven days"),
    pytest.param(Plan("other/m", lambda: minimax(3 * DAY_S), 503, "provider_unavailable", 3 * DAY_S), id="another's"),
]
FAMILY = {"five": "zai", "week": "zai", "month": "zai", "other": "openai"}


class House:
    """Two processes of one gateway and what their providers say."""

    def __init__(self, make_program: Any, upstream: ScriptedUpstream) -> None:
        self.upstream = upstream
        self.says: dict[str, Callable[[], Reply]] = {}
        upstream.script = self._play
        self._make = make_program
        self._sections = {
            f"providers.{name}": {
                "adapter": family,
                "formats": ["chat"],
                "base_url": f"{upstream.url}/{name}/v1",
                "api_keys": ["k1", "k2"],
                "cooldown_seconds": 0,
            }
            for name, family in FAMILY.items()
        }
        self.first, members = make_program([{"id": f"{name}/m"} for name in FAMILY], **self._sections)
        self.second = self.another()
        (self.key,) = members.add("member")

    def another(self) -> Program:
        program: Program = self._make([{"id": f"{name}/m"} for name in FAMILY], like=self.first, **self._sections)[0]
        return program

    def _play(self, request: Request) -> Any:
        name = request.path.split("/")[1]
        return self.says[name]() if name in self.says else chat_body("fine")

    def asked(self, name: str) -> int:
        return sum(request.path.startswith(f"/{name}/") for request in self.upstream.requests)

    def ask(self, program: Program, alias: str) -> httpx2.Response:
        body = {"model": alias, "messages": [{"role": "user", "content": "Hi"}]}
        headers = {"Authorization": f"Bearer {self.key}"}
        return httpx2.post(f"{program.base_url}/chat/completions", json=body, headers=headers, timeout=30)

    def status(self, program: Program, alias: str) -> str:
        headers = {"Authorization": f"Bearer {self.key}"}
        rows = httpx2.get(f"{program.base_url}/models/full", headers=headers).json()["data"]
        return str(next(row["status"] for row in rows if row["id"] == alias))


@pytest.fixture(scope="module")
def house(make_program: Any) -> Iterator[House]:
    with run_in_thread() as upstream:
        yield House(make_program, upstream)


def eventually(holds: Callable[[], bool], timeout_s: float = 15.0) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < deadline_s, "never became true"
        time.sleep(0.05)


def check(answer: httpx2.Response, plan: Plan) -> None:
    assert (answer.status_code, answer.json()["error"]["type"]) == (plan.status, plan.type)
    assert plan.wait_s - 60 <= int(answer.headers["retry-after"]) <= plan.wait_s
    assert answer.headers["x-should-retry"] == "false"


@pytest.mark.parametrize("plan", PLANS)
def test_a_used_up_plan_is_known_to_all_until_its_reset(house: House, plan: Plan) -> None:
    name = plan.alias.split("/")[0]
    assert house.ask(house.first, plan.alias).status_code == 200
    house.says[name] = plan.says
    before = house.asked(name)
    check(house.ask(house.first, plan.alias), plan)
    assert house.asked(name) == before + 2, "each key was asked"
    for program in (house.first, house.second):
        eventually(lambda program=program: house.status(program, plan.alias) == "down")  # type: ignore[misc]
        check(house.ask(program, plan.alias), plan)
    assert house.asked(name) == before + 2, "what is known is not asked again, by nobody"


def test_a_process_that_starts_later_knows_them_too(house: House) -> None:
    later = house.another()
    for alias in ("five/m", "week/m", "month/m", "other/m"):
        before = house.asked(alias.split("/")[0])
        eventually(lambda alias=alias: house.status(later, alias) == "down")  # type: ignore[misc]
        assert house.ask(later, alias).status_code in (429, 503)
        assert house.asked(alias.split("/")[0]) == before
