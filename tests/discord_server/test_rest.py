"""REST under an unmodified discord.py: members, roles, DMs, messages, invites, commands, limits and faults."""

import io
from collections.abc import Iterator
from typing import Any

import aiohttp
import discord
import pytest
from discord import app_commands

from discord_server.bot_client import RunningBot, point_at
from discord_server.control import DiscordServer, Person
from freetheai import clock


@pytest.fixture(scope="module")
def bot(server: DiscordServer) -> Iterator[RunningBot]:
    point_at(server)
    running = RunningBot(server)
    running.wait_for_event("ready")
    yield running
    running.stop()


@pytest.fixture(autouse=True)
def _clear(server: DiscordServer) -> Iterator[None]:
    yield
    server.rest.clear()


@pytest.fixture
def ada(server: DiscordServer, bot: RunningBot) -> Person:
    return server.add_member("ada")


def refusal(bot: RunningBot, work: Any) -> tuple[int, int]:
    with pytest.raises(discord.HTTPException) as caught:
        bot.run(work)
    return caught.value.status, caught.value.code


def test_a_member_is_found_or_has_left_or_never_was(bot: RunningBot, ada: Person):
    assert bot.run(bot.guild.fetch_member(int(ada.id))).name == "ada"
    ada.leave()
    assert refusal(bot, bot.guild.fetch_member(int(ada.id))) == (404, 10007)
    assert refusal(bot, bot.guild.fetch_member(4711)) == (404, 10013)


def test_all_members_are_listed_in_pages_where_the_intent_was_granted(server: DiscordServer, bot: RunningBot):
    server.call(lambda: server.add_members(1100, prefix="listed"))

    async def listed() -> set[str]:
        return {str(member.id) async for member in bot.guild.fetch_members(limit=None)}

    assert bot.run(listed()) == set(server.world.members)
    server.privileged_intents.discard("members")
    assert refusal(bot, listed()) == (403, 50001)
    server.privileged_intents.add("members")


def test_roles_are_given_and_taken_with_a_reason_and_heard_of(server: DiscordServer, bot: RunningBot, ada: Person):
    role = discord.utils.get(bot.guild.roles, name="seems_legit")
    member = bot.run(bot.guild.fetch_member(int(ada.id)))
    bot.run(member.add_roles(role, reason="real activity, 100 %"))
    assert ada.roles == ["seems_legit"]
    assert server.requests_to("PUT /guilds/*/members/*/roles/*")[-1].reason == "real activity, 100 %"
    server.wait_for(lambda: bot.names.count("member_update") >= 1)
    bot.run(member.remove_roles(role))
    assert ada.roles == []


def test_roles_out_of_the_bots_reach_are_refused(server: DiscordServer, bot: RunningBot, ada: Person):
    high = server.add_role("high", above_bot=True)
    member = bot.run(bot.guild.fetch_member(int(ada.id)))
    assert refusal(bot, member.add_roles(discord.Object(int(high.id)))) == (403, 50013)
    assert refusal(bot, member.add_roles(discord.Object(int(server.world.bot_role.id)))) == (403, 50013)
    assert refusal(bot, member.add_roles(discord.Object(4711))) == (404, 10011)


def test_a_private_message_arrives_unless_they_refuse_it(bot: RunningBot, ada: Person):
    user = bot.run(bot.client.fetch_user(int(ada.id)))
    bot.run(user.send("hello"))
    assert [each.content for each in ada.dms] == ["hello"]
    ada.accepts_dms = False
    assert refusal(bot, user.send("hello?")) == (403, 50007)
    ada.accepts_dms = True
    ada.leave()
    assert refusal(bot, user.send("hello?")) == (403, 50007)


def test_messages_are_sent_edited_read_and_deleted(server: DiscordServer, bot: RunningBot):
    channel = server.add_channel("notices")
    server.wait_for(lambda: bot.guild.get_channel(int(channel.id)))
    text_channel = bot.guild.get_channel(int(channel.id))
    first = bot.run(text_channel.send("one", embed=discord.Embed(title="t", description="d")))
    bot.run(first.edit(content="one, edited"))
    assert bot.run(text_channel.fetch_message(first.id)).content == "one, edited"
    sent = [bot.run(text_channel.send(f"more {number}")) for number in range(3)]

    async def history() -> list[str]:
        return [message.content async for message in text_channel.history(limit=2)]

    assert bot.run(history()) == ["more 2", "more 1"]
    bot.run(first.delete())
    bot.run(text_channel.delete_messages(sent))
    assert server.messages("notices") == []
    assert refusal(bot, text_channel.fetch_message(first.id)) == (404, 10008)


