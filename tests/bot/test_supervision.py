"""The bot in bad times: what Discord refuses, what is away, who of several processes has it; and the API serves on."""

import re
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import orjson
import pytest

from discord_server.control import DiscordServer
from support.discord_member import Secrets, sign_up
from support.program import Program
from support.redis_server import RedisServer

MakeProgram = Callable[..., Program]


def wait_until(holds: Callable[[], Any], timeout_s: float = 20.0) -> Any:
    deadline_s = time.monotonic() + timeout_s
    while not (found := holds()):
        assert time.monotonic() < deadline_s, "never became true"
        time.sleep(0.05)
    return found


def discord_state(program: Program) -> str:
    return str(httpx2.get(f"{program.base_url}/health", timeout=10).json()["dependencies"]["discord"])


def events(program: Program, event: str) -> list[dict[str, Any]]:
    return [line for line in program.log_lines() if line.get("event") == event]


def test_a_first_connection_that_fails_is_made_again_while_the_api_serves(make_program: MakeProgram) -> None:
    with DiscordServer.start() as server:
        server.rest.fail("/users/@me", 503, times=1)
        server.gateway.refuse_next(1)
        program = make_program(server)
        assert discord_state(program) == "down"
        assert httpx2.get(f"{program.base_url}/models", timeout=10).status_code == 401, "the API serves"
        wait_until(lambda: discord_state(program) == "up")
        reasons = [line["reason"] for line in events(program, "discord can't be reached")]
        assert len(reasons) == 2
        assert "503" in reasons[0] and "503" in reasons[1], reasons
        server.wait_for_commands("signup")
        assert server.add_member("ada").command("signup").kind == "modal"
        # A lost connection heals by itself.
        server.gateway.refuse_next(1)
        server.gateway.drop(4000)
        wait_until(lambda: events(program, "discord is connected again"))
        wait_until(lambda: discord_state(program) == "up")
        assert len(events(program, "discord's connection was lost")) == 1
        assert not [line for line in program.log_lines() if "trace" in line]
        assert not server.violations


def test_a_refused_token_is_one_clear_line_and_not_tried_again(make_program: MakeProgram) -> None:
    with DiscordServer.start() as server:
        program = make_program(server, token="MTIz.other.token")
        (line,) = wait_until(lambda: events(program, "the discord bot is off until the next start"))
        assert line["level"] == "error"
        assert "set discord.token" in line["reason"]
        assert "trace" not in line and "other.token" not in program.log_file.read_text()
        asked = len(server.requests)
        assert discord_state(program) == "down"
        time.sleep(1.2)
        assert len(server.requests) == asked, "Discord bans addresses that go on"
        assert program.is_ready(), "the API serves"


def test_without_the_members_intent_it_goes_on_and_says_so(make_program: MakeProgram) -> None:
    with DiscordServer.start() as server:
        server.privileged_intents.clear()
        program = make_program(server)
        (line,) = wait_until(
            lambda: events(program, "discord does not grant the members intent: going on without it, slower")
        )
        assert "members_intent = false" in line["what_to_do"]
        server.wait_for_ready()
        server.wait_for_commands("me", "signup")
        found = Secrets(program, server)
        assert sign_up(found, server.add_member("ada", roles=["seems_legit"])).startswith("fta_")
        found.close()
        shown = orjson.loads(program.cli("users", "list", "--json").stdout)
        assert "seems_legit" in str(shown), "roles come with the interaction"
        assert not server.violations


