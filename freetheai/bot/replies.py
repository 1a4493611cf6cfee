"""What a member is answered: text, perhaps a picture and buttons, always only for them."""

from dataclasses import dataclass

import discord

from freetheai.bot.person import Interaction


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
        files = [file] if file else []
        await interaction.edit_original_response(content=text, attachments=files, view=view)
        return
    missing = discord.utils.MISSING
    await interaction.response.send_message(text, ephemeral=True, view=view or missing, file=file or missing)


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