def test_history_shows_others_words_only_to_who_may_read_them(server: DiscordServer, bot: RunningBot, ada: Person):
    channel = server.add_channel("words")
    server.wait_for(lambda: bot.guild.get_channel(int(channel.id)))
    said = [ada.say("words", text) for text in ("among us", f"<@{server.bot_id}> hello")]
    assert channel.last_message_id == said[-1].id

    async def history() -> list[str]:
        found = bot.guild.get_channel(int(channel.id))
        assert isinstance(found, discord.TextChannel)
        return [message.content async for message in found.history(limit=5)]

    assert bot.run(history()) == [f"<@{server.bot_id}> hello", ""]
    server.privileged_intents.add("message_content")
    assert bot.run(history()) == [f"<@{server.bot_id}> hello", "among us"]
    server.privileged_intents.discard("message_content")


@pytest.mark.parametrize(
    ("message", "code"),
    [
        pytest.param({"content": "x" * 2001}, 50035, id="too long"),
        pytest.param({"content": ""}, 50006, id="empty"),
        pytest.param({"embed": discord.Embed(description="x" * 4097)}, 50035, id="embed too long"),
        pytest.param({"embeds": [discord.Embed(description="x" * 3001)] * 2}, 50035, id="embeds too long together"),
    ],
)
def test_messages_over_a_limit_are_refused_and_noted(server: DiscordServer, bot: RunningBot, message: Any, code: int):
    before = len(server.violations)
    channel = bot.guild.text_channels[0]
    assert refusal(bot, channel.send(**message)) == (400, code)
    assert [each.code for each in server.violations[before:]] == [code]


def test_old_messages_are_not_deleted_in_bulk(server: DiscordServer, bot: RunningBot):
    channel = bot.guild.text_channels[0]
    old = [discord.Object(server.guild_id), discord.Object(server.guild_id + 1)]
    assert refusal(bot, channel.delete_messages(old)) == (400, 50034)


def test_invites_count_those_who_came_by_them(server: DiscordServer, bot: RunningBot, ada: Person):
    invite = server.invite(by=ada)
    for name in ("bob", "cleo"):
        server.add_member(name, via=invite)
    once = server.invite(by=ada, max_uses=1)
    server.add_member("dan", via=once)
    uses = {each.code: (each.uses, each.inviter.id) for each in bot.run(bot.guild.invites())}
    assert uses[invite.code] == (2, int(ada.id))
    assert once.code not in uses
    made = bot.run(bot.guild.text_channels[0].create_invite(max_uses=3))
    assert bot.run(bot.client.fetch_invite(made.code)).code == made.code
    bot.run(made.delete())
    assert refusal(bot, bot.client.fetch_invite(made.code)) == (404, 10006)


def command(name: str, description: str = "A command") -> app_commands.Command[Any, ..., None]:
    async def callback(interaction: discord.Interaction) -> None:
        return

    return app_commands.Command(name=name, description=description, callback=callback)


def test_commands_are_overwritten_as_a_whole_and_keep_their_ids(server: DiscordServer, bot: RunningBot):
    guild, tree = discord.Object(server.guild_id), bot.client.tree
    tree.add_command(command("first"), guild=guild)
    (first,) = bot.run(tree.sync(guild=guild))
    tree.add_command(command("second"), guild=guild)
    bot.run(tree.sync(guild=guild))
    assert set(server.commands) == {"first", "second"}
    assert server.commands["first"]["id"] == str(first.id)
    assert [each.name for each in bot.run(tree.fetch_commands(guild=guild))] == ["first", "second"]
    tree.clear_commands(guild=guild)
    bot.run(tree.sync(guild=guild))
    assert server.commands == {}


