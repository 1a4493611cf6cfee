"""`freetheai export` and `import`: a house moved as a whole, again and again, and what is no line of ours."""

import io
import os
import stat
import sys
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from freetheai import ids
from freetheai.account_lines import unknown_fields
from support.stores import AT, a_key, a_user

INVITED = {
    "user_id": "fay", "inviter_id": "ann", "code": "inv1", "joined_at": AT, "left_at": None, "is_counted": True,
    "reason": "",
}  # fmt: skip
LEFT = {"left_at": AT, "is_counted": False}
# What falls away by itself must not do so in the midst of a test.
LATER = datetime(2099, 1, 1, tzinfo=UTC)
COUNTED = {"user_id": "bob", "days": ["2026-11-21", "2026-11-22"], "messages": 9, "last_at": AT, "expires_at": LATER}
VERIFIED = {
    "user_id": "ann", "days": ["2026-11-22"], "messages": 70, "last_at": AT, "granted_at": AT, "is_barred": False,
    "by": "bot:activity", "pending": "",
}  # fmt: skip
BARRED = {"user_id": "nix", "granted_at": None, "is_barred": True, "by": "discord:7", "pending": "take"}
SIGNUP = {"use_case": "I write\nstories.", "disclosure": "none", "at": AT}


@pytest.fixture
def house(database) -> list[str]:
    """Some accounts, one with a history of keys; their good keys."""
    secrets = [ids.new_key() for _ in range(3)]
    users = [
        a_user("ann", roles=["seems_legit"], invites=4, overrides={"daily_success_limit": 9}, streak=3),
        a_user("bob", name="Bób", paused_reason="spam", is_member=None, last_checkin_day="2026-11-22", signup=SIGNUP),
        a_user("cid"),
    ]
    keys = [a_key(user["user_id"], secret) for user, secret in zip(users, secrets, strict=True)]
    old = {**a_key("ann"), "revoked_at": AT, "revoked_reason": "rotated"}
    database["users"].insert_many([dict(user) for user in users])
    database["keys"].insert_many([dict(key) for key in [*keys, old]])
    database["invites"].insert_many([dict(INVITED), {**INVITED, "user_id": "gus", **LEFT}])
    database["activity"].insert_many([dict(each) for each in (COUNTED, VERIFIED, BARRED)])
    return secrets


def everything(database) -> list[list[Any]]:
    return [
        list(database[name].find({}, {"_id": 0}).sort(order, 1))
        for name, order in (("users", "user_id"), ("keys", "key_hash"), ("invites", "user_id"), ("activity", "user_id"))
    ]


def empty(database) -> None:
    for name in ("users", "keys", "invites", "activity"):
        database[name].delete_many({})


ADDED = {"users_added": 3, "keys_added": 4, "invites_added": 2, "activities_added": 3}
UNCHANGED = {"users_unchanged": 3, "keys_unchanged": 4, "invites_unchanged": 2, "activities_unchanged": 3}


def counts(outcome) -> dict[str, int]:
    return {name: number for name, number in outcome.json.items() if number}


def test_a_house_moves_whole(run, database, house, tmp_path):
    before = everything(database)
    assert run("export", "backup.jsonl", "--json").json == {
        "file": "backup.jsonl", "users": 3, "keys": 4, "invites": 2, "activities": 3
    }  # fmt: skip
    backup = (tmp_path / "backup.jsonl").read_bytes()
    assert not any(secret.encode() in backup for secret in house), "hashes only"
    assert stat.S_IMODE(os.stat(tmp_path / "backup.jsonl").st_mode) == 0o600
    assert os.listdir(tmp_path) == ["backup.jsonl"]
    empty(database)
    assert counts(run("import", "backup.jsonl", "--json")) == ADDED
    assert everything(database) == before
    shown = run("keys", "show", house[0], "--json").json
    assert shown[0]["user_id"] == "ann", "the keys go on to work"
    assert counts(run("import", "backup.jsonl", "--json")) == UNCHANGED
    assert counts(run("import", "backup.jsonl", "--replace", "--json")) == UNCHANGED
    assert everything(database) == before


def test_stdout_and_stdin_are_files_too(run, database, house, monkeypatch):
    before = everything(database)
    exported = run("export").out
    kinds = [orjson.loads(line)["kind"] for line in exported.splitlines()]
    assert kinds == ["user"] * 3 + ["key"] * 4 + ["invite"] * 2 + ["activity"] * 3
    empty(database)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(exported.encode())))
    assert counts(run("import", "-", "--json")) == ADDED
    assert everything(database) == before


def test_more_than_one_batch_goes_through(run, database, tmp_path):
    database["users"].insert_many([dict(a_user(f"user-{number:04}")) for number in range(1203)])
    run("export", "many.jsonl")
    assert len((tmp_path / "many.jsonl").read_bytes().splitlines()) == 1203
    database["users"].delete_many({"user_id": {"$gt": "user-0600"}})
    assert counts(run("import", "many.jsonl", "--json")) == {"users_added": 602, "users_unchanged": 601}


