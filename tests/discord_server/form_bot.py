"""A bot of forms, buttons, menus and commands of every kind, for the tests of interactions."""

import asyncio
import io
import re
from typing import Any

from discord_server.bot_client import RecordingClient, discord

app_commands, ui = discord.app_commands, discord.ui

PICTURE = b"\x89PNG\r\n\x1a\n not really"


class SignupForm(ui.Modal, title="Sign up"):
    note = ui.TextDisplay("Read this first.")
    use_case = ui.Label(text="Use case", description="What for?", component=ui.TextInput(min_length=3, max_length=20))
    bot = ui.Label(
        text="Do you run a bot?",
        component=ui.RadioGroup(options=[discord.RadioGroupOption(label=each) for each in ("Yes", "No")]),
    )
    rules = ui.Label(
        text="Rules", component=ui.CheckboxGroup(options=[discord.CheckboxGroupOption(label="I agree", value="agree")])
    )
    news = ui.Label(text="News", component=ui.Checkbox(default=True))

    async def on_submit(self, interaction: discord.Interaction) -> None:
        await interaction.response.defer(ephemeral=True, thinking=True)
        answers = [self.use_case, self.bot, self.rules, self.news]
        values = [getattr(each.component, "values", None) or getattr(each.component, "value", None) for each in answers]
        picture = discord.File(io.BytesIO(PICTURE), "picture.png", description="a picture")
        await interaction.followup.send(repr(values), file=picture, ephemeral=True)


class ChoicesForm(ui.Modal, title="Choose"):
    colours = ui.Label(
        text="Colours",
        component=ui.Select(
            options=[discord.SelectOption(label=each.title(), value=each) for each in ("red", "green", "blue")],
            max_values=2,
            required=False,
        ),
    )
    friend = ui.Label(text="Friend", component=ui.UserSelect())
    role = ui.Label(text="Role", component=ui.RoleSelect(required=False))
    proof = ui.Label(text="Proof", component=ui.FileUpload(required=False))

    async def on_submit(self, interaction: discord.Interaction) -> None:
        friends = [each.name for each in self.friend.component.values]
        roles = [each.name for each in self.role.component.values]
        files = [each.filename for each in self.proof.component.values]
        await interaction.response.send_message(
            f"{self.colours.component.values} {friends} {roles} {files}", ephemeral=True
        )


class AgainButton(ui.DynamicItem[ui.Button], template=r"again:(?P<count>\d+)"):
    def __init__(self, count: int) -> None:
        super().__init__(ui.Button(label="Again", custom_id=f"again:{count}"))
        self.count = count

    @classmethod
    async def from_custom_id(cls, interaction: Any, item: Any, match: re.Match[str]) -> "AgainButton":
        return cls(int(match["count"]))

    async def callback(self, interaction: discord.Interaction) -> None:
        view = ui.View(timeout=None)
        view.add_item(AgainButton(self.count + 1))
        await interaction.response.edit_message(content=f"pressed {self.count + 1}", view=view, attachments=[])


def picture_view() -> ui.View:
    view = ui.View(timeout=60)
    menu: ui.Select = ui.Select(
        placeholder="Stars", max_values=3, options=[discord.SelectOption(label=each) for each in "ABCD"]
    )

    async def chosen(interaction: discord.Interaction) -> None:
        await interaction.response.send_message(f"chose {menu.values}", ephemeral=True)

    menu.callback = chosen  # type: ignore[method-assign]
    view.add_item(menu)
    view.add_item(AgainButton(0))
    form: ui.Button = ui.Button(label="Answer")

    async def open_form(interaction: discord.Interaction) -> None:
        await interaction.response.send_modal(ChoicesForm())

    form.callback = open_form  # type: ignore[method-assign]
    view.add_item(form)
    return view


class FormBot(RecordingClient):
    """``gate`` holds the late command back; ``kept`` has the interactions of the raw command."""

    async def setup_hook(self) -> None:
        self.kept: list[discord.Interaction] = []
        self.gate = asyncio.Event()
        self.add_dynamic_items(AgainButton)
        for each in (signup, picture, whois, later, raw, silent, adjust, show_them, quote):
            self.tree.add_command(each)
        guild = discord.Object(self.server.guild_id)
        self.tree.copy_global_to(guild=guild)
        await self.tree.sync(guild=guild)


@app_commands.command(description="Opens a form")
async def signup(interaction: discord.Interaction) -> None:
    await interaction.response.send_modal(SignupForm())


@app_commands.command(description="Shows a picture")
async def picture(interaction: discord.Interaction) -> None:
    file = discord.File(io.BytesIO(PICTURE), "question.png")
    await interaction.response.send_message("Look", file=file, view=picture_view(), ephemeral=True)


@app_commands.command(description="For staff")
@app_commands.default_permissions()
async def whois(
    interaction: discord.Interaction, user: discord.Member, count: app_commands.Range[int, 1, 5] = 1
) -> None:
    roles = [role.name for role in user.roles]
    is_admin = interaction.permissions.administrator
    await interaction.response.send_message(f"{user.name} {roles} {count} {is_admin}")


@app_commands.command(description="Answers in time, then goes on")
async def later(interaction: discord.Interaction) -> None:
    await interaction.response.defer(ephemeral=True)
    await interaction.edit_original_response(content="first")
    await interaction.edit_original_response(content="second")
    more = await interaction.followup.send("extra", ephemeral=True, wait=True)
    await more.delete()


@app_commands.command(description="Leaves the answer to the test")
async def raw(interaction: discord.Interaction) -> None:
    interaction.client.kept.append(interaction)
    await interaction.client.gate.wait()


@app_commands.command(description="Never answers")
async def silent(interaction: discord.Interaction) -> None:
    return


adjust = app_commands.Group(name="model", description="Models")


@adjust.command(description="Enable one")
async def enable(interaction: discord.Interaction, alias: str) -> None:
    await interaction.response.send_message(f"enabled {alias}", ephemeral=True)


@enable.autocomplete("alias")
async def aliases(interaction: discord.Interaction, current: str) -> list[app_commands.Choice[str]]:
    return [app_commands.Choice(name=each, value=each) for each in ("zai/one", "zai/two") if current in each]


@app_commands.context_menu(name="Show Them")
async def show_them(interaction: discord.Interaction, member: discord.Member) -> None:
    await interaction.response.send_message(member.name, ephemeral=True)


@app_commands.context_menu(name="Quote")
async def quote(interaction: discord.Interaction, message: discord.Message) -> None:
    await interaction.response.send_message(message.content)
