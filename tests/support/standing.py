"""Members of the tests' Discord as clients of running programs: what an account of theirs is answered."""

import time
from collections.abc import Callable
from typing import Any

import httpx2

from discord_server.control import Person
from support.members import Members
from support.program import Program

# One for all: making a client costs tens of milliseconds.
_CLIENT = httpx2.Client(timeout=30)
CHAT: dict[str, Any] = {"model": "fake/one", "messages": [{"role": "user", "content": "Hi"}]}
SERVED = "served"
# Seconds: the one that is promised, and what a loaded machine adds. Where a notice is lost it takes longer.
SOON_S = 3.0


def ask(program: Program, key: str, model: str = "fake/one") -> httpx2.Response:
    headers = {"Authorization": f"Bearer {key}"}
    return _CLIENT.post(f"{program.base_url}/chat/completions", json={**CHAT, "model": model}, headers=headers)


def outcome(program: Program, key: str, model: str = "fake/one") -> str:
    """``SERVED`` or the type of the error."""
    answer = ask(program, key, model)
    return SERVED if answer.status_code == 200 else str(answer.json()["error"]["type"])


def seconds_until(holds: Callable[[], Any], timeout_s: float = 10.0) -> float:
    """How long it took until ``holds()`` was true."""
    began_s = time.monotonic()
    while not holds():
        assert time.monotonic() < began_s + timeout_s, "never became true"
        time.sleep(0.02)
    return time.monotonic() - began_s


def give_key(members: Members, person: Person, **fields: Any) -> str:
    """An account of ``person`` that has checked in, as if made long ago."""
    wide = {"rate_limit_per_minute": 100_000, "concurrency_limit": 500, "daily_success_limit": 100_000}
    (key,) = members.add(person.id, **{"overrides": wide, **fields})
    return key
