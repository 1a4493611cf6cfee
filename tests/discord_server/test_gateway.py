"""The gateway under an unmodified discord.py: logging in, coming back, being refused, and what it hears of."""

import asyncio
from collections.abc import Callable

import aiohttp
import discord
import pytest

from discord_server.bot_client import RunningBot
from discord_server.control import DiscordServer

Start = Callable[..., RunningBot]
IDENTIFY = b'{"op":2,"d":{"token":"MTIz.test.token","intents":513,"properties":{}}}'


@pytest.fixture(autouse=True)
def _no_violations(server: DiscordServer):
    before = len(server.violations)
    yield
    assert server.violations[before:] == []


def test_login_brings_the_guild_and_after_chunking_all_members(server: DiscordServer, start_bot: Start):
    ada = server.add_member("ada", roles=["seems_legit"])
    bot = start_bot()
    server.wait_for_ready()
    assert str(bot.client.user.id) == server.bot_id
    assert bot.guild.chunked
    assert [role.name for role in bot.guild.get_member(int(ada.id)).roles] == ["@everyone", "seems_legit"]
    assert [channel.name for channel in bot.guild.text_channels] == ["general"]
    connection = server.connections[-1]
    assert connection.compression == "zlib-stream"
    assert connection.identify["token"] == server.token
    assert connection.heartbeats >= 1


def test_joins_role_changes_and_leaving_are_events(server: DiscordServer, start_bot: Start):
    bot = start_bot()
    invite = server.invite()
    (heard,) = bot.wait_for_event("invite_create")
    assert heard.code == invite.code
    eve = server.add_member("eve", via=invite)
    (member,) = bot.wait_for_event("member_join")
    assert member.id == int(eve.id)
    assert invite.uses == 1
    eve.set_roles(["staff"])
    _, after = bot.wait_for_event("member_update")
    assert [role.name for role in after.roles] == ["@everyone", "staff"]
    assert after.guild_permissions.administrator
    eve.leave()
    (gone,) = bot.wait_for_event("raw_member_remove")
    assert gone.user.id == int(eve.id)
    eve.rejoin()
    (member,) = bot.wait_for_event("member_join", count=2)
    assert member.id == int(eve.id)
    assert len(member.roles) == 1


def test_without_the_message_content_intent_content_is_empty(server: DiscordServer, start_bot: Start):
    bot = start_bot()
    fay = server.add_member("fay")
    fay.say("general", "what nobody needs to read")
    (message,) = bot.wait_for_event("message")
    assert (message.content, message.author.id, message.guild.id) == ("", int(fay.id), server.guild_id)
    fay.say("general", f"hello <@{server.bot_id}>")
    (message,) = bot.wait_for_event("message", count=2)
    assert message.content.startswith("hello")
    fay.dm("only for you")
    (message,) = bot.wait_for_event("message", count=3)
    assert (message.content, message.guild) == ("only for you", None)


@pytest.mark.parametrize("code", [pytest.param(4000, id="closed"), pytest.param(None, id="cut without a word")])
def test_after_a_drop_the_session_is_resumed_and_events_are_replayed(server: DiscordServer, start_bot: Start, code):
    bot = start_bot()
    joined = []

    def drop_and_join() -> None:
        # In one step of the server's loop: the client cannot be back before somebody has joined.
        server.gateway.drop(code)
        joined.extend([server.add_member("gus"), server.add_member("hal")])

    server.call(drop_and_join)
    bot.wait_for_event("resumed")
    heard = [str(args[0].id) for name, args in bot.client.seen if name == "member_join"]
    assert heard == [each.id for each in joined]
    assert bot.names.index("member_join") < bot.names.index("resumed")
    assert server.connections[-1].has_resumed
    assert server.connections[-1].path == "/resume"
    assert bot.names.count("ready") == 1


def test_op_7_makes_the_client_come_back_and_resume(server: DiscordServer, start_bot: Start):
    bot = start_bot()
    server.gateway.reconnect()
    bot.wait_for_event("resumed")
    assert bot.guild.chunked


def test_an_invalidated_session_is_identified_anew(server: DiscordServer, start_bot: Start):
    bot = start_bot()
    before = len(server.connections)
    server.gateway.invalidate()
    bot.wait_for_event("ready", count=2)
    assert server.connections[-1].identify
    assert not server.connections[-1].has_resumed
    assert len(server.connections) == before + 1
    assert bot.guild.chunked


