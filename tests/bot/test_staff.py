"""Staff commands, from Discord to what every process does: two programs, one Discord."""

import time
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from discord_server.answers import SentMessage
from discord_server.command_input import CommandNotVisible
from discord_server.control import DiscordServer, Person
from discord_server.world import MANAGE_ROLES, SEND_MESSAGES
from freetheai import ids
from support.discord_program import events, without
from support.discord_staff import add_staff, audit_of, registered, said, send_hidden, wait_until
from support.members import Members
from support.program import Program

IN_THE_SHARED_HOUSE = True
CHAT: dict[str, Any] = {"model": "fake/one", "messages": [{"role": "user", "content": "Hi"}]}


def ask(
    program: Program, key: str, *, address: str = "198.51.100.1", client: str = "tester/1.0", model: str = "fake/one"
) -> httpx2.Response:
    headers = {"Authorization": f"Bearer {key}", "X-Forwarded-For": address, "User-Agent": client}
    body = {**CHAT, "model": model}
    return httpx2.post(f"{program.base_url}/chat/completions", json=body, headers=headers, timeout=30)


def ends(program: Program, key: str, **how: str) -> str:
    """How a request ends: "ok" or the error's type."""
    answer = ask(program, key, **how)
    return "ok" if answer.status_code == 200 else str(answer.json()["error"]["type"])


def seen_by(programs: list[Program], end: str, key: str, **how: str) -> None:
    """Every process ends requests so within a second (and what a loaded machine adds)."""
    told_s = time.monotonic()
    for each in programs:
        wait_until(lambda each=each: ends(each, key, **how) == end)
    assert time.monotonic() - told_s < 5


def test_pause_and_unpause(
    program: Program, second: Program, members: Members, mod: Person, person: Person, key: str
) -> None:
    both = [program, second]
    for each in both:
        assert ends(each, key) == "ok"
    shown = said(mod, "staff pause", member=person, reason="too *many* keys")
    assert f"<@{person.id}> is paused: too \\*many\\* keys" in shown
    seen_by(both, "user_paused", key)
    assert "paused by staff (too \\*many\\* keys)" in said(person, "me")
    assert "paused by staff" in said(person, "why")
    assert f"<@{person.id}> is no longer paused." in said(mod, "staff unpause", member=person)
    seen_by(both, "ok", key)
    assert "they are not paused" in said(mod, "staff unpause", member=person)
    paused, unpaused = (row for row in audit_of(program, person.id) if row["action"] == "user.set")
    assert (paused["actor"], paused["details"]) == (f"discord:{mod.id}", {"paused_reason": "too *many* keys"})
    assert (unpaused["actor"], unpaused["details"]) == (f"discord:{mod.id}", {"paused_reason": None})


def test_who_has_no_account_is_neither_paused_nor_unpaused(program: Program, mod: Person, person: Person) -> None:
    assert "Not done: there is no user" in said(mod, "staff pause", member=person, reason="a reason")
    assert "Not done: they have no account" in said(mod, "staff unpause", member=person)
    assert not audit_of(program, person.id)


def test_a_reason_never_holds_a_key(program: Program, mod: Person, person: Person, key: str) -> None:
    shown = said(mod, "staff pause", member=person, reason=f"posted {key}")
    assert "may not hold a key" in shown
    assert ends(program, key) == "ok"
    assert key not in program.log_file.read_text()


def test_revoke_by_member_and_by_prefix(
    program: Program, second: Program, members: Members, mod: Person, person: Person, key: str
) -> None:
    both, prefix = [program, second], ids.display_prefix(key)
    for each in both:
        assert ends(each, key) == "ok"
    assert "one of the two" in said(mod, "staff revoke", reason="leaked")
    assert f"`{prefix}…`" in said(mod, "staff revoke", prefix=prefix, reason="leaked")
    seen_by(both, "invalid_api_key", key)
    (row,) = audit_of(program, person.id)
    assert (row["actor"], row["action"]) == (f"discord:{mod.id}", "key.revoke")
    assert row["details"] == {"key_prefix": prefix, "reason": "leaked"}
    assert "revoked already" in said(mod, "staff revoke", prefix=f"{prefix}…", reason="leaked")
    assert "no key that is good" in said(mod, "staff revoke", member=person, reason="leaked")
    assert "there is no such key" in said(mod, "staff revoke", prefix="fta_000000", reason="leaked")
    assert "neither a key" in said(mod, "staff revoke", prefix="sk-01234567", reason="leaked")