def test_one_of_two_processes_has_the_bot_and_the_other_takes_it_over(make_program: MakeProgram) -> None:
    with DiscordServer.start() as server:
        first = make_program(server)
        server.wait_for_ready()
        second = make_program(server, like=first)
        server.wait_for_commands("signup")
        ada = server.add_member("ada")
        for _ in range(3):
            assert ada.command("signup").kind == "modal"
        assert len(server.connections) == 1
        wait_until(lambda: discord_state(second) == "up")
        call_discord(server, "DELETE", server.commands["me"]["id"])
        first.signal(signal.SIGKILL)
        first.wait(5)
        server.wait_for(lambda: len(server.connections) == 2, 15, "the other process")
        server.wait_for_ready()
        assert ada.command("signup").kind == "modal"
        server.wait_for_commands("me")
        first.start()
        second.stop()
        assert second.wait() == 0
        server.wait_for(lambda: len(server.connections) == 3, 10, "the first process again")
        server.wait_for_ready()
        assert ada.command("signup").kind == "modal"
        assert not server.violations, "nothing was answered twice"
        assert len(server.requests_to("PUT /applications/*/guilds/*/commands")) == 2, "when one was gone"


def call_discord(server: DiscordServer, method: str, path: str, body: Any = None) -> None:
    """Change the commands past the program, as someone with the token would."""
    url = f"{server.api_base_url}/applications/{server.bot_id}/guilds/{server.guild_id}/commands/{path}".rstrip("/")
    headers = {"Authorization": f"Bot {server.token}"}
    httpx2.request(method, url, json=body, headers=headers, timeout=10).raise_for_status()


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path)
    server.start()
    yield server
    server.stop()


def test_what_goes_wrong_is_told_with_an_id_that_is_in_the_log(
    make_program: MakeProgram, own_redis: RedisServer
) -> None:
    with DiscordServer.start() as server:
        program = make_program(server, start=False)
        program.sections["redis"]["url"] = own_redis.url
        program.write_config(program.sections)
        program.start()
        server.wait_for_ready()
        server.wait_for_commands("signup", "me")
        ada = server.add_member("ada")
        own_redis.stop()
        refused = ada.command("signup")
        assert refused.ephemeral
        assert "can't reach its database" in refused.content
        found = re.search(r"gw-[0-9a-f]{12}", refused.content)
        assert found is not None
        (line,) = [line for line in program.log_lines() if line.get("error_id") == found[0]]
        assert (line["user_id"], line["interaction"]) == (ada.id, "signup")
        assert server.connections[-1].is_open, "the bot stays"
        own_redis.start()
        wait_until(lambda: ada.command("signup").kind == "modal")
        assert len(server.connections) == 1
        assert not server.violations


@contextmanager
def load(program: Program, key: str, threads: int) -> Iterator[list[int]]:
    """Streams, as many at once as there are threads, until the block ends; their statuses."""
    statuses: list[int] = []
    ended = threading.Event()
    body = {"model": "fake/one", "stream": True, "messages": [{"role": "user", "content": "Hi"}]}

    def run() -> None:
        with httpx2.Client(timeout=30) as client:
            while not ended.is_set():
                answer = client.post(f"{program.base_url}/chat/completions", json=body, headers={"x-api-key": key})
                statuses.append(answer.status_code)

    running = [threading.Thread(target=run) for _ in range(threads)]
    for thread in running:
        thread.start()
    try:
        yield statuses
    finally:
        ended.set()
        for thread in running:
            thread.join()


def test_every_command_is_answered_in_time_while_the_api_is_busy(make_program: MakeProgram) -> None:
    with DiscordServer.start() as server:
        program = make_program(server, picture_challenge="always", start=False)
        wide = {"rate_limit_per_minute": 1_000_000, "concurrency_limit": 1000, "level": 1, "minimum_invites": 0}
        program.sections["limits"] = {"daily_success_limit": 1_000_000, "tiers": [wide]}
        program.write_config(program.sections)
        program.start()
        server.wait_for_ready()
        server.wait_for_commands("signup", "me")
        key = program.issue_key("load", "--check-in")
        people = server.add_members(12)
        with load(program, key, 24) as statuses:
            wait_until(lambda: len(statuses) > 24)
            sent = [person.command("signup", wait=False) for person in people]
            shown = [answer.wait().result() for answer in sent]
            opened = [person.press(each, "Answer") for person, each in zip(people, shown, strict=True)]
            assert {answer.kind for answer in opened} == {"modal"}
            for person in people:
                person.command("me").result()
        assert set(statuses) == {200}
        assert not server.violations, "Discord waits three seconds"
