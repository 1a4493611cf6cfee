"""Keys pasted in Discord: the message goes, the key ends, its owner is told, and nothing of the message is kept."""

from collections.abc import Callable, Iterator
from typing import Any

import pymongo
import pytest

from discord_server.control import DiscordServer, Person, SentMessage
from discord_server.world import MANAGE_MESSAGES
from freetheai import ids
from support.discord_program import events, is_refused, without
from support.discord_staff import audit_of, wait_until
from support.members import Members
from support.program import Program

WORDS = "these words stand beside the key"


@pytest.fixture(scope="module")
def discord_server() -> Iterator[DiscordServer]:
    """A Discord that grants the bot the content of messages."""
    with DiscordServer.start() as server:
        server.privileged_intents.add("message_content")
        yield server


@pytest.fixture(scope="module")
def program(make_program: Callable[..., Program], discord_server: DiscordServer) -> Program:
    program = make_program(discord_server, message_content_intent=True)
    discord_server.wait_for_ready()
    return program


def is_gone(server: DiscordServer, message: SentMessage) -> bool:
    return message.id not in [each.id for each in server.messages("general")]


def write_again(server: DiscordServer, message: SentMessage, text: str) -> None:
    """The author changes a message."""

    def change() -> None:
        found = server.world.messages[message.id]
        found.content = text
        server.backend.gateway.broadcast("MESSAGE_UPDATE", server.world.message_event(found))

    server.call(change)


def everything_kept(program: Program) -> str:
    """Every document of the database, and the log."""
    section = program.sections["mongodb"]
    with pymongo.MongoClient[dict[str, Any]](str(section["url"])) as client:
        database = client[str(section["database"])]
        documents = [str(list(database[name].find())) for name in database.list_collection_names()]
    return "\n".join([*documents, program.log_file.read_text()])


def test_a_pasted_key_is_deleted_revoked_and_its_owner_told(
    discord_server: DiscordServer, program: Program, person: Person, key: str
) -> None:
    assert not is_refused(program, key)
    message = person.say("general", f"{WORDS}: {key}")
    wait_until(lambda: is_gone(discord_server, message))
    wait_until(lambda: is_refused(program, key))
    (told,) = wait_until(lambda: person.dms)
    assert "/resetkey" in told.content and f"`{ids.display_prefix(key)}…`" in told.content
    assert f"<#{discord_server.channel('general').id}>" in told.content
    assert key not in told.content
    (row,) = audit_of(program, person.id)
    assert (row["actor"], row["action"]) == ("discord:bot", "key.revoke")
    assert row["details"]["reason"] == f"posted in channel {discord_server.channel('general').id} by {person.id}"
    kept = everything_kept(program)
    assert WORDS not in kept and key not in kept
    assert not [each for each in discord_server.messages("general") if each.author_id == discord_server.bot_id], (
        "nothing in public"
    )


def test_the_owner_is_told_whoever_posted_it(
    discord_server: DiscordServer, program: Program, person: Person, key: str
) -> None:
    thief = discord_server.add_member("thief")
    dressed = "\u200b".join(key).replace("_", "\\_")
    message = thief.say("general", f"free key ```\n{dressed}\n``` take it")
    wait_until(lambda: is_gone(discord_server, message))
    wait_until(lambda: is_refused(program, key))
    wait_until(lambda: person.dms)
    assert not thief.dms
    (row,) = audit_of(program, person.id)
    assert row["details"]["reason"].endswith(f"by {thief.id}")


def test_every_key_of_a_message_ends(
    discord_server: DiscordServer, program: Program, members: Members, person: Person
) -> None:
    others = [person, *discord_server.add_members(2, prefix="several")]
    keys = members.add(*(each.id for each in others))
    message = person.say("general", " and ".join([*keys, keys[0]]))
    wait_until(lambda: all(is_refused(program, each) for each in keys))
    wait_until(lambda: all(len(each.dms) == 1 for each in others))
    wait_until(lambda: is_gone(discord_server, message))


def test_a_key_that_is_added_later_is_seen(
    discord_server: DiscordServer, program: Program, person: Person, key: str
) -> None:
    message = person.say("general", "look at this")
    write_again(discord_server, message, f"look at this {key}")
    wait_until(lambda: is_gone(discord_server, message))
    wait_until(lambda: is_refused(program, key))


