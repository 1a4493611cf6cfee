"""One answer to every error: a plain sentence only its member sees, with an id that is in the log.

Rules:
- what is refused in the course of things (a key there is already, a wrong answer) is no error and never gets here;
- a dependency that is away is told as that, and logged without a traceback: the outage has its own lines;
- an interaction that can't be answered any more (too late, answered already) is a line in the log, nothing else.
"""

import logging
from collections.abc import Awaitable
from typing import Any, Final

import discord
from discord import app_commands

from freetheai import ids
from freetheai.bot.person import Interaction
from freetheai.bot.replies import Reply, reply
from freetheai.errors import ApiError
from freetheai.limits import RedisFailure
from freetheai.store.mongo import StoreUnavailable

_logger = logging.getLogger(__name__)

_AWAY: Final = "The gateway can't reach its database just now. Nothing was lost; try again in a minute."
_OURS: Final = "Something went wrong on our side. Try again; if it happens again, tell staff the id."
_OLD: Final = "This command has changed. Reload Discord (Ctrl+R, or restart the app) and use it again."
_NOT_ALLOWED: Final = "You may not use this command."
_DEPENDENCIES: Final = (StoreUnavailable, RedisFailure, ApiError, TimeoutError)
# Discord's codes: unknown interaction (too late), already acknowledged, invalid webhook token (after 15 minutes).
_CANNOT_BE_ANSWERED: Final = frozenset({10062, 40060, 50027, 10015})


async def safely(interaction: Interaction, work: Awaitable[None]) -> None:
    """Do ``work``, which answers ``interaction``; whatever it raises is answered too. Never raises but for the end."""
    try:
        await work
    except Exception as error:
        await answer_failure(interaction, error)


async def answer_failure(interaction: Interaction, error: BaseException) -> None:
    """Tell the member, and the log, that ``error`` kept ``interaction`` from being done."""
    if isinstance(error, app_commands.CommandInvokeError):
        error = error.original
    facts = {"user_id": str(interaction.user.id), "interaction": describe(interaction)}
    if _is_unanswerable(error):
        _logger.warning("a member could not be answered", extra={**facts, "reason": str(error)})
        return
    error_id = ids.error_id("gw")
    text = _text(error)
    if text == _OURS:
        _logger.error("an interaction failed", exc_info=error, extra={**facts, "error_id": error_id})
    else:
        _logger.warning("an interaction was not done", extra={**facts, "error_id": error_id, "reason": _name(error)})
    try:
        await reply(interaction, Reply(f"{text} Error id: `{error_id}`"))
    except (discord.HTTPException, discord.InteractionResponded, OSError, TimeoutError) as second:
        _logger.warning("a member could not be told", extra={**facts, "error_id": error_id, "reason": str(second)})


def describe(interaction: Interaction) -> str:
    """What was done, for the log: a command's name or a custom id, which hold nothing secret; never what was typed."""
    data: Any = interaction.data or {}
    return str(data.get("name") or data.get("custom_id") or interaction.type.name)


def _text(error: BaseException) -> str:
    if isinstance(error, _DEPENDENCIES):
        return _AWAY
    if isinstance(error, app_commands.CommandNotFound | app_commands.CommandSignatureMismatch):
        return _OLD
    if isinstance(error, app_commands.CheckFailure):
        return _NOT_ALLOWED
    return _OURS


def _name(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"


def _is_unanswerable(error: BaseException) -> bool:
    return isinstance(error, discord.HTTPException) and error.code in _CANNOT_BE_ANSWERED
