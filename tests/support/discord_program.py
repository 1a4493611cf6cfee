"""What tests ask of a running program whose bot is in the tests' Discord, and the rights they take from the bot."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2

from discord_server.control import DiscordServer
from support.program import Program


def events(program: Program, event: str) -> list[dict[str, Any]]:
    """The log's lines of one event."""
    return [line for line in program.log_lines() if line.get("event") == event]


def is_refused(program: Program, key: str) -> bool:
    """Whether a key is good for nothing."""
    answer = httpx2.get(f"{program.base_url}/models", headers={"x-api-key": key}, timeout=10)
    return answer.status_code == 401


def discord_state(program: Program) -> str:
    """What the health route says of Discord."""
    return str(httpx2.get(f"{program.base_url}/health", timeout=10).json()["dependencies"]["discord"])


@contextmanager
def without(server: DiscordServer, permission: int) -> Iterator[None]:
    """Meanwhile the bot may not do what ``permission`` permits."""
    roles = [server.world.bot_role, server.world.roles[server.world.guild_id]]
    before = [role.permissions for role in roles]

    def change(permissions: list[int]) -> None:
        for role, each in zip(roles, permissions, strict=True):
            role.permissions = each

    server.call(lambda: change([each & ~permission for each in before]))
    try:
        yield
    finally:
        server.call(lambda: change(before))