@pytest.mark.parametrize("where", ["field", "footer", "file name", "poll", "forwarded"])
def test_a_key_beside_the_text_or_in_a_forwarded_message_is_seen(
    discord_server: DiscordServer, program: Program, person: Person, key: str, where: str
) -> None:
    message = person.say("general", "look at this")
    payload = discord_server.world.message_event(discord_server.world.messages[message.id])
    if where == "field":
        payload["embeds"] = [{"type": "rich", "fields": [{"name": "key", "value": key, "inline": False}]}]
    elif where == "footer":
        payload["embeds"] = [{"type": "rich", "footer": {"text": key}}]
    elif where == "file name":
        payload["attachments"] = [{"id": "1", "filename": f"{key}.txt", "size": 1, "url": "x", "proxy_url": "x"}]
    elif where == "poll":
        answers = [{"answer_id": 1, "poll_media": {"text": key}}]
        more = {"expiry": payload["timestamp"], "allow_multiselect": False, "layout_type": 1}
        payload["poll"] = {"question": {"text": "good?"}, "answers": answers, **more}
    else:
        inner = {"type": 0, "content": f"key: {key}", "embeds": [], "attachments": [], "components": [], "flags": 0}
        times = {"timestamp": payload["timestamp"], "edited_timestamp": None}
        payload["message_snapshots"] = [{"message": {**inner, **times, "mentions": []}}]
    discord_server.gateway.dispatch("MESSAGE_UPDATE", payload)
    wait_until(lambda: is_gone(discord_server, message))
    wait_until(lambda: is_refused(program, key))


def test_what_can_be_a_key_goes_too_and_nobody_is_told(
    discord_server: DiscordServer, program: Program, members: Members, person: Person, key: str
) -> None:
    """Else keys could be tried out by looking which messages stay."""
    members.revoke(person.id)
    for text in (key, ids.new_key()):
        message = person.say("general", text)
        wait_until(lambda message=message: is_gone(discord_server, message))
    mistyped = person.say("general", key[:-1] + ("x" if key[-1] != "x" else "y"))
    last = person.say("general", ids.new_key())
    wait_until(lambda: is_gone(discord_server, last))
    assert not is_gone(discord_server, mistyped)
    assert not person.dms
    assert not audit_of(program, person.id)


def test_closed_messages_lead_to_nothing_in_public(
    discord_server: DiscordServer, program: Program, person: Person, key: str
) -> None:
    person.accepts_dms = False
    before = len(discord_server.messages("general"))
    person.say("general", key)
    wait_until(lambda: is_refused(program, key))
    (line,) = wait_until(
        lambda: [each for each in events(program, "the owner of a posted key could not be told")
                 if each["user_id"] == person.id]
    )  # fmt: skip
    assert line["reason"] == "they take no messages"
    wait_until(lambda: len(discord_server.messages("general")) == before)
    assert not person.dms


def test_where_it_may_not_delete_the_key_ends_and_the_log_says_what_to_do(
    discord_server: DiscordServer, program: Program, person: Person, key: str
) -> None:
    with without(discord_server, MANAGE_MESSAGES):
        message = person.say("general", f"{WORDS} {key}")
        wait_until(lambda: is_refused(program, key))
        (line,) = wait_until(lambda: events(program, "a message that holds a key was not deleted"))
    assert not is_gone(discord_server, message)
    assert (line["message_id"], line["key_prefixes"]) == (message.id, ids.display_prefix(key))
    assert "Manage Messages" in line["what_to_do"]
    assert key not in program.log_file.read_text() and WORDS not in program.log_file.read_text()


def test_a_slow_deletion_does_not_keep_the_key_good(
    discord_server: DiscordServer, program: Program, person: Person, key: str
) -> None:
    discord_server.rest.slow(2.0, "DELETE /channels/*/messages/*", times=1)
    message = person.say("general", key)
    wait_until(lambda: is_refused(program, key))
    assert not is_gone(discord_server, message)
    wait_until(lambda: is_gone(discord_server, message))


def test_a_key_written_to_the_bot_ends_as_well(program: Program, person: Person, key: str) -> None:
    person.dm(f"is this right? {key}")
    wait_until(lambda: is_refused(program, key))
    (told,) = wait_until(lambda: person.dms)
    assert "sent to me" in told.content


# ---------------------------------------------------------------------- without the intent


def test_where_the_intent_is_not_granted_what_mentions_the_bot_or_is_written_to_it_is_seen(
    make_program: Callable[..., Program],
) -> None:
    with DiscordServer.start() as server:
        check_without_the_intent(make_program(server, message_content_intent=True), server)


def check_without_the_intent(program: Program, discord_server: DiscordServer) -> None:
    begin = "discord does not grant the "
    content = f"{begin}message content intent: going on without it, posted keys may be missed"
    (line,) = wait_until(lambda: events(program, content), 20)
    assert "message_content_intent = false" in line["what_to_do"]
    discord_server.wait_for_ready()
    assert not events(program, f"{begin}members intent: going on without it, slower"), "that one is granted"
    members = Members(program)
    people = discord_server.add_members(3, prefix="unread")
    unseen, mentioned, written = members.add(*(each.id for each in people))
    members.close()
    stays = people[0].say("general", unseen)
    goes = people[1].say("general", f"<@{discord_server.bot_id}> {mentioned}")
    people[2].dm(written)
    wait_until(lambda: is_gone(discord_server, goes))
    wait_until(lambda: is_refused(program, mentioned) and is_refused(program, written))
    assert not is_gone(discord_server, stays) and not is_refused(program, unseen)
    assert not discord_server.violations
