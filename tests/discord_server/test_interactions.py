"""Commands, forms, buttons and menus between a person and an unmodified discord.py, and what Discord refuses."""

from collections.abc import Callable, Iterator
from typing import Any

import discord
import pytest
from discord import ui

from discord_server.bot_client import RunningBot, point_at
from discord_server.control import CommandNotVisible, DiscordServer, FormRefused, NoAnswer, Person
from discord_server.form_bot import PICTURE, AgainButton, FormBot


@pytest.fixture(scope="module")
def bot(server: DiscordServer) -> Iterator[RunningBot]:
    point_at(server)
    running = RunningBot(server, FormBot)
    running.wait_for_event("ready")
    yield running
    running.stop()


@pytest.fixture
def ada(server: DiscordServer, bot: RunningBot) -> Person:
    return server.add_member("ada")


@pytest.fixture
def no_violations(server: DiscordServer) -> Iterator[None]:
    before = len(server.violations)
    yield
    assert server.violations[before:] == []


@pytest.fixture
def offences(server: DiscordServer) -> Callable[[], list[int]]:
    """The codes of what was refused since the test began."""
    before = len(server.violations)
    return lambda: [each.code for each in server.violations[before:]]


FILLED = {"Use case": "a small bot", "Do you run a bot?": "No", "Rules": ["I agree"]}


@pytest.mark.usefixtures("no_violations")
def test_a_command_opens_a_form_whose_answer_is_deferred_and_brings_a_file(ada: Person):
    answer = ada.command("signup")
    assert answer.kind == "modal"
    assert answer.latency_s < 3
    assert (answer.modal.title, answer.modal.texts) == ("Sign up", ["Read this first."])
    assert [each.kind for each in answer.modal.fields] == ["text", "radio", "checkboxes", "checkbox"]
    submitted = ada.submit(answer, FILLED | {"News": False})
    assert (submitted.kind, submitted.ephemeral) == ("deferred", True)
    shown = submitted.result()
    assert shown.content == "['a small bot', 'No', ['agree'], False]"
    assert shown.ephemeral
    assert [(each.name, each.data, each.description) for each in shown.attachments] == [
        ("picture.png", PICTURE, "a picture")
    ]


@pytest.mark.usefixtures("no_violations")
def test_what_is_not_filled_in_keeps_its_preset(ada: Person):
    submitted = ada.submit(ada.command("signup").modal, FILLED)
    assert submitted.result().content == "['a small bot', 'No', ['agree'], True]"


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param({"Use case": "no"}, id="too short"),
        pytest.param({"Use case": "x" * 21}, id="too long"),
        pytest.param({"Do you run a bot?": "Maybe"}, id="no such option"),
        pytest.param({"Rules": []}, id="a must-tick box not ticked"),
    ],
)
def test_the_client_does_not_send_what_breaks_a_fields_rules(ada: Person, wrong: dict[str, Any]):
    form = ada.command("signup").modal
    with pytest.raises(FormRefused):
        ada.submit(form, FILLED | wrong)


def test_a_picture_with_button_and_menu_is_seen_by_its_addressee_alone(server: DiscordServer, ada: Person):
    answer = ada.command("picture")
    assert (answer.kind, answer.content, answer.ephemeral) == ("message", "Look", True)
    assert (answer.attachments[0].name, answer.attachments[0].data) == ("question.png", PICTURE)
    assert answer.buttons == ["Again", "Answer"]
    assert ada.select(answer, "Stars", ["A", "C"]).content == "chose ['A', 'C']"
    with pytest.raises(FormRefused):
        ada.select(answer, "Stars", list("ABCD"))
    with pytest.raises(KeyError):
        server.add_member("bob").press(answer, "Again")
    assert server.messages("general") == []


@pytest.mark.usefixtures("no_violations")
def test_a_dynamic_button_edits_the_message_it_sits_on(ada: Person):
    answer = ada.command("picture")
    once = ada.press(answer, "Again")
    assert (once.kind, once.content, once.attachments) == ("update", "pressed 1", [])
    assert ada.press(once, "Again").content == "pressed 2"
    with pytest.raises(KeyError):
        ada.press(answer, "Answer")