def test_a_resumable_invalidation_is_resumed(server: DiscordServer, start_bot: Start):
    bot = start_bot()
    server.gateway.invalidate(resumable=True)
    bot.wait_for_event("resumed")


def test_a_forgotten_session_is_refused_at_resume(server: DiscordServer, start_bot: Start):
    bot = start_bot()
    server.gateway.forget_sessions()
    server.gateway.drop()
    bot.wait_for_event("ready", count=2)
    assert not server.connections[-1].has_resumed


def test_a_session_nobody_came_back_for_in_time_is_gone(server: DiscordServer, start_bot: Start):
    bot = start_bot()
    server.gateway.refuse_next(1)
    server.gateway.drop()
    server.wait_for(lambda: not server.gateway.is_connected)
    server.clock.advance(600)
    bot.wait_for_event("ready", count=2)


def test_withheld_acks_make_the_client_reconnect(server: DiscordServer, start_bot: Start):
    server.gateway.heartbeat_every(0.2)
    bot = start_bot(heartbeat_timeout=0.5)
    server.gateway.withhold_acks()
    bot.wait_for_event("disconnect")
    server.gateway.withhold_acks(False)
    bot.wait_for_event("resumed")
    server.gateway.heartbeat_every(41.25)


def test_the_full_list_twice_in_30_s_is_rate_limited_and_ids_are_still_answered(
    server: DiscordServer, start_bot: Start
):
    ida = server.add_member("ida")
    server.gateway.limit_full_member_lists(30)
    server.clock.advance(60)
    bot = start_bot()
    assert bot.guild.chunked
    bot.client._connection._chunk_timeout = lambda guild: 0.3
    server.gateway.invalidate()
    bot.wait_for_event("ready", count=2)
    assert not bot.guild.chunked
    assert bot.guild.get_member(int(ida.id)) is None
    found = bot.run(bot.guild.query_members(user_ids=[int(ida.id), 4711], cache=True))
    assert [member.id for member in found] == [int(ida.id)]
    assert bot.guild.get_member(int(ida.id)) is not None
    server.gateway.limit_full_member_lists(0)


def test_members_are_found_by_name_and_by_id(server: DiscordServer, start_bot: Start):
    jan = server.add_member("jan")
    bot = start_bot(intents=discord.Intents(guilds=True), chunk_guilds_at_startup=False)
    assert [member.id for member in bot.run(bot.guild.query_members("ja", limit=5))] == [int(jan.id)]
    assert bot.run(bot.guild.query_members(user_ids=[4711])) == []


def test_without_the_members_intent_there_are_no_member_events_and_no_list(server: DiscordServer, start_bot: Start):
    bot = start_bot(intents=discord.Intents(guilds=True, messages=True))
    assert [str(member.id) for member in bot.guild.members] == [server.bot_id]
    kim = server.add_member("kim")
    kim.leave()
    kim.rejoin()
    kim.say("general", "last")
    bot.wait_for_event("message")
    assert "member_join" not in bot.names
    assert "raw_member_remove" not in bot.names


def test_events_can_be_held_back_and_lost(server: DiscordServer, start_bot: Start):
    bot = start_bot()
    lea = server.add_member("lea")
    bot.wait_for_event("member_join")
    with server.gateway.losing_events():
        lea.set_roles(["staff"])
    server.gateway.pause_events()
    lea.set_roles(["seems_legit"])
    lea.say("general", "held back")
    # Asked and answered over REST meanwhile: the silence is the gateway's only.
    bot.run(bot.guild.fetch_member(int(lea.id)))
    assert "member_update" not in bot.names
    server.gateway.resume_events()
    bot.wait_for_event("message")
    assert bot.names.count("member_update") == 1


def test_a_privileged_intent_that_was_not_granted_ends_the_client(server: DiscordServer, start_bot: Start):
    server.privileged_intents.discard("members")
    bot = start_bot(ready=False)
    assert isinstance(bot.wait_for_end(), discord.PrivilegedIntentsRequired)
    assert server.connections[-1].close_code == 4014
    server.privileged_intents.add("members")


def test_a_wrong_token_is_a_login_failure(server: DiscordServer, start_bot: Start):
    bot = start_bot(ready=False, token="wrong.token.here")
    assert isinstance(bot.wait_for_end(), discord.LoginFailure)


