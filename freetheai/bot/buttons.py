"""The buttons under our messages. What they do stands in their custom id, so they work after a restart.

``fta:ACTION:COMMAND`` or ``fta:ACTION:COMMAND:CHALLENGE``: `open` the command's form anew, `answer` the challenge that
is shown, `again` another picture, `words` a worded question instead.
"""

import re
from typing import TYPE_CHECKING, Any, Final, Self, cast

import discord
from discord import ui

from freetheai.bot.failures import safely
from freetheai.bot.forms import CUSTOM_ID
from freetheai.bot.person import Interaction

if TYPE_CHECKING:
    from freetheai.bot.client import Bot

_TEMPLATE: Final = (
    rf"{CUSTOM_ID}:(?P<action>open|answer|again|words):(?P<command>[a-z]{{1,20}})(:(?P<id>[\w-]{{1,40}}))?"
)


class FlowButton(ui.DynamicItem[ui.Button[Any]], template=_TEMPLATE):
    """A button that goes on with a command."""

    def __init__(
        self, action: str, command: str, challenge_id: str = "", *, label: str = "", is_main: bool = False
    ) -> None:
        custom_id = f"{CUSTOM_ID}:{action}:{command}" + (f":{challenge_id}" if challenge_id else "")
        style = discord.ButtonStyle.primary if is_main else discord.ButtonStyle.secondary
        super().__init__(ui.Button(label=label or action, style=style, custom_id=custom_id))
        self.action = action
        self.command = command
        self.challenge_id = challenge_id

    @classmethod
    async def from_custom_id(cls, interaction: Interaction, item: ui.Item[Any], match: re.Match[str], /) -> Self:
        """The button that was pressed."""
        del interaction, item
        return cls(match["action"], match["command"], match["id"] or "")

    async def callback(self, interaction: Interaction) -> None:
        """Go on with the command."""
        bot = cast("Bot", interaction.client)
        await safely(interaction, bot.flow.press(interaction, self.action, self.command, self.challenge_id))


def retry_view(command: str) -> ui.View:
    """One button that opens the form anew."""
    return _view(FlowButton("open", command, label="Try again", is_main=True))


def back_view(command: str, challenge_id: str) -> ui.View:
    """One button that opens the same form again."""
    return _view(FlowButton("answer", command, challenge_id, label="Back to the form", is_main=True))


def picture_view(command: str, challenge_id: str) -> ui.View:
    """The buttons under a picture."""
    return _view(
        FlowButton("answer", command, challenge_id, label="Answer", is_main=True),
        FlowButton("again", command, label="Another picture"),
        FlowButton("words", command, label="Ask me in words instead"),
    )


def _view(*buttons: FlowButton) -> ui.View:
    view = ui.View(timeout=None)
    for button in buttons:
        view.add_item(button)
    return view
