"""The part of `doctor` that asks Discord: the token, the intents, the server, the roles and the bot's rights.

Strategy: four questions to Discord's REST API, the ones an operator would click through in the Developer Portal and in
the server's settings. Nothing is changed there and no gateway connection is opened.

API: https://discord.com/developers/docs/reference (version 10)
"""

import functools
import operator
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from freetheai.cli.doctor_roles import judge_named_roles
from freetheai.cli.finding import Finding
from freetheai.config.settings import DiscordSettings
from freetheai.upstream import CallTimeouts, ResponseHead, Upstream, UpstreamCall
from freetheai.wire.jsontext import try_loads

_DISCORD: Final = "https://discord.com/api/v10"
_TIMEOUTS: Final = CallTimeouts(connect_s=5, first_byte_s=10, idle_s=10, total_s=20)
_MAX_ANSWER_BYTES: Final = 4 * 1024 * 1024
# Permissions: who has the first has all.
_ADMINISTRATOR: Final = 1 << 3
_PORTAL: Final = "Developer Portal (https://discord.com/developers/applications)"


class _Intent(NamedTuple):
    """A privileged intent: the portal's name, our entry, what its lack leads to, and the application's flags for it (of
    verified bots and of bots in less than 100 servers).
    """

    name: str
    entry: str
    without: str
    flags: int


class _Right(NamedTuple):
    """A permission: Discord's name, what its lack leads to."""

    name: str
    without: str
    bit: int


_INTENTS: Final = (
    _Intent("Server Members Intent", "members_intent", "members are looked up one by one", (1 << 14) | (1 << 15)),
    _Intent("Message Content Intent", "message_content_intent", "posted keys may be missed", (1 << 18) | (1 << 19)),
)
_NEEDED: Final = (
    _Right("View Channels", "it hears of no message", 1 << 10),
    _Right("Manage Roles", "it can't make members Verified", 1 << 28),
    _Right("Manage Server", "invites are not counted", 1 << 5),
    _Right("Manage Messages", "posted keys end but stay readable", 1 << 13),
    _Right("Read Message History", "keys posted while it was away are not found", 1 << 16),
    _Right("Send Messages", "announcements can't be posted", 1 << 11),
)


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
        permissions = sum(right.bit for right in _NEEDED)
        return Finding(
            "discord",
            "error",
            f"the bot is not in the server {self._settings.guild_id}",
            "check discord.guild_id, or invite it: https://discord.com/oauth2/authorize"
            f"?client_id={bot.get('id')}&scope=bot+applications.commands&permissions={permissions}",
        )

    def _judge_intents(self, application: Mapping[str, Any]) -> list[Finding]:
        flags = int(application.get("flags") or 0)
        return [
            Finding(
                "discord intents",
                "error",
                f"the {intent.name} is off: {intent.without}",
                f"{_PORTAL}: your application, Bot, Privileged Gateway Intents, switch on {intent.name};"
                f" or set discord.{intent.entry} = false",
            )
            for intent in _INTENTS
            if getattr(self._settings, intent.entry) and not flags & intent.flags
        ]

    def _judge_roles(self, guild: Mapping[str, Any], member: Mapping[str, Any]) -> list[Finding]:
        roles = {str(role.get("id")): role for role in guild.get("roles", ())}
        # Every member has the role that has the server's own id.
        own = [roles[one] for one in (*member.get("roles", ()), str(guild.get("id"))) if one in roles]
        rights = functools.reduce(operator.or_, (int(role.get("permissions", 0)) for role in own), 0)
        findings = [
            Finding(
                "discord rights",
                "warning",
                f"the bot lacks {right.name}: {right.without}",
                f"Server Settings, Roles, the bot's role, Permissions: switch on {right.name}",
            )
            for right in _NEEDED
            if not rights & (right.bit | _ADMINISTRATOR)
        ]
        own_position = max((int(role.get("position", 0)) for role in own), default=0)
        return findings + judge_named_roles(self._settings, list(roles.values()), own_position)