def test_a_whole_key_is_no_option(discord_server: DiscordServer, program: Program, mod: Person, key: str) -> None:
    def texts(options: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        for option in options:
            yield from texts(option.get("options") or [])
            if option["type"] == 3:
                yield option

    limits = {option["name"]: option["max_length"] for option in texts(discord_server.commands["staff"]["options"])
              if not option.get("choices")}  # fmt: skip
    assert limits["prefix"] < len(key)
    assert all(limits.values())


@pytest.mark.parametrize(
    ("banned", "hit", "spared"),
    [
        pytest.param("192.0.2.7", "192.0.2.7", "192.0.2.8", id="an address"),
        pytest.param("203.0.113.77/24", "203.0.113.9", "203.0.112.9", id="a network, host bits dropped"),
        pytest.param("2001:db8:1::/48", "2001:db8:1::5", "2001:db8:2::5", id="a v6 network"),
    ],
)
def test_ban_and_unban_an_address(
    program: Program, second: Program, mod: Person, person: Person, key: str, banned: str, hit: str, spared: str
) -> None:
    both = [program, second]
    assert "is banned" in said(mod, "staff ban address", address=banned, reason="a flood")
    seen_by(both, "ip_blacklisted", key, address=hit)
    assert ends(program, key, address=spared) == "ok"
    assert "was banned already" in said(mod, "staff ban address", address=banned, reason="a flood again")
    assert "a flood again" in said(mod, "staff bans")
    assert "no longer banned" in said(mod, "staff unban address", address=banned)
    seen_by(both, "ok", key, address=hit)
    assert "is not banned" in said(mod, "staff unban address", address=banned)


def test_bans_are_audited_with_their_reason(program: Program, mod: Person, person: Person) -> None:
    said(mod, "staff ban address", address="192.0.2.99", reason="a scraper")
    said(mod, "staff unban address", address="192.0.2.99")
    added, removed = audit_of(program, "ip:192.0.2.99")
    assert (added["actor"], added["action"], added["details"]) == (
        f"discord:{mod.id}", "ban.add", {"reason": "a scraper"},
    )  # fmt: skip
    assert (removed["actor"], removed["action"]) == (f"discord:{mod.id}", "ban.remove")


@pytest.mark.parametrize("wide", ["0.0.0.0/0", "198.0.0.0/8", "::/0", "2001::/16"])
def test_a_very_wide_ban_has_to_be_meant(program: Program, mod: Person, person: Person, wide: str) -> None:
    assert "very wide" in said(mod, "staff ban address", address=wide, reason="a slip")
    assert not audit_of(program, f"ip:{wide}")


def test_a_wide_ban_that_is_meant_holds(program: Program, mod: Person, person: Person, key: str) -> None:
    assert "is banned" in said(mod, "staff ban address", address="11.0.0.0/8", reason="meant", wide=True)
    wait_until(lambda: ends(program, key, address="11.1.2.3") == "ip_blacklisted")
    said(mod, "staff unban address", address="11.0.0.0/8")


def test_nonsense_is_not_banned(mod: Person, person: Person) -> None:
    assert "no address or CIDR" in said(mod, "staff ban address", address="10.0.0.300", reason="a slip")
    assert "a client signature has" in said(mod, "staff ban signature", signature="***", reason="a slip")
    assert "very wide" in said(mod, "staff ban signature", signature="o*", reason="a slip")


def test_ban_and_unban_a_signature(program: Program, second: Program, mod: Person, person: Person, key: str) -> None:
    both = [program, second]
    assert ends(program, key, client="Grabber/2.1") == "ok"
    wait_until(lambda: "`grabber`" in said(mod, "staff whois", member=person))
    shown = said(mod, "staff ban signature", signature="Grab*", reason="resells")
    assert "`grab*` is banned" in shown and "`grabber` 1" in shown
    seen_by(both, "client_signature_banned", key, client="grabber/3")
    assert ends(program, key) == "ok"
    assert "no longer banned" in said(mod, "staff unban signature", signature="grab*")
    seen_by(both, "ok", key, client="grabber/3")


def test_disable_and_enable_a_model(program: Program, second: Program, mod: Person, person: Person, key: str) -> None:
    both = [program, second]
    assert mod.autocomplete("staff model disable", "alias", "ONE") == [{"name": "fake/one", "value": "fake/one"}]
    assert "`fake/one` is disabled." in said(mod, "staff model disable", alias="fake/one")
    try:
        seen_by(both, "invalid_request_error", key)
        assert mod.autocomplete("staff model enable", "alias", "")[0]["value"] == "fake/one"
        assert "is disabled already" in said(mod, "staff model disable", alias="fake/one")
    finally:
        assert "`fake/one` is enabled." in said(mod, "staff model enable", alias="fake/one")
    seen_by(both, "ok", key)
    assert "did you mean 'fake/one'?" in said(mod, "staff model enable", alias="fake/onee")
    rows = audit_of(program, "fake/one")[-2:]
    assert [(row["actor"], row["action"]) for row in rows] == [
        (f"discord:{mod.id}", "model.disable"), (f"discord:{mod.id}", "model.enable"),
    ]  # fmt: skip


def test_whois_shows_standing_masked_keys_usage_and_refusals(
    program: Program, members: Members, mod: Person, person: Person, key: str
) -> None:
    assert ends(program, key) == "ok"
    assert ends(program, "fta_nonsense") == "invalid_api_key"
    members.fill_minute(person.id, 10)
    assert ends(program, key) == "rate_limit_error"
    said(mod, "staff pause", member=person, reason="just looking")
    prefix = ids.display_prefix(key)
    shown = wait_until(lambda: (text := said(mod, "staff whois", member=person)) and "2 requests" in text and text)
    for part in (
        f"<@{person.id}>", "paused (just looking)", "checked in today", f"`{prefix}…`: good", "1 successes",
        "`tester`", "`rate_limit_error` 1", "`user.set` by <@", "**Tier**: 1",
    ):  # fmt: skip
        assert part in shown, f"{part!r} in {shown}"
    assert key not in shown and ids.hash_key(key) not in shown
    for other in ({"user_id": person.id}, {"prefix": prefix}):
        assert f"`{person.id}`" in said(mod, "staff whois", **other)
    looks = [row for row in audit_of(program, person.id) if row["action"] == "staff.whois"]
    assert looks and {row["actor"] for row in looks} == {f"discord:{mod.id}"}
    assert "name one" in said(mod, "staff whois")
    assert "there is no such key" in said(mod, "staff whois", prefix="fta_000000")
    assert "has no account" in said(mod, "staff whois", user_id="123456789012345678")


def test_stats_sum_up_the_ledger_and_the_moment(program: Program, mod: Person, person: Person, key: str) -> None:
    assert ends(program, key) == "ok"
    shown = wait_until(lambda: "`fake/one`" in (text := said(mod, "staff stats")) and text)
    assert "Today (UTC)" in shown and "**fake** up" in shown
    assert "The last 7d" in said(mod, "staff stats", window="7d")
    assert audit_of(program, "7d")[-1]["action"] == "staff.stats"


def test_an_announcement_is_seen_before_it_is_posted_once_and_pings_nobody(
    discord_server: DiscordServer, program: Program, mod: Person, person: Person
) -> None:
    text = "All models are **back**.\n@everyone thank you"
    opened = mod.command("staff announce", channel="general")
    preview = mod.submit(opened, {"What to post": text})
    assert preview.ephemeral and preview.content == text
    before = len(posts(discord_server))
    pressed = [mod.press(preview, "Post it", wait=False) for _ in range(2)]
    shown = [each.wait().result().content for each in pressed]
    assert len(posts(discord_server)) == before + 1, shown
    assert posts(discord_server)[-1].content == text
    (request, *_) = discord_server.requests_to("POST /channels/*/messages")[-1:]
    assert request.body["allowed_mentions"] == {"parse": []}
    channel = discord_server.channel("general").id
    row = audit_of(program, f"channel:{channel}")[-1]
    assert (row["actor"], row["action"], row["details"]["text"]) == (f"discord:{mod.id}", "status.announce", text)
    dropped = mod.submit(mod.command("staff announce", channel="general"), {"What to post": "never mind"})
    assert "nothing was posted" in mod.press(dropped, "Drop it").result().content
    assert len(posts(discord_server)) == before + 1


def posts(server: DiscordServer) -> list[SentMessage]:
    """What the bot wrote in the channel for all to see."""
    return [each for each in server.messages("general") if each.author_id == server.bot_id and not each.ephemeral]


def test_an_announcement_that_can_t_be_posted_is_told(
    discord_server: DiscordServer, mod: Person, person: Person, key: str
) -> None:
    opened = mod.command("staff announce", channel="general")
    assert "holds a key" in mod.submit(opened, {"What to post": f"use {key}"}).content
    preview = mod.submit(mod.command("staff announce", channel="general"), {"What to post": "We are back"})
    with without(discord_server, SEND_MESSAGES):
        shown = mod.press(preview, "Post it").result()
        assert "may not write" in shown.content
        assert shown.content.endswith("We are back"), "what was written is not lost"
        assert not shown.buttons


def test_verify_and_unverify(discord_server: DiscordServer, program: Program, mod: Person, person: Person) -> None:
    assert "is now Verified" in said(mod, "staff verify", member=person)
    assert person.roles == ["seems_legit"]
    assert "is no longer Verified" in said(mod, "staff unverify", member=person)
    assert person.roles == []
    done = {(row["actor"], row["action"]) for row in audit_of(program, person.id)}
    assert {(f"discord:{mod.id}", each) for each in ("staff.verify", "member.verify", "member.unverify")} <= done
    with without(discord_server, MANAGE_ROLES):
        assert "Discord has not taken it yet" in said(mod, "staff verify", member=person)
    person.leave()
    assert "not in the server" in said(mod, "staff verify", member=person)


COMMANDS: list[tuple[str, dict[str, Any]]] = [
    ("staff pause", {"member": "gateway-bot", "reason": "because"}),
    ("staff unpause", {"member": "gateway-bot"}),
    ("staff revoke", {"prefix": "fta_000000", "reason": "because"}),
    ("staff ban address", {"address": "192.0.2.200", "reason": "because"}),
    ("staff ban signature", {"signature": "curl", "reason": "because"}),
    ("staff unban address", {"address": "192.0.2.200"}),
    ("staff unban signature", {"signature": "curl"}),
    ("staff bans", {}),
    ("staff whois", {"user_id": "1"}),
    ("staff model enable", {"alias": "fake/one"}),
    ("staff model disable", {"alias": "fake/one"}),
    ("staff announce", {"channel": "general"}),
    ("staff stats", {}),
    ("staff verify", {"member": "gateway-bot"}),
    ("staff unverify", {"member": "gateway-bot"}),
]


def test_others_neither_see_nor_may_use_any_of_them(
    discord_server: DiscordServer, program: Program, mod: Person, person: Person
) -> None:
    staffs = [name for name in registered(discord_server) if name.startswith("staff ")]
    assert sorted(staffs) == sorted(name for name, _ in COMMANDS), "each command stands in the list"
    for name, options in COMMANDS:
        with pytest.raises(CommandNotVisible):
            person.command(name, **options)
        refused = send_hidden(person, mod, name, **options)
        assert (refused.kind, refused.ephemeral, refused.content) == ("message", True, "This is for staff."), name
    lines = events(program, "a staff command was refused")
    assert [line["interaction"] for line in lines if line["user_id"] == person.id] == [name for name, _ in COMMANDS]


def test_of_roles_that_share_a_name_the_oldest_is_meant(
    discord_server: DiscordServer, program: Program, mod: Person, person: Person, key: str
) -> None:
    """Who may make roles could else be staff, Verified, and served any model."""
    for name in ("artist", "staff", "seems_legit"):
        if name not in [role.name for role in discord_server.world.roles.values()]:
            discord_server.add_role(name)
    real = discord_server.world.role_named("artist")
    false = [discord_server.add_role(name) for name in ("artist", "staff", "seems_legit")]
    person.set_roles(false)
    assert send_hidden(person, mod, "staff bans").content == "This is for staff."
    assert "**Roles**: none" in said(person, "me")
    assert ask(program, key, model="fake/gated").json()["error"]["type"] == "model_access_denied"
    assert "is now Verified" in said(mod, "staff verify", member=person)
    meant = discord_server.world.role_named("seems_legit")
    assert meant.id in discord_server.world.members[person.id].role_ids
    person.set_roles([real])
    wait_until(lambda: ask(program, key, model="fake/gated").status_code == 200)
    for role in false:
        discord_server.call(lambda role=role: discord_server.world.roles.pop(role.id))
        event = {"guild_id": discord_server.world.guild_id, "role_id": role.id}
        discord_server.gateway.dispatch("GUILD_ROLE_DELETE", event)


def test_staff_that_no_longer_is_may_not_go_on(discord_server: DiscordServer, program: Program, person: Person) -> None:
    late = add_staff(discord_server, "late-mod")
    preview = late.submit(late.command("staff announce", channel="general"), {"What to post": "a last word"})
    opened = late.command("staff announce", channel="general")
    late.set_roles([])
    before = len(posts(discord_server))
    assert "This is for staff." in late.press(preview, "Post it").content
    assert "This is for staff." in late.submit(opened, {"What to post": "one more"}).content
    assert len(posts(discord_server)) == before
