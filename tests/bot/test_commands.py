"""The members' commands, from Discord to a streamed answer: one program, one Discord, a member a test."""

import time
from datetime import timedelta
from typing import Any

import httpx2
import pytest

from discord_server.control import Answer, DiscordServer, Person
from freetheai import clock, ids
from support.discord_member import REASON, USE_CASE, Secrets, key_in, pass_form, sign_up
from support.discord_staff import wait_until
from support.members import Members
from support.program import Program

IN_THE_SHARED_HOUSE = True
CHAT: dict[str, Any] = {"model": "fake/one", "messages": [{"role": "user", "content": "Hi"}]}


@pytest.fixture
def person(discord_server: DiscordServer, nothing_wrong: None, request: pytest.FixtureRequest) -> Person:
    """Somebody who has been here for long, and is Verified."""
    del nothing_wrong
    return discord_server.add_member(request.node.name[5:35], roles=["seems_legit"])


def ask(program: Program, key: str, **fields: Any) -> httpx2.Response:
    headers = {"Authorization": f"Bearer {key}"}
    return httpx2.post(f"{program.base_url}/chat/completions", json={**CHAT, **fields}, headers=headers, timeout=30)


def error_type(answer: httpx2.Response) -> str:
    return str(answer.json()["error"]["type"])


def check_in(secrets: Secrets, person: Person, key: str) -> str:
    return str(pass_form(secrets, person, person.command("checkin"), key=key).result().content)


def test_from_sign_up_to_a_streamed_answer(program: Program, secrets: Secrets, person: Person) -> None:
    opened = person.command("signup")
    assert [field.label for field in opened.modal.fields][:2] == [
        "What will you use the key for?",
        "Is a bot involved?",
    ]
    done = pass_form(secrets, person, opened)
    assert done.ephemeral
    shown = done.result().content
    key = key_in(shown)
    assert f"{program.base_url}`" in shown
    assert error_type(ask(program, key)) == "daily_checkin_required"
    assert check_in(secrets, person, key).startswith("You are checked in for today.")
    answer = ask(program, key, stream=True)
    assert answer.status_code == 200
    assert '"Hel"' in answer.text and answer.text.endswith("data: [DONE]\n\n")
    log = program.log_file.read_text()
    assert key not in log and ids.hash_key(key) not in log
    assert USE_CASE not in log


def test_a_new_key_is_seen_although_discord_s_connection_is_cut(
    discord_server: DiscordServer, secrets: Secrets, person: Person
) -> None:
    """It can't be shown again, and nobody should have to reset a key they never saw."""
    opened = person.command("signup")
    discord_server.rest.fail("PATCH /webhooks/*", 0, times=2)
    assert key_in(pass_form(secrets, person, opened).result().content)


def test_a_form_of_a_command_that_is_no_more_is_told_as_expired(person: Person) -> None:
    modal = person.command("signup").modal
    object.__setattr__(modal, "custom_id", modal.custom_id.replace("signup", "bygone"))
    values = {field.custom_id: _anything(field) for field in modal.fields} | {"use_case": USE_CASE}
    assert "expired" in person.submit(modal, values).content


def test_a_second_sign_up_is_pointed_to_resetkey(secrets: Secrets, person: Person) -> None:
    sign_up(secrets, person)
    refused = person.command("signup")
    assert (refused.kind, refused.ephemeral) == ("message", True)
    assert "/resetkey" in refused.content


def test_two_forms_sent_at_once_make_one_key(program: Program, secrets: Secrets, person: Person) -> None:
    modals = [person.command("signup").modal for _ in range(2)]
    filled = [{"use_case": USE_CASE, "disclosure": "own", **secrets.right(person, modal)} for modal in modals]
    sent = [person.submit(modal, values, wait=False) for modal, values in zip(modals, filled, strict=True)]
    shown = [answer.wait().result().content for answer in sent]
    assert sorted("shown this once" in text for text in shown) == [False, True]
    assert any("/resetkey" in text for text in shown)
    found = program.cli("keys", "show", "--user", person.id, "--json").stdout
    assert found.count("key_prefix") == 1


