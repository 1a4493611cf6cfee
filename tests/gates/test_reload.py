"""`freetheai reload`: every server that runs takes over what can be taken over; what can't be used is refused first."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx2
import orjson

from freetheai.config.reload import RELOADABLE
from support.members import Members
from support.program import Program

CHAT = {"model": "fake/one", "messages": [{"role": "user", "content": "Hi"}]}


def limits(a_minute: int) -> Mapping[str, Any]:
    return {"tiers": [dict(level=1, minimum_invites=0, rate_limit_per_minute=a_minute, concurrency_limit=50)]}


def shown_limit(program: Program, key: str) -> str:
    answer = httpx2.post(f"{program.base_url}/chat/completions", json=CHAT, headers={"x-api-key": key}, timeout=20)
    return str(answer.headers["x-ratelimit-limit"])


def test_every_server_takes_over_its_configuration(make_program: Any, tmp_path: Path) -> None:
    first: Program
    members: Members
    first, members = make_program(limits=limits(70))
    second, _ = make_program(like=first, limits=limits(70))
    (key,) = members.add("member")
    assert shown_limit(first, key) == shown_limit(second, key) == "70"
    for program in (first, second):
        program.write_config({**program.sections, "limits": limits(80)})
    done = first.cli("reload", "--json")
    assert orjson.loads(done.stdout) == {"reloading": list(RELOADABLE)}
    deadline_s = time.monotonic() + 5
    while (shown_limit(first, key), shown_limit(second, key)) != ("80", "80"):
        assert time.monotonic() < deadline_s
        time.sleep(0.05)

    first.config.write_text("[limits]\nmax_addresses = 'many'\n")
    refused = first.cli("reload", check=False)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "max_addresses" in refused.stderr
    patterns = tmp_path / "patterns.txt"
    patterns.write_text("(\n")
    first.write_config({**first.sections, "moderation": {"patterns_file": str(patterns)}})
    refused = first.cli("reload", check=False)
    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
    assert "line 1: is no regular expression" in refused.stderr
    assert shown_limit(first, key) == "80"


def test_a_reload_that_nobody_can_be_told_of_is_refused(make_program: Any, tmp_path: Path) -> None:
    program, _ = make_program()
    program.write_config({**program.sections, "redis": {"url": "redis://127.0.0.1:9"}})
    refused = program.cli("reload", check=False)
    assert refused.returncode == 1
    assert "running servers were not told" in refused.stderr
