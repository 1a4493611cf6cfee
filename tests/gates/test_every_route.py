"""Every route that takes a key stands behind the same gates, catalogs and lists up to the fourth of them."""

import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import httpx2
import pytest

from fakes.upstream import ScriptedUpstream, ShortError, json_reply
from support.members import Members
from support.program import Program

VERIFIED = {"roles": ["seems_legit"]}
MODELS = [
    {"id": "fake/one", **VERIFIED},
    {"id": "fake/voice", "supports_audio": True, **VERIFIED},
    {"id": "fake/image", "supports_images": True, **VERIFIED},
    {"id": "xai/video", "supports_video": True, **VERIFIED},
]
LIMITS = {"tiers": [{"level": 1, "minimum_invites": 0, "rate_limit_per_minute": 1, "concurrency_limit": 5}]}
USER = [{"role": "user", "content": "Hi"}]
FORM: Final[Mapping[str, Any]] = {"data": {"model": "fake/image", "prompt": "x"}, "files": {"image": ("a.png", b"x")}}
LIMIT_HEADERS = {
    f"x-{family}-{name}"
    for family in ("ratelimit", "concurrency", "dailylimit")
    for name in ("limit", "remaining", "reset")
}

# Route: what makes a good request to it. The first ones take a slot.
GENERATIONS: Final[Mapping[str, Mapping[str, Any]]] = {
    "chat/completions": {"json": {"model": "fake/one", "messages": USER}},
    "messages": {"json": {"model": "fake/one", "messages": USER, "max_tokens": 5}},
    "responses": {"json": {"model": "fake/one", "input": "Hi"}},
    "audio/speech": {"json": {"model": "fake/voice", "input": "Hi", "voice": "alloy"}},
    "audio/transcriptions": {"data": {"model": "fake/voice"}, "files": {"file": ("a.mp3", b"x")}},
    "images/generations": {"json": {"model": "fake/image", "prompt": "x"}},
    "images/edits": FORM,
    "videos/generations": {"json": {"model": "xai/video", "prompt": "x"}},
}
COUNTING: Final = {"messages/count_tokens": {"json": {"model": "fake/one", "messages": USER}}}
LOOKUPS: Final = ("images/generations/none", "videos/none")
CATALOG: Final = ("models", "models/fake/one", "models/full")
_users = itertools.count(1)
_client = httpx2.Client(timeout=20)


@pytest.fixture(scope="module")
def house(make_program: Any, upstream: ScriptedUpstream) -> tuple[Program, Members]:
    provider = {"base_url": f"{upstream.url}/v1", "cooldown_seconds": 0, "error_threshold": 1000000}
    made: tuple[Program, Members] = make_program(
        MODELS,
        limits=LIMITS,
        gates={"membership": True, "checkin": True, "failed_keys_per_minute": 100000},
        **{"providers.fake": provider, "providers.xai": {**provider, "adapter": "xai"}},
    )
    made[0].cli("bans", "add", "ip", "203.0.113.0/24")
    made[0].cli("bans", "add", "client", "badclient*")
    return made


def ask(program: Program, route: str, key: str, **headers: str) -> httpx2.Response:
    request = {**GENERATIONS, **COUNTING}.get(route)
    method, what = ("GET", {}) if request is None else ("POST", dict(request))
    headers = {"x-api-key": key, **headers}
    return _client.request(method, f"{program.base_url}/{route}", headers=headers, **what)


def type_of(answer: httpx2.Response) -> str:
    return str(answer.json().get("error", {}).get("type", ""))


def member(members: Members, **fields: Any) -> tuple[str, str]:
    name = f"member-{next(_users)}"
    return name, members.add(name, **{**VERIFIED, **fields})[0]


@pytest.fixture(scope="module", autouse=True)
def _client_closed() -> Iterator[None]:
    with _client:
        yield


EVERYWHERE = (*GENERATIONS, *COUNTING, *LOOKUPS, *CATALOG)
BEHIND_CATALOG = (*GENERATIONS, *COUNTING, *LOOKUPS)
Break = Callable[[Members, str], None] | None


@pytest.mark.parametrize(
    ("account", "headers", "routes", "status", "type_", "then"),
    [
        pytest.param({}, {"X-Forwarded-For": "203.0.113.9"}, EVERYWHERE, 403, "ip_blacklisted", None, id="address"),
        pytest.param({}, {"User-Agent": "BadClient/2"}, EVERYWHERE, 403, "client_signature_banned", None, id="client"),
        pytest.param({}, {}, EVERYWHERE, 401, "invalid_api_key", Members.revoke, id="key"),
        pytest.param({"paused_reason": "spam"}, {}, EVERYWHERE, 403, "user_paused", None, id="paused"),
        pytest.param({"is_member": False}, {}, BEHIND_CATALOG, 403, "discord_membership_required", None, id="left"),
        pytest.param({"is_member": None}, {}, BEHIND_CATALOG, 503, "discord_membership_error", None, id="unknown"),
        pytest.param(
            {"last_checkin_day": "2026-01-01"}, {}, BEHIND_CATALOG, 403, "daily_checkin_required", None, id="check-in"
        ),
        pytest.param({"roles": []}, {}, (*GENERATIONS, *COUNTING), 403, "model_access_denied", None, id="role"),
    ],
)
def test_a_closed_gate_is_closed_on_every_route(
    house: tuple[Program, Members],
    upstream: ScriptedUpstream,
    account: dict[str, Any],
    headers: dict[str, str],
    routes: tuple[str, ...],
    status: int,
    type_: str,
    then: Break,
) -> None:
    program, members = house
    name, key = member(members, **account)
    if then is not None:
        then(members, name)
    asked = upstream.request_count
    for route in EVERYWHERE:
        answer = ask(program, route, key, **headers)
        if route in routes:
            assert (answer.status_code, type_of(answer)) == (status, type_), route
            assert ("retry-after" in answer.headers) is (status == 503), route
        elif route in CATALOG:
            assert answer.status_code == 200, route
        else:
            assert answer.status_code == 404, route
        assert not LIMIT_HEADERS & set(answer.headers), route
    assert upstream.request_count == asked
    assert members.counters(name) == (0, 0, 0)


@pytest.mark.parametrize("route", GENERATIONS)
def test_the_limits_stand_on_every_answer_that_reached_them(
    house: tuple[Program, Members], upstream: ScriptedUpstream, route: str
) -> None:
    program, members = house
    name, key = member(members)
    upstream.script = ShortError(500)
    failed = ask(program, route, key)
    assert (failed.status_code, type_of(failed)) == (502, "provider_error")
    assert set(failed.headers) >= LIMIT_HEADERS
    assert failed.headers["x-ratelimit-remaining"] == "0"
    upstream.script = json_reply({"request_id": "up-1", "data": [{"b64_json": "eA=="}], "text": "x", "choices": []})
    refused = ask(program, route, key)
    assert (refused.status_code, type_of(refused)) == (429, "rate_limit_error")
    assert set(refused.headers) >= LIMIT_HEADERS
    assert refused.headers["retry-after"] == refused.headers["x-ratelimit-reset"]
    assert members.counters(name) == (1, 0, 0), "the failure cost no success, the refusal nothing at all"


def test_what_makes_nothing_takes_nothing(house: tuple[Program, Members]) -> None:
    program, members = house
    name, key = member(members)
    for route in (*COUNTING, *LOOKUPS, *CATALOG) * 2:
        answer = ask(program, route, key)
        assert answer.status_code in (200, 404), route
        assert not LIMIT_HEADERS & set(answer.headers)
    assert members.counters(name) == (0, 0, 0)
