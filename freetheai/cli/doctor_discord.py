"""The part of `doctor` that asks Discord: the token, the members intent, the server, the roles and the bot's rights.

Strategy: four questions to Discord's REST API, the ones an operator would click through in the Developer Portal and in
the server's settings. Nothing is changed there and no gateway connection is opened.

API: https://discord.com/developers/docs/reference (version 10)
"""

import functools
import operator
from collections.abc import Callable, Mapping
from typing import Any, Final

from freetheai.cli.finding import Finding
from freetheai.config.settings import DiscordSettings
from freetheai.upstream import CallTimeouts, ResponseHead, Upstream, UpstreamCall
from freetheai.wire.jsontext import try_loads

_DISCORD: Final = "https://discord.com/api/v10"
_TIMEOUTS: Final = CallTimeouts(connect_s=5, first_byte_s=10, idle_s=10, total_s=20)
_MAX_ANSWER_BYTES: Final = 4 * 1024 * 1024
# Application flags: the Server Members Intent, for verified bots and for bots in less than 100 servers.
_MEMBERS_INTENT: Final = (1 << 14) | (1 << 15)
# Permissions: who has the first has all.
_ADMINISTRATOR: Final = 1 << 3
_NEEDED: Final[Mapping[str, int]] = {"Manage Roles": 1 << 28, "View Channels": 1 << 10, "Manage Server": 1 << 5}
_PORTAL: Final = "Developer Portal (https://discord.com/developers/applications)"


async def check_discord(settings: DiscordSettings) -> list[Finding]:
    """Findings about the bot, its application and its server; one while the bot is off."""
    if not settings.enabled:
        return [Finding("discord", "ok", "the bot is off")]
    upstream = Upstream()
    try:
        return await _Check(upstream, settings).run()
    finally:
        upstream.close()


class _Refused(Exception):
    """A question that was not answered well: the finding says why."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.detail)
        self.finding = finding


class _Check:
    """The questions, in an order in which the first bad answer explains the ones after it."""

    def __init__(self, upstream: Upstream, settings: DiscordSettings) -> None:
        self._upstream = upstream
        self._settings = settings
        self._base = (settings.api_base_url or _DISCORD).rstrip("/")

    async def run(self) -> list[Finding]:
        try:
            bot = await self._ask("/users/@me", self._no_bot)
            application = await self._ask("/applications/@me", self._no_bot)
            guild_path = f"/guilds/{self._settings.guild_id}"
            guild = await self._ask(guild_path, lambda status: self._no_guild(bot))
            member = await self._ask(f"{guild_path}/members/{bot.get('id')}", lambda status: self._no_guild(bot))
        except _Refused as refused:
            return [refused.finding]
        findings = [*self._judge_intents(application), *self._judge_roles(guild, member)]
        return findings or [Finding("discord", "ok", f"{bot.get('username')} serves {guild.get('name')}")]

    async def _ask(self, path: str, judge: Callable[[int], Finding]) -> dict[str, Any]:
        headers = [f"Authorization: Bot {self._settings.token.reveal()}", "Accept: application/json"]
        call = UpstreamCall(method="GET", url=self._base + path, headers=headers, timeouts=_TIMEOUTS)
        answer = await self._upstream.fetch(call, _MAX_ANSWER_BYTES)
        if not isinstance(answer.head, ResponseHead):
            raise _Refused(
                Finding(
                    "discord",
                    "error",
                    "nobody answers there: no connection, or no trust in its certificate",
                    "check the network" + (" and discord.api_base_url" if self._settings.api_base_url else ""),
                )
            )
        status, body = answer.head.status, try_loads(answer.body)
        if status == 200 and isinstance(body, dict):
            return body
        if status == 429 or status >= 500:
            raise _Refused(Finding("discord", "warning", f"is in trouble (HTTP {status})", "wait, then try again"))
        raise _Refused(judge(status))

    def _no_bot(self, status: int) -> Finding:
        return Finding(
            "discord",
            "error",
            f"the bot's token is refused (HTTP {status})",
            f"{_PORTAL}: your application, Bot, Reset Token; put the new one where discord.token names it",
        )

    def _no_guild(self, bot: Mapping[str, Any]) -> Finding:
        permissions = sum(_NEEDED.values())
        return Finding(
            "discord",
            "error",
            f"the bot is not in the server {self._settings.guild_id}",
            "check discord.guild_id, or invite it: https://discord.com/oauth2/authorize"
            f"?client_id={bot.get('id')}&scope=bot+applications.commands&permissions={permissions}",
        )

    def _judge_intents(self, application: Mapping[str, Any]) -> list[Finding]:
        if not self._settings.members_intent or int(application.get("flags") or 0) & _MEMBERS_INTENT:
            return []
        return [
            Finding(
                "discord intents",
                "error",
                "the Server Members Intent is off: members are looked up one by one",
                f"{_PORTAL}: your application, Bot, Privileged Gateway Intents, switch on Server Members Intent;"
                " or set discord.members_intent = false",
            )
        ]

    def _judge_roles(self, guild: Mapping[str, Any], member: Mapping[str, Any]) -> list[Finding]:
        roles = {str(role.get("id")): role for role in guild.get("roles", ())}
        # Every member has the role that has the server's own id.
        own = [roles[one] for one in (*member.get("roles", ()), str(guild.get("id"))) if one in roles]
        rights = functools.reduce(operator.or_, (int(role.get("permissions", 0)) for role in own), 0)
        findings = []
        missing = [name for name, bit in _NEEDED.items() if not rights & (bit | _ADMINISTRATOR)]
        if missing:
            findings.append(
                Finding(
                    "discord rights",
                    "warning",
                    f"the bot lacks {', '.join(missing)}",
                    "Server Settings, Roles, the bot's role: switch them on (Manage Roles grants the Verified role,"
                    " Manage Server reads invites)",
                )
            )
        return findings + self._judge_named_roles(roles, max((int(role.get("position", 0)) for role in own), default=0))

    def _judge_named_roles(self, roles: Mapping[str, Mapping[str, Any]], own_position: int) -> list[Finding]:
        by_name = {str(role.get("name")): role for role in roles.values()}
        wanted = [("discord.verified_role", self._settings.verified_role)]
        wanted += [("discord.staff_roles", name) for name in self._settings.staff_roles]
        findings = [
            Finding(
                "discord roles",
                "warning",
                f"the server has no role {name!r}",
                f"Server Settings, Roles, Create Role; or mend {entry}",
            )
            for entry, name in wanted
            if name not in by_name
        ]
        verified = by_name.get(self._settings.verified_role)
        if verified is not None and int(verified.get("position", 0)) >= own_position:
            findings.append(
                Finding(
                    "discord roles",
                    "warning",
                    f"the bot can't grant {self._settings.verified_role!r}: it stands above the bot's own role",
                    "Server Settings, Roles: drag the bot's role above it",
                )
            )
        return findings