def test_a_form_counts_once_however_often_it_is_sent(secrets: Secrets, person: Person) -> None:
    modal = person.command("signup").modal
    values = {"use_case": USE_CASE, "disclosure": "none", **secrets.right(person, modal)}
    sent = [person.submit(modal, values, wait=False) for _ in range(3)]
    shown = [answer.wait().result().content for answer in sent]
    assert sum("shown this once" in text for text in shown) == 1
    assert sum("expired or was sent before" in text for text in shown) == 2


def test_another_member_s_form_is_nobody_s(discord_server: DiscordServer, secrets: Secrets, person: Person) -> None:
    thief = discord_server.add_member("thief")
    modal = person.command("signup").modal
    values = {"use_case": USE_CASE, "disclosure": "none", **secrets.right(person, modal)}
    assert "expired or was sent before" in thief.submit(modal, values).result().content
    assert "shown this once" in person.submit(modal, values).result().content, "it is still its owner's"


def test_a_form_is_good_for_its_own_command_only(
    secrets: Secrets, person: Person, discord_server: DiscordServer
) -> None:
    key = sign_up(secrets, person)
    reset, checkin = person.command("resetkey").modal, person.command("checkin").modal
    forged = checkin.custom_id.rsplit(":", 1)[0] + ":" + reset.custom_id.rsplit(":", 1)[1]
    object.__setattr__(checkin, "custom_id", forged)
    values = {field.custom_id: _anything(field) for field in checkin.fields} | {"key": key}
    assert "expired or was sent before" in person.submit(checkin, values).result().content


def _anything(field: Any) -> Any:
    return "zzzz" if field.kind == "text" else [field.options[0].value]


def test_what_was_not_written_is_sent_back_with_the_same_challenge(secrets: Secrets, person: Person) -> None:
    modal = person.command("signup").modal
    right = secrets.right(person, modal)
    refused = person.submit(modal, {"use_case": "asdfasdf asdfasdf", "disclosure": "none", **right}).result()
    assert "repeats itself" in refused.content
    back = person.press(refused, "Back to the form").modal
    assert back.custom_id == modal.custom_id
    done = person.submit(back, {"use_case": USE_CASE, "disclosure": "none", **right}).result()
    assert "shown this once" in done.content


def test_check_in_is_once_a_day_and_the_day_turns(
    program: Program, secrets: Secrets, members: Members, person: Person
) -> None:
    key = sign_up(secrets, person)
    assert "days in a row" not in check_in(secrets, person, key)
    again = person.command("checkin")
    assert again.kind == "message" and "checked in today already" in again.content
    assert ask(program, key).status_code == 200
    yesterday = clock.utc_day(clock.utc_now() - timedelta(days=1))
    members.change(person.id, last_checkin_day=yesterday, streak=6)
    wait_until(lambda: ask(program, key).status_code == 403)
    assert "7 days in a row" in check_in(secrets, person, key)
    wait_until(lambda: ask(program, key).status_code == 200)


def test_check_in_needs_the_member_s_own_key(
    discord_server: DiscordServer, secrets: Secrets, person: Person, program: Program
) -> None:
    other = discord_server.add_member("other")
    nobody = person.command("checkin")
    assert nobody.kind == "message" and "/signup" in nobody.content
    own, others = sign_up(secrets, person), sign_up(secrets, other)
    assert "not the key you have now" in check_in(secrets, person, others)
    assert "not the key you have now" in check_in(secrets, person, ids.new_key())
    opened = person.command("checkin")
    mistyped = pass_form(secrets, person, opened, key=own[:-1] + "!").result()
    assert "not a whole key" in mistyped.content
    done = pass_form(secrets, person, person.press(mistyped, "Back to the form"), key=own)
    assert "You are checked in" in done.result().content
    assert others not in program.log_file.read_text()