def test_a_token_that_dies_while_connected_closes_with_4004(server: DiscordServer, start_bot: Start):
    bot = start_bot()
    real = server.token
    server.backend.gateway.token = "another"
    server.gateway.drop()
    error = bot.wait_for_end()
    server.backend.gateway.token = real
    assert isinstance(error, discord.ConnectionClosed)
    assert error.code == 4004


def test_an_outage_at_the_start_ends_the_client(server: DiscordServer, start_bot: Start):
    with server.outage():
        bot = start_bot(ready=False)
        assert isinstance(bot.wait_for_end(), discord.DiscordServerError)


def test_an_outage_of_a_connected_client_is_over_when_it_is_over(server: DiscordServer, start_bot: Start):
    bot = start_bot()
    with server.outage():
        bot.wait_for_event("disconnect")
        with pytest.raises(discord.DiscordServerError):
            bot.run(bot.guild.fetch_member(int(server.owner.id)))
    bot.wait_for_event("resumed")
    assert bot.run(bot.guild.fetch_member(int(server.owner.id))).name == "owner"


def test_a_refused_first_connection_is_the_known_fault_of_discord_py(server: DiscordServer, start_bot: Start):
    server.gateway.refuse_next(1)
    bot = start_bot(ready=False)
    assert isinstance(bot.wait_for_end(), AttributeError)


def test_a_server_that_nobody_reaches_is_found_again(server: DiscordServer, start_bot: Start):
    bot = start_bot()
    with server.unreachable():
        bot.wait_for_event("disconnect")
        with pytest.raises(OSError, match="Connect call failed"):
            bot.run(bot.guild.fetch_member(int(server.owner.id)))
    bot.wait_for_event("resumed")


def test_a_guild_that_is_away_comes_back(server: DiscordServer, start_bot: Start):
    bot = start_bot()
    server.gateway.guild_outage()
    server.wait_for(lambda: bot.guild.unavailable)
    server.gateway.guild_back()
    server.wait_for(lambda: not bot.guild.unavailable and bot.guild.chunked)


def test_an_identify_too_soon_is_put_off(server: DiscordServer, start_bot: Start):
    server.clock.advance(60)
    server.gateway.limit_identifies(5)
    start_bot()
    second = start_bot(ready=False)
    server.wait_for(lambda: len([op for op, _ in server.connections[-1].received if op == 2]) == 1)
    assert "ready" not in second.names
    server.clock.advance(5)
    second.wait_for_event("ready")
    server.gateway.limit_identifies(0)


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        pytest.param([b"{"], 4002, id="no JSON"),
        pytest.param([b'{"op":77}'], 4001, id="unknown op code"),
        pytest.param([b'{"op":8,"d":{}}'], 4003, id="asking before IDENTIFY"),
        pytest.param([b'{"op":2,"d":null}'], 4002, id="IDENTIFY without data"),
        pytest.param([b'{"op":1,"d":null,"x":"' + b"x" * 4096 + b'"}'], 4002, id="too large"),
        pytest.param([b'{"op":1,"d":null}'] * 121, 4008, id="too many"),
        pytest.param([IDENTIFY, IDENTIFY], 4005, id="IDENTIFY twice"),
        pytest.param([IDENTIFY.replace(b"513", b"1073741824")], 4013, id="unknown intents"),
    ],
)
def test_what_no_client_may_send_closes_and_is_noted(server: DiscordServer, frames: list[bytes], code: int):
    async def close_code() -> int | None:
        async with aiohttp.ClientSession() as session, session.ws_connect(server.gateway_url) as socket:
            for frame in frames:
                await socket.send_str(frame.decode())
            async for _ in socket:
                pass
            return socket.close_code

    assert asyncio.run(close_code()) == code
    assert server.violations[-1].code == code
    server.records.violations.clear()


def test_a_client_that_never_beats_is_hung_up_on(server: DiscordServer):
    async def close_code() -> int | None:
        async with aiohttp.ClientSession() as session, session.ws_connect(server.gateway_url) as socket:
            async for _ in socket:
                pass
            return socket.close_code

    server.gateway.heartbeat_every(0.1)
    server.backend.gateway.patience_s = 0.2
    assert asyncio.run(close_code()) == 4009
    server.gateway.heartbeat_every(41.25)
    server.backend.gateway.patience_s = 2.0
    server.records.violations.clear()


def test_many_members_come_in_several_chunks(server: DiscordServer, start_bot: Start):
    server.call(lambda: server.add_members(2100))
    bot = start_bot()
    assert len(bot.guild.members) == len(server.world.members) > 2100
