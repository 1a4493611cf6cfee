"""Guessing keys: an address may send so many wrong ones a minute, whichever process it asks."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest

from freetheai import ids
from support.members import Members
from support.program import Program

LIMIT = 5
CHAT = {"model": "fake/one", "messages": [{"role": "user", "content": "Hi"}]}


@pytest.fixture(scope="module")
def two(make_program: Any) -> tuple[Program, Program, Members]:
    gates = {"failed_keys_per_minute": LIMIT}
    first, members = make_program(gates=gates)
    second, _ = make_program(like=first, gates=gates)
    return first, second, members


def ask(program: Program, key: str, address: str, **headers: str) -> httpx2.Response:
    headers |= {"X-Forwarded-For": address} | ({"Authorization": f"Bearer {key}"} if key else {})
    return httpx2.post(f"{program.base_url}/chat/completions", json=CHAT, headers=headers, timeout=20)


def exhaust(program: Program, address: str) -> None:
    for _ in range(LIMIT):
        assert ask(program, ids.new_key(), address).status_code == 401


def test_two_processes_count_as_one_and_let_no_guess_more_through(two: tuple[Program, Program, Members]) -> None:
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda number: ask(two[number % 2], ids.new_key(), "198.51.100.1"), range(40)))
    statuses = [answer.status_code for answer in answers]
    assert (statuses.count(401), statuses.count(429)) == (LIMIT, 40 - LIMIT)
    for answer in answers:
        if answer.status_code == 429:
            error = answer.json()["error"]
            assert error["type"] == "rate_limit_error"
            assert "Too many wrong keys came from your address" in error["message"]
            assert 1 <= int(answer.headers["retry-after"]) <= 60
            assert f"retry in {answer.headers['retry-after']} s" in error["message"]
            assert "x-ratelimit-limit" not in answer.headers, "no member's limit has been reached"


@pytest.mark.parametrize(
    ("number", "wrong"), list(enumerate(["nonsense", '"quoted"', "fta_tooshort", "sk-" + "x" * 40, "YOUR_KEY"]))
)
def test_a_key_that_can_be_none_counts_too(two: tuple[Program, Program, Members], number: int, wrong: str) -> None:
    address = f"198.51.100.{10 + number}"
    for _ in range(LIMIT):
        assert ask(two[0], wrong, address).status_code == 401
    assert ask(two[1], wrong, address).status_code == 429


def test_every_route_that_takes_a_key_counts_and_refuses(two: tuple[Program, Program, Members]) -> None:
    headers = {"X-Forwarded-For": "198.51.100.60", "x-api-key": "wrong"}
    statuses = [httpx2.get(f"{two[0].base_url}/models", headers=headers).status_code for _ in range(LIMIT + 1)]
    assert statuses == [401] * LIMIT + [429]
    assert httpx2.post(f"{two[0].base_url}/messages", json=CHAT, headers=headers).status_code == 429


def test_a_request_s_several_keys_are_several_guesses(two: tuple[Program, Program, Members]) -> None:
    several = {"x-api-key": ids.new_key(), "api-key": ids.new_key()}
    assert ask(two[0], ids.new_key(), "198.51.100.61", **several).status_code == 401
    assert ask(two[0], ids.new_key(), "198.51.100.61", **several).status_code == 429


def test_who_sends_no_key_is_told_to_send_one(two: tuple[Program, Program, Members]) -> None:
    for _ in range(LIMIT + 3):
        assert ask(two[0], "", "198.51.100.62").status_code == 401
    exhaust(two[0], "198.51.100.62")
    assert ask(two[0], ids.new_key(), "198.51.100.62").status_code == 429
    assert ask(two[0], "", "198.51.100.62").status_code == 401


def test_members_behind_the_same_address_are_served_on(two: tuple[Program, Program, Members]) -> None:
    first, second, members = two
    known, never_seen = members.add("known", "never-seen")
    assert ask(first, known, "198.51.100.63").status_code == 200
    exhaust(second, "198.51.100.63")
    assert ask(first, ids.new_key(), "198.51.100.63").status_code == 429
    assert ask(first, known, "198.51.100.63").status_code == 200
    assert ask(first, never_seen, "198.51.100.63").status_code == 429, "it could be a guess: it is not looked up"
    assert ask(first, never_seen, "198.51.100.64").status_code == 200
    members.revoke("known")
    assert ask(first, known, "198.51.100.63").status_code in (200, 429)  # the notice may still be on its way


def test_an_ipv6_subscriber_is_one_address(two: tuple[Program, Program, Members]) -> None:
    for number in range(LIMIT):
        assert ask(two[0], ids.new_key(), f"2001:db8:1:2::{number}").status_code == 401
    assert ask(two[0], ids.new_key(), "2001:db8:1:2:ffff::1").status_code == 429
    assert ask(two[0], ids.new_key(), "2001:db8:1:3::1").status_code == 401


def test_good_keys_cost_nothing(two: tuple[Program, Program, Members]) -> None:
    (key,) = two[2].add("busy", overrides={"rate_limit_per_minute": 1000})
    for _ in range(LIMIT * 2):
        assert ask(two[0], key, "198.51.100.65").status_code == 200
    assert ask(two[0], ids.new_key(), "198.51.100.65").status_code == 401
