"""`/staff announce`: write, look at it, post it.

The command opens a form; what was written comes back as a preview with two buttons; *Post it* posts exactly what the
preview shows. Nothing is kept between these steps (the channel stands in the custom ids, the text in the preview), so
all of it works after a restart.

Rules:
- staff is checked anew at each step;
- a preview is posted once, however often the button is pressed and by whichever process;
- what was not posted stands under the reason, so that nothing written is lost;
- nobody is mentioned, whatever the text holds.
"""

import re
from typing import TYPE_CHECKING, Any, Final, Self, cast

import discord
from discord import app_commands, ui

from freetheai.bot.failures import safely
from freetheai.bot.forms import CUSTOM_ID, read_answers, text_of
from freetheai.bot.person import Interaction
from freetheai.bot.replies import Reply, begin_reply, reply
from freetheai.bot.services import BotServices
from freetheai.bot.staff.gate import StaffGroup, actor_of
from freetheai.leaked_keys import find_keys
from freetheai.limits import RedisFailure
from freetheai.staff import Staff
from freetheai.store.mongo import StoreUnavailable

if TYPE_CHECKING:
    from freetheai.bot.client import Bot

_FORM: Final = f"{CUSTOM_ID}:announce"
_TEMPLATE: Final = rf"{CUSTOM_ID}:announcement:(?P<action>post|drop):(?P<channel>\d{{1,20}})"
# Under what a message holds (2000), so that there is room to say why it was not posted.
MAX_CHARS: Final = 1750
# How long a preview is remembered as posted: as long as Discord lets its button be answered, and more.
_POSTED_KEPT_S: Final = 24 * 3600
_HOLDS_A_KEY: Final = "Not done: the text holds a key."
_DROPPED: Final = "Dropped; nothing was posted."
_ALREADY: Final = "It was posted already."
_AWAY: Final = "Not done: the gateway can't reach its database just now."
_MAY_NOT: Final = "Not done: the bot may not write in that channel. Give it *View Channel* and *Send Messages* there."
_GONE: Final = "Not done: that channel is gone."


class AnnouncementButton(ui.DynamicItem[ui.Button[Any]], template=_TEMPLATE):
    """*Post it* or *Drop it*, under a preview."""

    def __init__(self, action: str, channel_id: int) -> None:
        is_post = action == "post"
        style = discord.ButtonStyle.primary if is_post else discord.ButtonStyle.secondary
        custom_id = f"{CUSTOM_ID}:announcement:{action}:{channel_id}"
        super().__init__(ui.Button(label="Post it" if is_post else "Drop it", style=style, custom_id=custom_id))
        self._action = action
        self._channel_id = channel_id

    @classmethod
    async def from_custom_id(cls, interaction: Interaction, item: ui.Item[Any], match: re.Match[str], /) -> Self:
        """The button that was pressed."""
        del interaction, item
        return cls(match["action"], int(match["channel"]))

    async def callback(self, interaction: Interaction) -> None:
        """Post or drop what the preview shows."""
        bot = cast("Bot", interaction.client)
        await safely(interaction, self._do(interaction, bot))

    async def _do(self, interaction: Interaction, bot: "Bot") -> None:
        services = bot.services
        if not await StaffGroup(services.settings).let_in(interaction):
            return
        await begin_reply(interaction)
        if self._action == "drop":
            await reply(interaction, Reply(_DROPPED))
            return
        text = interaction.message.content if interaction.message else ""
        try:
            # Before anything is posted: what can't be audited is not done.
            await services.store.ping()
            is_first = await _is_first(services, interaction)
        except (StoreUnavailable, RedisFailure):
            await reply(interaction, Reply(f"{_AWAY}\n\n{text}"))
            return
        answer = await _post(bot, self._channel_id, text, actor_of(interaction)) if is_first else _ALREADY
        await reply(interaction, Reply(answer))


def install(bot: "Bot", group: StaffGroup, staff: Staff) -> None:
    """Add the command, its form and its buttons."""
    del staff

    @group.command(name="announce", description="Write a status message, look at it, and post it in a channel")
    @app_commands.describe(channel="Where it is posted")
    async def announce(interaction: Interaction, channel: discord.TextChannel) -> None:
        await safely(interaction, _open(group, interaction, channel))

    async def on_interaction(interaction: Interaction) -> None:
        """The form that was sent; other interactions are other listeners'."""
        data: Any = interaction.data or {}
        form, _, channel_id = str(data.get("custom_id", "")).rpartition(":")
        is_ours = interaction.type is discord.InteractionType.modal_submit and form == _FORM
        if is_ours and interaction.guild_id == bot.home.id and channel_id.isdigit():
            await safely(
                interaction, _preview(group, interaction, int(channel_id), text_of(read_answers(data), "text"))
            )

    bot.add_dynamic_items(AnnouncementButton)
    bot.add_listener(on_interaction, "on_interaction")


async def _open(group: StaffGroup, interaction: Interaction, channel: discord.TextChannel) -> None:
    if not await group.let_in(interaction):
        return
    modal = ui.Modal(title="Announcement", custom_id=f"{_FORM}:{channel.id}", timeout=None)
    written: ui.TextInput[Any] = ui.TextInput(
        custom_id="text", style=discord.TextStyle.paragraph, min_length=3, max_length=MAX_CHARS
    )
    modal.add_item(
        ui.Label(text="What to post", description="Markdown works; mentions reach nobody.", component=written)
    )
    # Stopped before it is sent, discord.py does not keep it.
    modal.stop()
    await interaction.response.send_modal(modal)


async def _preview(group: StaffGroup, interaction: Interaction, channel_id: int, text: str) -> None:
    if not await group.let_in(interaction):
        return
    if find_keys(text):
        await reply(interaction, Reply(_HOLDS_A_KEY))
        return
    view = ui.View(timeout=None)
    for action in ("post", "drop"):
        view.add_item(AnnouncementButton(action, channel_id))
    await reply(interaction, Reply(text.strip()), view=view)


async def _is_first(services: BotServices, interaction: Interaction) -> bool:
    preview_id = interaction.message.id if interaction.message else interaction.id
    key = f"{services.redis_prefix}:announced:{preview_id}"
    return bool(await services.redis.execute("SET", key, 1, "NX", "EX", _POSTED_KEPT_S))


async def _post(bot: "Bot", channel_id: int, text: str, actor: str) -> str:
    channel = bot.get_partial_messageable(channel_id, guild_id=bot.home.id)
    try:
        sent = await channel.send(text, allowed_mentions=discord.AllowedMentions.none())
    except discord.Forbidden:
        return f"{_MAY_NOT}\n\n{text}"
    except discord.NotFound:
        return f"{_GONE}\n\n{text}"
    services = bot.services
    staff = Staff(services.store, services.accounts, services.publish, services.now)
    details = {"message_id": str(sent.id), "text": text}
    await staff.note("status.announce", f"channel:{channel_id}", details, actor=actor)
    return f"Posted: {sent.jump_url}"
