"""Standing, bans and clients: what a change means for the very next request, and whose word on an address counts."""

import itertools
import time
from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from support.members import Members
from support.program import Program

CHAT = {"model": "fake/one", "messages": [{"role": "user", "content": "Hi"}]}
MODELS = [
    {"id": "fake/one", "upstream_model": "model-1"},
    {"id": "fake/gated", "roles": ["insider", "seems_legit"]},
    {"id": "fake/both", "roles": ["insider"], "requires_seems_legit": True},
]
LIMITS = {
    "max_addresses": 50,
    "tiers": [{"level": 1, "minimum_invites": 0, "rate_limit_per_minute": 10000, "concurrency_limit": 50}],
}
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def house(make_program: Any) -> tuple[Program, Members]:
    made: tuple[Program, Members] = make_program(MODELS, limits=LIMITS, gates={"membership": True, "checkin": True})
    return made


def ask(program: Program, key: str, model: str = "fake/one", **headers: str) -> tuple[int, str]:
    answer = httpx2.post(
        f"{program.base_url}/chat/completions",
        json={**CHAT, "model": model},
        headers={"Authorization": f"Bearer {key}", **headers},
        timeout=20,
    )
    return answer.status_code, answer.json().get("error", {}).get("type", "")


def within_a_second(holds: Callable[[], bool]) -> None:
    # The promise is a second; the machine that tests may be busy with other things.
    deadline_s = time.monotonic() + 3
    while not holds():
        assert time.monotonic() < deadline_s, "never seen"
        time.sleep(0.02)


OK = (200, "")


@pytest.mark.parametrize(
    ("fields", "model", "expected"),
    [
        pytest.param({"is_member": False}, "fake/one", (403, "discord_membership_required"), id="left"),
        pytest.param({"is_member": None}, "fake/one", (503, "discord_membership_error"), id="cannot tell"),
        pytest.param({"is_member": True}, "fake/one", OK, id="is there"),
        pytest.param({"last_checkin_day": None}, "fake/one", (403, "daily_checkin_required"), id="never checked in"),
        pytest.param({"last_checkin_day": "2026-01-01"}, "fake/one", (403, "daily_checkin_required"), id="another day"),
        pytest.param({"paused_reason": ""}, "fake/one", (403, "user_paused"), id="paused without a reason"),
        pytest.param({"roles": ["insider"]}, "fake/gated", OK, id="one role of several"),
        pytest.param({"roles": ["seems_legit"]}, "fake/gated", OK, id="the other role"),
        pytest.param({"roles": ["Insider"]}, "fake/gated", (403, "model_access_denied"), id="another role"),
        pytest.param({"roles": ["insider"]}, "fake/both", (403, "model_access_denied"), id="one of two needed"),
        pytest.param({"roles": ["insider", "seems_legit"]}, "fake/both", OK, id="both needed"),
    ],
)
def test_an_owner_s_standing(
    house: tuple[Program, Members], fields: dict[str, Any], model: str, expected: tuple[int, str]
) -> None:
    program, members = house
    name = f"member-{next(_numbers)}"
    (key,) = members.add(name)
    assert ask(program, key) == OK, "so the old state is cached"
    members.change(name, **fields)
    within_a_second(lambda: ask(program, key, model) == expected)
    assert members.counters(name)[1] == 0


@pytest.mark.parametrize("route", ["models", "models/fake/one"])
def test_the_catalog_stops_after_the_pause(house: tuple[Program, Members], route: str) -> None:
    program, members = house
    name = f"member-{next(_numbers)}"
    (key,) = members.add(name, is_member=False, last_checkin_day=None)
    headers = {"x-api-key": key}
    answer = httpx2.get(f"{program.base_url}/{route}", headers=headers)
    assert answer.status_code == 200
    assert "x-ratelimit-limit" not in answer.headers
    members.change(name, paused_reason="spam")
    within_a_second(lambda: httpx2.get(f"{program.base_url}/{route}", headers=headers).status_code == 403)
    assert members.counters(name) == (0, 0, 0)


BANNED = (403, "ip_blacklisted")


@pytest.fixture(scope="module")
def banned_house(house: tuple[Program, Members]) -> tuple[Program, str]:
    program, members = house
    for value in ("203.0.113.0/24", "192.0.2.77", "2001:db8:bad::/48", "::ffff:198.18.0.0/112"):
        program.cli("bans", "add", "ip", value)
    for value in ("shadyclient", "relay-*"):
        program.cli("bans", "add", "client", value)
    return program, members.add("banned-or-not")[0]