def test_what_stands_is_left_unless_replacing_is_asked_for(run, database, house):
    run("export", "backup.jsonl")
    run("users", "set", "ann", "--invites", "30")
    assert counts(run("import", "backup.jsonl", "--json")) == {
        **UNCHANGED, "users_unchanged": 2, "users_kept": 1
    }  # fmt: skip
    assert database["users"].find_one({"user_id": "ann"})["invites"] == 30
    assert counts(run("import", "backup.jsonl", "--replace", "--json"))["users_replaced"] == 1
    assert database["users"].find_one({"user_id": "ann"})["invites"] == 4


def test_a_key_that_was_revoked_since_stays_dead(run, database, house):
    run("export", "backup.jsonl")
    run("keys", "revoke", "--user", "ann")
    for options in ([], ["--replace"]):
        assert counts(run("import", "backup.jsonl", *options, "--json"))["keys_kept"] == 1
    assert database["keys"].count_documents({"user_id": "ann", "revoked_at": None}) == 0


def test_who_left_and_whom_staff_barred_since_stay_so(run, database, house, notices):
    run("export", "backup.jsonl")
    database["invites"].update_one({"user_id": "fay"}, {"$set": LEFT})
    database["activity"].update_one({"user_id": "ann"}, {"$set": {"is_barred": True, "granted_at": None}})
    database["activity"].update_one({"user_id": "bob"}, {"$set": {"messages": 11}})
    assert counts(run("import", "backup.jsonl", "--json"))["activities_kept"] == 2
    notices.take()
    taken = counts(run("import", "backup.jsonl", "--replace", "--json"))
    assert (taken["invites_kept"], taken["activities_kept"], taken["activities_replaced"]) == (1, 1, 1)
    assert database["invites"].find_one({"user_id": "fay"})["is_counted"] is False
    assert database["activity"].find_one({"user_id": "ann"})["is_barred"] is True
    assert database["activity"].find_one({"user_id": "bob"})["messages"] == 9
    assert notices.take() == [("verification", "bob")]


def test_a_user_s_other_good_key_stands_until_it_is_replaced(run, database, house, notices):
    run("export", "backup.jsonl")
    new = run("keys", "issue", "--user", "ann", "--rotate", "--json").json
    database["keys"].delete_one({"key_hash": ids.hash_key(house[0])})
    assert counts(run("import", "backup.jsonl", "--json"))["keys_kept"] == 1
    assert run("keys", "show", new["key"], "--json").json[0]["revoked_at"] is None
    notices.take()
    assert counts(run("import", "backup.jsonl", "--replace", "--json"))["keys_added"] == 1
    assert set(notices.take()) == {
        ("users", "ann"),
        ("keys", ids.hash_key(house[0])),
        ("keys", ids.hash_key(new["key"])),
    }
    good = list(database["keys"].find({"user_id": "ann", "revoked_at": None}))
    assert [key["key_hash"] for key in good] == [ids.hash_key(house[0])]
    assert (
        database["keys"].find_one({"key_hash": ids.hash_key(new["key"])})["revoked_reason"] == "replaced by an import"
    )


def test_both_are_audited(run, database, house):
    run("export", "backup.jsonl")
    run("import", "backup.jsonl")
    rows = {row["action"]: row["details"] for row in database["audit"].find()}
    assert rows["accounts.export"] == {"users": 3, "keys": 4, "invites": 2, "activities": 3}
    assert rows["accounts.import"]["keys_unchanged"] == 4


INVITE = {**INVITED, "kind": "invite", "joined_at": "2026-11-22T12:00:00Z"}
ACTIVITY = {"kind": "activity", "user_id": "eve"}
USER = {"kind": "user", "user_id": "eve", "created_at": "2026-11-22T12:00:00Z"}
KEY = {
    "kind": "key",
    "user_id": "eve",
    "key_hash": "0" * 64,
    "key_prefix": "fta_abcdef",
    "created_at": "2026-11-22T13:00:00.123456+01:00",
}