def test_a_reset_key_is_dead_in_every_process_within_a_second(
    program: Program, second: Program, secrets: Secrets, person: Person
) -> None:
    old = sign_up(secrets, person)
    check_in(secrets, person, old)
    for each in (program, second):
        assert ask(each, old).status_code == 200
    opened = person.command("resetkey")
    noise = person.submit(opened.modal, {"reason": "qwertyuiop asdfghjkl", **secrets.right(person, opened.modal)})
    assert "does not read like words" in noise.result().content
    done = pass_form(secrets, person, person.command("resetkey"))
    new = key_in(done.result().content)
    told_s = time.monotonic()
    for each in (program, second):
        wait_until(lambda each=each: ask(each, old).status_code == 401)
        assert time.monotonic() - told_s < 5
        assert ask(each, new).status_code == 200, "the check-in stays"
    shown = program.cli("keys", "show", "--user", person.id, "--json").stdout
    assert REASON in shown


def test_three_wrong_answers_lock_out_and_a_right_one_forgets_them(secrets: Secrets, person: Person) -> None:
    def answer_wrong(opened: Answer) -> Any:
        values = {"use_case": USE_CASE, "disclosure": "none", **secrets.wrong(person, opened.modal)}
        return person.submit(opened.modal, values).result()

    spare = person.command("signup").modal
    first = answer_wrong(person.command("signup"))
    assert (first.content, first.buttons) == ("That was not right.", ["Try again"])
    second = answer_wrong(person.press(first, "Try again"))
    assert "You may try again <t:" in second.content and not second.buttons
    locked = person.command("signup")
    assert (locked.kind, locked.ephemeral) == ("message", True) and "<t:" in locked.content
    late = person.submit(spare, {"use_case": USE_CASE, "disclosure": "none", **secrets.right(person, spare)})
    assert "<t:" in late.result().content, "a form that is open already does not help"
    secrets.forget_tries(person)
    sign_up(secrets, person)
    assert not [name for name in secrets.keys(person) if name.endswith(":tries")]


def test_me_says_where_a_member_stands_and_never_the_key(
    program: Program, secrets: Secrets, members: Members, person: Person
) -> None:
    nothing = person.command("me")
    assert nothing.ephemeral and "/signup" in nothing.result().content
    key = sign_up(secrets, person)
    members.change(person.id, invites=9)
    check_in(secrets, person, key)
    wait_until(lambda: ask(program, key).status_code == 200)
    shown = person.command("me").result().content
    for part in (
        "checked in today",
        "499 of 500 successful requests",
        "of 20 requests a minute",
        "3 (9 invites); tier 4 from 15",
        "1 day",
        "seems\\_legit",
        ids.display_prefix(key),
    ):
        assert part in shown, shown
    assert key not in shown
    members.change(person.id, paused_reason="too *many* requests")
    assert "paused by staff (too \\*many\\* requests)" in person.command("me").result().content
    assert "paused by staff" in person.command("checkin").content
    assert "paused by staff" in person.command("resetkey").content


def test_a_fault_of_ours_is_a_plain_sentence_with_an_id_that_is_in_the_log(
    program: Program, secrets: Secrets, members: Members, person: Person
) -> None:
    sign_up(secrets, person)
    members.change(person.id, overrides="nonsense from a MongoDB shell")
    shown = person.command("me").result()
    assert shown.ephemeral and shown.content.startswith("Something went wrong on our side.")
    error_id = shown.content.split("`")[1]
    (line,) = [line for line in program.log_lines() if line.get("error_id") == error_id]
    assert "Traceback" in line["trace"] and line["user_id"] == person.id


