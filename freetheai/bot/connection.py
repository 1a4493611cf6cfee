"""Where Discord is, and what it means when a connection ends."""

import asyncio
import logging
from typing import Any, Final

import aiohttp
import discord
import yarl
from discord.gateway import DiscordWebSocket
from discord.http import Route

from freetheai.config.settings import DiscordSettings

# Close codes after which the same attempt can't succeed: token refused, wrong sharding, wrong version, wrong intents.
_TOKEN_REFUSED: Final = 4004
_NOT_AS_WE_ARE: Final = frozenset({4010, 4011, 4012, 4013})
# discord.py's own lines on what we log in ours: it adds tracebacks to ordinary drops.
_SILENCED: Final = {"discord.client": logging.CRITICAL, "discord.gateway": logging.ERROR}
_REASON_CHARS: Final = 300
# How long (seconds) Discord may take to tell which intents it grants.
_ASK_S: Final = 10.0


class BotRefused(Exception):
    """Discord refuses this bot for good; the text says what an operator can do."""


class IntentsRefused(Exception):
    """Discord does not grant these intents to this bot: ``names``, of ``members`` and ``message_content``."""

    def __init__(self, names: frozenset[str]) -> None:
        super().__init__(", ".join(sorted(names)))
        self.names = names


def silence_library() -> None:
    """Leave the lines on connections to us."""
    for name, level in _SILENCED.items():
        logging.getLogger(name).setLevel(level)


def point_at(settings: DiscordSettings) -> None:
    """Use the configured server in place of Discord's own, for this process."""
    if settings.api_base_url:
        Route.BASE = settings.api_base_url
    if settings.gateway_url:
        DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(settings.gateway_url)


async def connect(client: discord.Client, settings: DiscordSettings) -> None:
    """Log in and stay connected until the client is closed or can't go on.

    Raises:
        BotRefused, IntentsRefused: for good.
        ConnectionError: for now; the text is the reason in a few words.
    """
    try:
        await client.login(settings.token.reveal())
        if settings.api_base_url and not settings.gateway_url:
            # discord.py connects to Discord's own gateway unless it is told another.
            named: dict[str, Any] = await client.http.request(Route("GET", "/gateway"))
            DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(named["url"])
        await client.connect()
    except discord.LoginFailure as error:
        raise BotRefused("discord refuses the bot's token; set discord.token") from error
    except discord.PrivilegedIntentsRequired as error:
        if refused := await _not_granted(client):
            raise IntentsRefused(refused) from error
        raise BotRefused("discord refuses intents that need no approval") from error
    except discord.ConnectionClosed as error:
        raise _closed(error) from error
    except (discord.DiscordException, aiohttp.ClientError, OSError, ValueError, KeyError) as error:
        raise ConnectionError(_reason(error)) from error
    except AttributeError as error:
        if error.name != "sequence":
            raise
        # The first connection failed: discord.py wants the session it never had. What went wrong stands behind it.
        raise ConnectionError(_reason(error.__context__ or error)) from error


async def _not_granted(client: discord.Client) -> frozenset[str]:
    """The privileged intents we asked for that the application's flags don't have; all of them if they have each."""
    asked = {name for name in ("members", "message_content") if getattr(client.intents, name)}
    flags = await _flags_now(client)
    granted = {
        "members": flags.gateway_guild_members or flags.gateway_guild_members_limited,
        "message_content": flags.gateway_message_content or flags.gateway_message_content_limited,
    }
    return frozenset({name for name in asked if not granted[name]} or asked)


async def _flags_now(client: discord.Client) -> discord.ApplicationFlags:
    """The application's flags: those of the log-in may be of days ago, and an intent withdrawn since."""
    try:
        async with asyncio.timeout(_ASK_S):
            return (await client.application_info()).flags
    except (TimeoutError, OSError, discord.DiscordException, aiohttp.ClientError):
        return client.application.flags if client.application else discord.ApplicationFlags()


def _closed(error: discord.ConnectionClosed) -> Exception:
    if error.code == _TOKEN_REFUSED:
        return BotRefused("discord refuses the bot's token; set discord.token")
    if error.code in _NOT_AS_WE_ARE:
        return BotRefused(f"discord refuses the connection for good (close code {error.code})")
    return ConnectionError(f"discord closed the connection (code {error.code})")


def _reason(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:_REASON_CHARS]