def test_a_line_written_by_hand_says_only_what_it_must(run, database, tmp_path):
    (tmp_path / "hand.jsonl").write_bytes(b"\n".join([orjson.dumps(USER), b"", orjson.dumps(KEY), b"   "]))
    assert counts(run("import", "hand.jsonl", "--json")) == {"users_added": 1, "keys_added": 1}
    users, keys, *_ = everything(database)
    assert users[0] == a_user("eve", name="", is_member=None)
    assert keys[0]["created_at"] == datetime(2026, 11, 22, 12, 0, 0, 123000, tzinfo=UTC)
    assert keys[0]["revoked_at"] is None


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        pytest.param(b"{", "is not JSON", id="no JSON"),
        pytest.param(b"\xff\xfe", "is not JSON", id="no text"),
        pytest.param(b"[1]", "is no JSON object", id="a list"),
        pytest.param(b"{}", "kind: must be one of user, key, invite, activity", id="of no kind"),
        pytest.param(orjson.dumps({**USER, "kind": []}), "kind: must be", id="a kind that is no name"),
        pytest.param(orjson.dumps({**USER, "admin": True}), "admin: is not a field of a user", id="an unknown field"),
        pytest.param(orjson.dumps({"kind": "user", "user_id": "a"}), "created_at: is missing", id="a missing field"),
        pytest.param(orjson.dumps({**USER, "user_id": " a"}), "user_id: must be 1 to 64", id="a space at the end"),
        pytest.param(orjson.dumps({**USER, "user_id": "a" * 65}), "user_id: must be 1 to 64", id="a long id"),
        pytest.param(orjson.dumps({**USER, "name": "a\nb"}), "name: must be a text", id="a name of two lines"),
        pytest.param(orjson.dumps({**USER, "roles": "staff"}), "roles: must be a list", id="roles that are none"),
        pytest.param(orjson.dumps({**USER, "roles": [1]}), "roles: must be a text", id="a role that is none"),
        pytest.param(orjson.dumps({**USER, "invites": -1}), "invites: must be a whole number", id="less than none"),
        pytest.param(orjson.dumps({**USER, "invites": True}), "invites: must be a whole number", id="yes invites"),
        pytest.param(orjson.dumps({**USER, "is_member": 1}), "is_member: must be true or false", id="a number"),
        pytest.param(orjson.dumps({**USER, "last_checkin_day": "today"}), "last_checkin_day: must be a day", id="day"),
        pytest.param(orjson.dumps({**USER, "overrides": {"all": 1}}), "overrides: must be an object", id="override"),
        pytest.param(
            orjson.dumps({**USER, "overrides": {"concurrency_limit": 0}}), "overrides: must be a whole", id="limit 0"
        ),
        pytest.param(orjson.dumps({**USER, "created_at": "2026-11-22T12:00:00"}), "created_at: must be a time", id="t"),
        pytest.param(orjson.dumps({**USER, "created_at": 5}), "created_at: must be a time", id="a number for a time"),
        pytest.param(orjson.dumps({**USER, "signup": {"at": None}}), "signup: must have all", id="half a signup"),
        pytest.param(orjson.dumps({**KEY, "key_hash": "fta_x"}), "key_hash: must be 64 hex", id="a key in clear"),
        pytest.param(orjson.dumps({**KEY, "key_prefix": "fta_" + "a" * 40}), "key_prefix: must be", id="all of a key"),
        pytest.param(orjson.dumps({**INVITE, "left_at": 5}), "left_at: must be a time", id="a number for leaving"),
        pytest.param(orjson.dumps({**INVITE, "is_counted": 1}), "is_counted: must be true", id="a number for yes"),
        pytest.param(orjson.dumps({**INVITE, "tier": 1}), "tier: is not a field of an invite", id="an unknown field"),
        pytest.param(orjson.dumps({**ACTIVITY, "days": "x"}), "days: must be a list", id="days that are none"),
        pytest.param(orjson.dumps({**ACTIVITY, "days": ["x"]}), "days: must be a day", id="a day that is none"),
        pytest.param(
            orjson.dumps({**ACTIVITY, "pending": "maybe"}), "pending: must be one of", id="nothing to be done"
        ),
        pytest.param(
            orjson.dumps({**ACTIVITY, "said": "hi"}), "said: is not a field of an activity", id="what was said"
        ),
        pytest.param(b'{"kind":"user","a":"' + b"x" * (1 << 20) + b'"}', "is longer than", id="a line without end"),
    ],
)
def test_a_bad_line_is_named_and_nothing_is_taken(run, database, tmp_path, line, reason):
    (tmp_path / "bad.jsonl").write_bytes(orjson.dumps(USER) + b"\n" + line + b"\n")
    refused = run("import", "bad.jsonl")
    assert (refused.status, refused.out) == (1, "")
    assert refused.err.startswith(f"freetheai: bad.jsonl line 2: {reason}"), refused.err
    assert refused.err.count("\n") == 1
    assert everything(database) == [[]] * 4


def test_a_key_of_nobody_is_refused(run, tmp_path):
    (tmp_path / "lost.jsonl").write_bytes(orjson.dumps(KEY))
    refused = run("import", "lost.jsonl")
    assert (refused.status, refused.err) == (1, "freetheai: lost.jsonl line 1: user_id: there is no user 'eve'\n")


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        pytest.param(["import", "nowhere.jsonl"], "nowhere.jsonl can't be read", id="no file"),
        pytest.param(["import", "."], ". can't be read", id="a folder"),
        pytest.param(["export", "no/where.jsonl"], "no/where.jsonl can't be written", id="no folder"),
    ],
)
def test_a_file_that_cannot_be_had_is_one_line(run, words, reason):
    refused = run(*words)
    assert (refused.status, refused.err.count("\n")) == (1, 1)
    assert reason in refused.err


def test_no_field_of_an_account_is_lost_in_a_backup():
    assert unknown_fields() == set(), "teach freetheai/account_lines.py the new fields"