def test_a_command_that_discord_still_shows_is_told_as_old(discord_server: DiscordServer, program: Program) -> None:
    person = discord_server.add_member("late")
    url = (
        f"{discord_server.api_base_url}/applications/{discord_server.bot_id}/guilds/{discord_server.guild_id}/commands"
    )
    headers = {"Authorization": f"Bot {discord_server.token}"}
    body = {"name": "bygone", "description": "Was once a command"}
    httpx2.post(url, json=body, headers=headers, timeout=10).raise_for_status()
    shown = person.command("bygone")
    assert shown.ephemeral and "This command has changed." in shown.content


def test_the_doubtful_are_shown_a_picture_first(discord_server: DiscordServer, secrets: Secrets) -> None:
    young = discord_server.add_member("young", account_age_days=1, joined_days_ago=0)
    first = young.command("signup")
    assert first.ephemeral and first.kind == "deferred"
    picture = first.result()
    assert picture.buttons == ["Answer", "Another picture", "Ask me in words instead"]
    # Who hears the picture's description instead of seeing it hears which button to press, and staff as the last way.
    described = picture.attachments[0].description or ""
    assert f"“{picture.buttons[2]}”" in described and "ask the staff" in described
    other = young.press(picture, "Another picture").result()
    (before,), (after,) = picture.attachments, other.attachments
    assert before.data != after.data
    assert {each.name.split(".")[0] for each in (before, after)} == {"question"}
    opened = young.press(other, "Answer")
    kept = secrets.kept(young, opened.modal)
    readable = other.text
    for rule in kept["secret"]["rules"]:
        right = rule["right"] if isinstance(rule["right"], list) else [str(rule["right"])]
        assert not any(each in readable for each in right if len(each) > 2)
    assert "shown this once" in pass_form(secrets, young, opened).result().content
    assert not discord_server.violations


def test_wrong_answers_to_pictures_and_to_words_count_together(
    discord_server: DiscordServer, secrets: Secrets, person: Person
) -> None:
    """Else words would be a second set of tries."""
    young = discord_server.add_member("young-wrong", account_age_days=1, joined_days_ago=0)
    picture, spare = (young.command("signup").result() for _ in range(2))
    words = young.press(picture, "Ask me in words instead")
    own = {"use_case": USE_CASE, "disclosure": "none"}
    first = young.submit(words.modal, {**own, **secrets.wrong(young, words.modal)}).result()
    assert first.content == "That was not right."
    shown = young.press(first, "Try again").result()
    opened = young.press(shown, "Answer")
    second = young.submit(opened.modal, {**own, **secrets.wrong(young, opened.modal)}).result()
    assert "You may try again <t:" in second.content
    for answer in (young.command("signup"), young.press(spare, "Ask me in words instead")):
        assert answer.kind == "message" and "Those were many tries" in answer.content


def test_a_worded_question_in_place_of_pictures_is_rationed(discord_server: DiscordServer, secrets: Secrets) -> None:
    young = discord_server.add_member("young-too", account_age_days=1, joined_days_ago=0)
    picture = young.command("signup").result()
    opened = [young.press(picture, "Ask me in words instead") for _ in range(4)]
    assert [each.kind for each in opened] == ["modal"] * 3 + ["message"]
    assert "<t:" in opened[3].content
    assert "shown this once" in pass_form(secrets, young, opened[0]).result().content


def test_forms_and_buttons_open_before_a_restart_work_after_it(
    program: Program, second: Program, discord_server: DiscordServer, secrets: Secrets, person: Person
) -> None:
    young = discord_server.add_member("young-later", account_age_days=1, joined_days_ago=0)
    opened, picture = person.command("signup"), young.command("signup").result()
    connections = len(discord_server.connections)
    second.stop()  # it would take the bot over
    program.stop()
    program.start()
    discord_server.wait_for(lambda: len(discord_server.connections) > connections, 20)
    discord_server.wait_for_ready()
    second.start()
    assert "shown this once" in pass_form(secrets, person, opened).result().content
    assert "shown this once" in pass_form(secrets, young, young.press(picture, "Answer")).result().content