@pytest.mark.usefixtures("no_violations")
def test_a_button_opens_a_form_with_people_roles_and_files(server: DiscordServer, ada: Person):
    form = ada.press(ada.command("picture"), "Answer").modal
    assert [each.kind for each in form.fields] == ["select", "users", "roles", "files"]
    chosen = {"Colours": ["Red", "blue"], "Friend": server.owner, "Role": "staff", "Proof": ("proof.png", PICTURE)}
    assert ada.submit(form, chosen).content == "['red', 'blue'] ['owner'] ['staff'] ['proof.png']"
    with pytest.raises(FormRefused):
        ada.submit(form, chosen | {"Colours": ["red", "green", "blue"]})


@pytest.mark.usefixtures("no_violations")
def test_a_form_can_be_sent_twice(server: DiscordServer, bot: RunningBot, ada: Person):
    form = ada.command("signup").modal
    assert ada.submit(form, FILLED).result().ephemeral
    # discord.py has forgotten the form by then, but tells on_interaction of it.
    again = ada.submit(form, FILLED, wait=False)
    (interaction,) = bot.wait_for_event("interaction", last=lambda each: str(each.id) == again.id)
    assert interaction.type is discord.InteractionType.modal_submit


@pytest.mark.usefixtures("no_violations")
def test_a_deferred_answer_is_filled_edited_and_followed_up(ada: Person):
    answer = ada.command("later")
    assert (answer.kind, answer.content) == ("deferred", "")
    assert [answer.edited().content, answer.edited().content] == ["first", "second"]
    assert answer.followup().content == "extra"
    assert answer.deleted().content == "extra"


def test_a_staff_command_is_seen_by_staff_alone(server: DiscordServer, ada: Person):
    with pytest.raises(CommandNotVisible):
        ada.command("whois", user=ada)
    staff = server.add_member("sue", roles=["staff"])
    ada.set_roles(["seems_legit"])
    assert staff.command("whois", user=ada, count=2).content == "ada ['@everyone', 'seems_legit'] 2 True"
    for wrong in ({"user": ada, "count": 9}, {}, {"user": ada, "nothing": 1}, {"user": "nobody"}):
        with pytest.raises(FormRefused):
            staff.command("whois", **wrong)
    with pytest.raises(CommandNotVisible):
        staff.command("nothing")


@pytest.mark.usefixtures("no_violations")
def test_subcommands_and_their_autocompletion(ada: Person):
    assert ada.command("model enable", alias="zai/one").content == "enabled zai/one"
    assert [each["value"] for each in ada.autocomplete("model enable", "alias", "tw")] == ["zai/two"]
    assert len(ada.autocomplete("model enable", "alias", "")) == 2
    with pytest.raises(FormRefused):
        ada.command("model")


@pytest.mark.usefixtures("no_violations")
def test_menus_of_a_person_and_of_a_message(server: DiscordServer, ada: Person):
    assert ada.command("Show Them", target=server.owner).content == "owner"
    said = ada.say("general", "to be quoted")
    assert ada.command("Quote", target=said).content == "to be quoted"
    assert server.messages("general")[-1].content == "to be quoted"


@pytest.mark.usefixtures("no_violations")
def test_a_button_works_in_a_private_message_too(bot: RunningBot, ada: Person):
    async def write() -> None:
        view = ui.View(timeout=None)
        view.add_item(AgainButton(4))
        user = await bot.client.fetch_user(int(ada.id))
        await user.send("press", view=view)

    bot.run(write())
    assert ada.press(ada.dms[-1], "Again").content == "pressed 5"
    assert ada.dms[-1].content == "pressed 5"


def test_a_command_without_an_answer_is_seen_as_such(ada: Person):
    with pytest.raises(NoAnswer):
        ada.command("silent", timeout_s=0.3)


def kept_interaction(server: DiscordServer, bot: RunningBot, ada: Person) -> discord.Interaction:
    """An interaction the bot has not answered."""
    answer = ada.command("raw", wait=False)
    found = server.wait_for(lambda: [each for each in bot.client.kept if str(each.id) == answer.id])
    return found[0]


def refusal(bot: RunningBot, work: Any) -> tuple[int, int]:
    with pytest.raises(discord.HTTPException) as caught:
        bot.run(work)
    return caught.value.status, caught.value.code


def test_the_second_answer_is_refused(server: DiscordServer, bot: RunningBot, ada: Person, offences: Any):
    interaction = kept_interaction(server, bot, ada)
    again = discord.Interaction(data=server.call(lambda: _payload(server, interaction)), state=interaction._state)
    bot.run(interaction.response.send_message("one"))
    assert refusal(bot, again.response.send_message("two")) == (400, 40060)
    assert offences() == [40060]


