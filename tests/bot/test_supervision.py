"""The bot in bad times: what Discord refuses, what is away, who of several processes has it; and the API serves on."""

from collections.abc import Callable
from typing import Any

import httpx2

from discord_server.control import DiscordServer
from discord_server.intents import MESSAGE_CONTENT
from support.discord_program import discord_state, events
from support.discord_staff import wait_until
from support.program import Program

MakeProgram = Callable[..., Program]
WITHOUT = "discord does not grant the"


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


def test_an_intent_that_is_withdrawn_later_is_done_without_and_no_other(make_program: MakeProgram) -> None:
    with DiscordServer.start() as server:
        server.privileged_intents.add("message_content")
        program = make_program(server, message_content_intent=True)
        server.wait_for_ready()
        server.privileged_intents.remove("members")
        server.gateway.forget_sessions()
        server.gateway.drop(4014)
        wait_until(lambda: events(program, f"{WITHOUT} members intent: going on without it, slower"))
        wait_until(lambda: len(server.connections) == 2)
        server.wait_for_ready()
        assert server.connections[-1].identify["intents"] & MESSAGE_CONTENT  # type: ignore[index]
        assert not [line for line in program.log_lines() if "message content intent" in str(line.get("event"))]
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
        first.stop()
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
