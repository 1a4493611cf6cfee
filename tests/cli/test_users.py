"""`freetheai users …` against real services."""

import pytest

from freetheai import clock


@pytest.fixture
def ann(run):
    """A user with a key; returns what was issued."""
    return run("keys", "issue", "--user", "ann", "--name", "Ann", "--roles", "old", "--json").json


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        pytest.param(["--pause", "$spam"], {"paused_reason": "$spam"}, id="pause"),
        pytest.param(["--pause", ""], {"paused_reason": ""}, id="pause without words"),
        pytest.param(["--left"], {"is_member": False}, id="left"),
        pytest.param(["--member"], {"is_member": True}, id="member"),
        pytest.param(
            ["--check-in"],
            {"last_checkin_day": clock.utc_day(), "has_checked_in_today": True, "streak": 1},
            id="check-in",
        ),
        pytest.param(["--add-role", "a", "--add-role", "b"], {"roles": ["old", "a", "b"]}, id="roles added"),
        pytest.param(["--remove-role", "old"], {"roles": []}, id="a role removed"),
        pytest.param(["--invites", "15"], {"invites": 15}, id="invites"),
        pytest.param(["--name", "Anna"], {"name": "Anna"}, id="name"),
        pytest.param(
            ["--rate-limit", "5", "--concurrency", "4", "--daily-limit", "9"],
            {"overrides": {"rate_limit_per_minute": 5, "concurrency_limit": 4, "daily_success_limit": 9}},
            id="limits of one's own",
        ),
    ],
)
def test_set_changes_what_it_names(run, ann, notices, words, expected):
    before = run("users", "show", "ann", "--json").json
    after = run("users", "set", "ann", *words, "--json").json
    changed = {name: value for name, value in after.items() if value != before[name] and name != "updated_at"}
    unchanged = {name: value for name, value in expected.items() if value == before[name]}
    assert changed | unchanged == expected
    assert run("users", "show", "ann", "--json").json == {**after, "clients": []}
    assert ("users", "ann") in notices.take()


@pytest.mark.parametrize(
    ("there", "back", "field", "value"),
    [
        pytest.param(["--pause", "x"], ["--unpause"], "paused_reason", None, id="unpause"),
        pytest.param(["--left"], ["--member"], "is_member", True, id="rejoin"),
        pytest.param(["--check-in"], ["--no-check-in"], "last_checkin_day", None, id="no check-in"),
        pytest.param(["--rate-limit", "5"], ["--rate-limit", "default"], "overrides", {}, id="the tier's limit again"),
    ],
)
def test_set_takes_back_what_it_did(run, ann, there, back, field, value):
    run("users", "set", "ann", *there)
    assert run("users", "show", "ann", "--json").json[field] != value
    run("users", "set", "ann", *back)
    assert run("users", "show", "ann", "--json").json[field] == value


def test_show_and_list_know_the_key_that_is_good_and_never_a_hash(run, ann, database):
    run("keys", "issue", "--user", "bob")
    run("keys", "revoke", "--user", "bob")
    rows = run("users", "list", "--json").json
    assert [(row["user_id"], row["key_prefix"]) for row in rows] == [("ann", ann["key_prefix"]), ("bob", None)]
    shown = run("users", "show", "ann", "--json")
    assert shown.json == {**rows[0], "clients": []}
    assert "_id" not in shown.json and database["keys"].find_one({"user_id": "ann"})["key_hash"] not in shown.out
    table = run("users", "list").out.splitlines()
    assert len(table) == 3 and table[0].startswith("user_id")


def test_every_change_is_audited_with_what_was_said(run, ann, database):
    run("users", "set", "ann", "--pause", "spam", "--add-role", "x", "--daily-limit", "default", "--check-in")
    row = database["audit"].find_one({"action": "user.set"})
    assert (row["target"], row["actor"][:4]) == ("ann", "cli:")
    assert row["details"] == {
        "paused_reason": "spam",
        "add_roles": ["x"],
        "overrides": {"daily_success_limit": None},
        "is_checked_in": True,
    }


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        pytest.param(["show", "bob"], "no user 'bob'", id="show nobody"),
        pytest.param(["set", "bob", "--left"], "no user 'bob'", id="change nobody"),
        pytest.param(["set", "ann", "--pause", "a\nb"], "one line", id="a reason of two lines"),
        pytest.param(["set", "ann", "--pause", "x" * 501], "500", id="a reason too long"),
        pytest.param(["set", "ann", "--add-role", " "], "role", id="a role without a name"),
        pytest.param(["set", "ann", "--invites", "99999999999999999999"], "invites", id="more invites than people"),
        pytest.param(["set", "ann", "--rate-limit", "9" * 30], "1 or more", id="a limit beyond all"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_status_1(run, ann, words, reason):
    refused = run("users", *words)
    assert (refused.status, refused.out) == (1, "")
    assert reason in refused.err and refused.err.count("\n") == 1


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["set"],
        ["set", "ann"],
        ["set", "ann", "--pause", "x", "--unpause"],
        ["set", "ann", "--member", "--left"],
        ["set", "ann", "--check-in", "--no-check-in"],
        ["set", "ann", "--rate-limit", "0"],
        ["set", "ann", "--rate-limit", "-5"],
        ["set", "ann", "--rate-limit", "many"],
        ["set", "ann", "--invites", "x"],
    ],
)
def test_misuse_is_status_2(run, words):
    assert run("users", *words).status == 2