@pytest.mark.parametrize(
    ("forwarded_for", "expected"),
    [
        pytest.param("203.0.113.200", BANNED, id="in a banned network"),
        pytest.param("203.0.114.1", OK, id="beside it"),
        pytest.param("192.0.2.77", BANNED, id="a single address"),
        pytest.param("192.0.2.78", OK, id="its neighbour"),
        pytest.param("2001:db8:bad:1::5", BANNED, id="an IPv6 network"),
        pytest.param("2001:DB8:BAD:0:0::5", BANNED, id="written otherwise"),
        pytest.param("2001:db8:bae::5", OK, id="an IPv6 address beside it"),
        pytest.param("::ffff:203.0.113.9", BANNED, id="IPv4 written as IPv6"),
        pytest.param("198.18.5.5", BANNED, id="banned as IPv6, comes as IPv4"),
        pytest.param("203.0.113.9:443", BANNED, id="with a port"),
        pytest.param("[2001:db8:bad::1]:443", BANNED, id="IPv6 with a port"),
        pytest.param("1.1.1.1, 203.0.113.9", BANNED, id="the last hop before our proxy counts"),
        pytest.param("203.0.113.9, 1.1.1.1", OK, id="what stands before it anyone may have written"),
        pytest.param("203.0.113.9, 127.0.0.1", BANNED, id="over a chain of our own proxies"),
        pytest.param("unknown", OK, id="no address"),
        pytest.param("", OK, id="empty"),
    ],
)
def test_a_banned_address(banned_house: tuple[Program, str], forwarded_for: str, expected: tuple[int, str]) -> None:
    program, key = banned_house
    within_a_second(lambda: ask(program, key, **{"X-Forwarded-For": forwarded_for}) == expected)


def test_who_is_no_trusted_proxy_is_not_believed(make_program: Any) -> None:
    program, members = make_program(limits=LIMITS, server={"trusted_proxies": ["10.0.0.0/8"]})
    (key,) = members.add("member")
    program.cli("bans", "add", "ip", "203.0.113.0/24")
    program.cli("bans", "add", "ip", "127.0.0.2")
    assert ask(program, key, **{"X-Forwarded-For": "203.0.113.9"}) == OK
    program.cli("bans", "add", "ip", "127.0.0.1/32")
    within_a_second(lambda: ask(program, key, **{"X-Forwarded-For": "8.8.8.8"}) == BANNED)
    assert httpx2.get(f"{program.base_url}/health").status_code == 200, "public"


BANNED_CLIENT = (403, "client_signature_banned")


@pytest.mark.parametrize(
    ("headers", "client", "expected"),
    [
        pytest.param({"User-Agent": "ShadyClient/9.1 (x)"}, "shadyclient", BANNED_CLIENT, id="exactly"),
        pytest.param({"User-Agent": "shadyclient-two/1"}, "shadyclient-two", OK, id="a longer name"),
        pytest.param({"User-Agent": "relay-nine/1"}, "relay-nine", BANNED_CLIENT, id="a name with that beginning"),
        pytest.param({"User-Agent": "relays/1"}, "relays", OK, id="nearly that beginning"),
        pytest.param({"User-Agent": ""}, "unknown", OK, id="no user agent"),
        pytest.param({"User-Agent": "claude-cli/2.0.1 (external, cli)"}, "claude-code", OK, id="Claude Code"),
        pytest.param({"User-Agent": "codex_cli_rs/0.15.0 (Linux)"}, "codex", OK, id="Codex"),
        pytest.param({"User-Agent": "OpenAI/Python 2.1.0"}, "openai-python", OK, id="OpenAI's SDK"),
        pytest.param({"User-Agent": "OpenAI/JS 6", "X-Title": "Cline"}, "cline", OK, id="a title over the SDK"),
        pytest.param({"User-Agent": "Mozilla/5.0 (X11)"}, "browser", OK, id="a browser"),
    ],
)
def test_clients_are_recognised_and_banned_by_name(
    banned_house: tuple[Program, str], headers: dict[str, str], client: str, expected: tuple[int, str]
) -> None:
    program, key = banned_house
    within_a_second(lambda: ask(program, key, **headers) == expected)
    answer = httpx2.get(f"{program.base_url}/models", headers={"x-api-key": key, **headers}, timeout=20)
    assert program.wait_for_line(answer.headers["x-request-id"])["client"] == client
