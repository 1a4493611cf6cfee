"""What a member is answered: text, perhaps a picture and buttons, always only for them."""

import asyncio
from dataclasses import dataclass
from typing import Final

import aiohttp
import discord

from freetheai.bot.person import Interaction

# Seconds before an answer that did not get through is sent again. What Discord answers badly discord.py repeats itself.
_AGAIN_S: Final = (0.5, 2.0, 5.0)


@dataclass(frozen=True, slots=True)
class Reply:
    """``text``: Discord's markdown, at most 2000 characters. ``may_retry``: a button opens the form again.
    ``back_to``: the id of a challenge that is still open, whose form a button opens again.
    """

    text: str
    may_retry: bool = False
    back_to: str = ""


async def reply(
    interaction: Interaction, answer: Reply, *, view: discord.ui.View | None = None, file: discord.File | None = None
) -> None:
    """Answer ``interaction`` for its member alone, or finish the answer that was begun with a defer."""
    text = answer.text[:2000]
    if interaction.response.is_done():
        await _finish(interaction, text, view, file)
        return
    missing = discord.utils.MISSING
    await interaction.response.send_message(text, ephemeral=True, view=view or missing, file=file or missing)


async def _finish(interaction: Interaction, text: str, view: discord.ui.View | None, file: discord.File | None) -> None:
    """Finish an answer that was begun; again if the connection is cut: it may hold the only sight of a new key."""
    for pause_s in _AGAIN_S if file is None else ():
        try:
            await interaction.edit_original_response(content=text, attachments=[], view=view)
        except (aiohttp.ClientError, OSError):
            await asyncio.sleep(pause_s)
        else:
            return
    await interaction.edit_original_response(content=text, attachments=[file] if file else [], view=view)


async def begin_reply(interaction: Interaction) -> None:
    """Say in time that an answer will come: in place of the message that was acted on, or as a new one."""
    if interaction.response.is_done():
        return
    if interaction.message is not None:
        await interaction.response.defer()
        return
    # Without `thinking` Discord forgets that it is for this member alone.
    await interaction.response.defer(ephemeral=True, thinking=True)


def plain(text: str) -> str:
    """``text`` as someone else wrote it, without effect as markdown or mention."""
    return discord.utils.escape_mentions(discord.utils.escape_markdown(text))


def when(seconds: float) -> str:
    """The instant in ``seconds`` from now, as Discord shows it: relative, counting down."""
    at = discord.utils.utcnow().timestamp() + seconds
    return f"<t:{int(at) + 1}:R>"