def test_the_201st_creation_of_a_day_is_refused(server: DiscordServer, bot: RunningBot):
    guild, tree = discord.Object(server.guild_id), bot.client.tree
    server.clock.advance(2 * 86400)
    for begin in (0, 100):
        for number in range(begin, begin + 100):
            tree.add_command(command(f"c{number}"), guild=guild)
        bot.run(tree.sync(guild=guild))
        bot.run(tree.sync(guild=guild))
        tree.clear_commands(guild=guild)
    tree.add_command(command("one-more"), guild=guild)
    assert refusal(bot, tree.sync(guild=guild)) == (400, 30034)
    server.clock.advance(86401)
    bot.run(tree.sync(guild=guild))
    tree.clear_commands(guild=guild)


def test_a_limited_route_makes_discord_py_wait(server: DiscordServer, bot: RunningBot, ada: Person):
    server.rest.limit("GET /guilds/*/members/*", 2, 0.6)
    begin_s = clock.monotonic_s()
    for _ in range(4):
        bot.run(bot.guild.fetch_member(int(ada.id)))
    # Two windows had to end: the request that takes the last token returns when its window is over.
    assert clock.monotonic_s() - begin_s >= 1.0
    assert {each.status for each in server.requests_to("GET /guilds/*/members/*")[-4:]} == {200}


def test_a_limit_met_unawares_is_429_and_tried_again(server: DiscordServer, bot: RunningBot, ada: Person):
    server.rest.limit("POST /users/@me/channels", 1, 0.5)
    server.backend.limits.take("POST", "/users/@me/channels", "/users/@me/channels", "")
    bot.run(bot.run(bot.client.fetch_user(int(ada.id))).create_dm())
    assert [each.status for each in server.requests_to("POST /users/@me/channels")[-2:]] == [429, 200]


def test_the_global_limit_says_so(server: DiscordServer, bot: RunningBot, ada: Person):
    server.rest.limit_global(1)
    user = bot.run(bot.client.fetch_user(int(ada.id)))
    assert bot.run(bot.client.fetch_user(int(ada.id))) == user
    statuses = [each.status for each in server.requests_to("GET /users/*")]
    assert statuses[-3:] == [200, 429, 200]


@pytest.mark.parametrize(
    ("status", "times", "error"),
    [
        pytest.param(503, 1, discord.DiscordServerError, id="unavailable"),
        pytest.param(403, 1, discord.Forbidden, id="forbidden"),
        # aiohttp itself tries a GET again on a new connection.
        pytest.param(0, 2, (OSError, aiohttp.ClientError), id="cut off"),
    ],
)
def test_a_fault_happens_as_often_as_asked(
    server: DiscordServer, bot: RunningBot, ada: Person, status: int, times: int, error: Any
):
    server.rest.fail("GET /guilds/*/members/*", status, times=times)
    with pytest.raises(error):
        bot.run(bot.guild.fetch_member(int(ada.id)))
    assert bot.run(bot.guild.fetch_member(int(ada.id))).name == "ada"


def test_slowness_holds_the_answer_back(server: DiscordServer, bot: RunningBot, ada: Person):
    server.rest.slow(0.4, "/guilds/*/members/*", times=1)
    begin_s = clock.monotonic_s()
    bot.run(bot.guild.fetch_member(int(ada.id)))
    assert clock.monotonic_s() - begin_s >= 0.4


def test_what_the_server_does_not_know_is_noted(server: DiscordServer, bot: RunningBot):
    before = len(server.violations)
    assert refusal(bot, bot.client.http.request(discord.http.Route("GET", "/nothing/here"))) == (404, 0)
    assert "/nothing/here" in server.violations[before].where


def test_a_guild_the_bot_is_not_in_is_closed_to_it(bot: RunningBot):
    assert refusal(bot, bot.client.fetch_guild(4711)) == (403, 50001)


def test_uploaded_bytes_can_be_fetched_again(bot: RunningBot):
    message = bot.run(bot.guild.text_channels[0].send(file=discord.File(io.BytesIO(b"\x00bytes"), "a.bin")))
    assert bot.run(message.attachments[0].read()) == b"\x00bytes"
    kept, second = message.attachments[0], discord.File(io.BytesIO(b"2"), "b.bin")
    edited = bot.run(message.edit(attachments=[kept, second]))
    assert [each.filename for each in edited.attachments] == ["a.bin", "b.bin"]
