"""The part of `doctor` that looks for the roles that the settings name among those the Discord server has.

A setting names a role by id or by name. Of several roles of one name the oldest is meant (``freetheai/bot/roles.py``);
since names may be given to any role, ids are the safer way for staff.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from freetheai.cli.finding import Finding
from freetheai.config.settings import DiscordSettings
from freetheai.membership import is_discord_id

_CHECK: Final = "discord roles"

Role = Mapping[str, Any]


def judge_named_roles(settings: DiscordSettings, roles: Sequence[Role], own_position: int) -> list[Finding]:
    """What is wrong with the Verified and the staff roles; ``own_position``: how high the bot's own role stands."""
    findings = _judge_one(roles, "discord.verified_role", settings.verified_role, by_id=False)
    for wanted in settings.staff_roles:
        findings += _judge_one(roles, "discord.staff_roles", wanted, by_id=True)
    verified = _oldest(_named(roles, settings.verified_role))
    if verified is not None and int(verified.get("position", 0)) >= own_position:
        findings.append(
            Finding(
                _CHECK,
                "warning",
                f"the bot can't grant {settings.verified_role!r}: it stands above the bot's own role",
                "Server Settings, Roles: drag the bot's role above it",
            )
        )
    return findings


def _judge_one(roles: Sequence[Role], entry: str, wanted: str, *, by_id: bool) -> list[Finding]:
    if is_discord_id(wanted):
        if not by_id:
            advice = f"name it by its name in {entry}"
            return [Finding(_CHECK, "warning", f"{entry} takes no id: {wanted}", advice)]
        if not any(str(role.get("id")) == wanted for role in roles):
            advice = f"Server Settings, Roles, the role's menu, Copy Role ID; put it in {entry}"
            return [Finding(_CHECK, "warning", f"the server has no role with the id {wanted}", advice)]
        return []
    named = _named(roles, wanted)
    if not named:
        advice = f"Server Settings, Roles, Create Role; or mend {entry}"
        return [Finding(_CHECK, "warning", f"the server has no role {wanted!r}", advice)]
    if len(named) == 1:
        return []
    oldest = _oldest(named)
    advice = "Server Settings, Roles: rename or delete the others"
    if by_id and oldest is not None:
        advice += f"; or put the id of the one that is meant in {entry}"
    detail = f"{len(named)} roles are called {wanted!r}; only the oldest ({oldest and oldest.get('id')}) counts"
    return [Finding(_CHECK, "warning", detail, advice)]


def _named(roles: Sequence[Role], name: str) -> list[Role]:
    return [role for role in roles if str(role.get("name")) == name]


def _oldest(roles: Sequence[Role]) -> Role | None:
    return min(roles, key=lambda role: int(role.get("id", 0)), default=None)