def _payload(server: DiscordServer, interaction: discord.Interaction) -> dict[str, Any]:
    interactions = server.backend.interactions
    return interactions.payload(interactions.by_token[interaction.token])


def test_an_answer_after_three_seconds_is_refused(server: DiscordServer, bot: RunningBot, ada: Person, offences: Any):
    interaction = kept_interaction(server, bot, ada)
    server.clock.advance(3.1)
    assert refusal(bot, interaction.response.send_message("late")) == (404, 10062)
    assert offences() == [10062]


def test_a_token_is_good_for_fifteen_minutes(server: DiscordServer, bot: RunningBot, ada: Person, offences: Any):
    interaction = kept_interaction(server, bot, ada)
    bot.run(interaction.response.send_message("in time", ephemeral=True))
    server.clock.advance(890)
    bot.run(interaction.followup.send("still", ephemeral=True))
    assert offences() == []
    server.clock.advance(20)
    assert refusal(bot, interaction.followup.send("too late")) == (401, 50027)
    assert refusal(bot, interaction.edit_original_response(content="too late")) == (401, 50027)
    assert offences() == [50027, 50027]


def test_a_follow_up_needs_a_first_answer(server: DiscordServer, bot: RunningBot, ada: Person, offences: Any):
    interaction = kept_interaction(server, bot, ada)
    assert refusal(bot, interaction.followup.send("too early")) == (404, 10015)
    assert offences() == [10015]


def test_a_form_cannot_answer_a_form(bot: RunningBot, ada: Person, offences: Any):
    form = ada.command("signup").modal
    ada.submit(form, FILLED).result()
    # No view is left for it, so nobody answers this one but the test.
    again = ada.submit(form, FILLED, wait=False)
    route = discord.http.Route("POST", f"/interactions/{again.id}/{again.token}/callback")
    assert refusal(bot, bot.client.http.request(route, json={"type": 9, "data": {}})) == (400, 50035)
    assert offences() == [50035]


def test_a_deferred_answer_keeps_its_visibility(server: DiscordServer, bot: RunningBot, ada: Person):
    interaction = kept_interaction(server, bot, ada)
    bot.run(interaction.response.defer())
    message = bot.run(interaction.followup.send("meant to be private", ephemeral=True, wait=True))
    assert not message.flags.ephemeral
    assert server.messages("general")[-1].content == "meant to be private"
    assert bot.run(interaction.original_response()).id == message.id


@pytest.mark.parametrize(
    ("make", "where"),
    [
        pytest.param(lambda: ui.Label(text="x" * 46, component=ui.TextInput()), "label", id="label too long"),
        pytest.param(lambda: ui.Label(text="", component=ui.TextInput()), "label", id="label empty"),
        pytest.param(
            lambda: ui.Label(text="a", description="d" * 101, component=ui.TextInput()), "description", id="description"
        ),
        pytest.param(
            lambda: ui.Label(text="a", component=ui.RadioGroup(options=[discord.RadioGroupOption(label="one")])),
            "options",
            id="one radio option",
        ),
        pytest.param(
            lambda: ui.Label(text="a", component=ui.Select(min_values=0, options=[discord.SelectOption(label="one")])),
            "min_values",
            id="required with min_values 0",
        ),
        pytest.param(lambda: ui.TextDisplay("t" * 4001), "content", id="too much text"),
    ],
)
def test_a_form_over_a_limit_is_refused_with_the_field_named(
    server: DiscordServer, bot: RunningBot, ada: Person, offences: Any, make: Any, where: str
):
    interaction = kept_interaction(server, bot, ada)
    form = ui.Modal(title="Form")
    form.add_item(make())
    with pytest.raises(discord.HTTPException, match=where) as caught:
        bot.run(interaction.response.send_modal(form))
    assert (caught.value.status, caught.value.code) == (400, 50035)
    assert offences() == [50035]
    assert where in server.violations[-1].details[0]
    # What was refused was no answer.
    bot.run(interaction.response.send_message("in the end"))


def test_roles_in_an_interaction_are_those_of_the_moment(server: DiscordServer, bot: RunningBot, ada: Person):
    with server.gateway.losing_events():
        ada.set_roles(["seems_legit"])
    interaction = kept_interaction(server, bot, ada)
    assert [role.name for role in interaction.user.roles] == ["@everyone", "seems_legit"]
    assert len(bot.guild.get_member(int(ada.id)).roles) == 1
