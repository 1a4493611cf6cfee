"""`freetheai keys …` against real services."""

import pytest

from freetheai import clock, ids


def test_issue_prints_the_key_once_and_stores_only_its_hash(run, database):
    issued = run("keys", "issue", "--user", "ann", "--name", "Ann", "--roles", "a,b", "--invites", "8", "--json").json
    assert list(issued) == ["key", "key_prefix", "user_id", "created_at"]
    key = issued["key"]
    assert ids.has_valid_checksum(key) and issued["user_id"] == "ann" and issued["key_prefix"] == key[:10]
    (stored,) = database["keys"].find({}, {"_id": 0})
    assert stored["key_hash"] == ids.hash_key(key) and stored["revoked_at"] is None
    everything = [document for name in database.list_collection_names() for document in database[name].find()]
    assert key not in str(everything)
    (user,) = database["users"].find({}, {"_id": 0})
    assert (user["user_id"], user["name"], user["roles"], user["invites"]) == ("ann", "Ann", ["a", "b"], 8)
    assert user["is_member"] is True and user["last_checkin_day"] is None


def test_check_in_goes_with_the_key(run, database):
    assert run("keys", "issue", "--user", "ann", "--check-in").status == 0
    (user,) = database["users"].find({})
    assert (user["last_checkin_day"], user["streak"]) == (clock.utc_day(), 1)


def test_a_user_who_has_a_key_gets_another_only_by_rotation(run, database):
    first = run("keys", "issue", "--user", "ann", "--roles", "a", "--json").json
    refused = run("keys", "issue", "--user", "ann", "--roles", "b", "--json")
    assert (refused.status, refused.out) == (1, "")
    assert first["key_prefix"] in refused.err and "--rotate" in refused.err and first["key"] not in refused.err
    assert database["users"].find_one({})["roles"] == ["a"]

    second = run("keys", "issue", "--user", "ann", "--rotate", "--json").json
    assert second["key"] != first["key"]
    shown = run("keys", "show", "--user", "ann", "--json").json
    assert [(key["key_prefix"], key["revoked_reason"]) for key in shown] == [
        (second["key_prefix"], ""),
        (first["key_prefix"], "rotated"),
    ]
    assert database["users"].find_one({})["roles"] == ["a"]


@pytest.mark.parametrize("named", ["key", "prefix", "prefix as shown", "user"])
def test_a_key_is_revoked_however_it_is_named(run, database, named):
    issued = run("keys", "issue", "--user", "ann", "--json").json
    which = {
        "key": [issued["key"]],
        "prefix": [issued["key_prefix"]],
        "prefix as shown": [issued["key_prefix"] + "…"],
        "user": ["--user", "ann"],
    }[named]
    revoked = run("keys", "revoke", *which, "--reason", "leaked", "--json").json
    assert (revoked["key_prefix"], revoked["revoked_reason"]) == (issued["key_prefix"], "leaked")
    assert database["keys"].find_one({})["revoked_at"] is not None
    again = run("keys", "revoke", *which)
    assert again.status == 1 and "already" in again.err


def test_keys_with_the_same_prefix_are_not_guessed_between(run, database):
    run("keys", "issue", "--user", "ann")
    run("keys", "issue", "--user", "bob")
    database["keys"].update_many({}, {"$set": {"key_prefix": "fta_aaaaaa"}})
    refused = run("keys", "revoke", "fta_aaaaaa")
    assert refused.status == 1 and "several" in refused.err
    assert database["keys"].count_documents({"revoked_at": None}) == 2


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        pytest.param(["revoke", ids.new_key()], "no such key", id="an unknown key"),
        pytest.param(["show", "fta_000000"], "no such key", id="an unknown prefix"),
        pytest.param(["show", "--user", "nobody"], "'nobody' has no key", id="an unknown user"),
        pytest.param(["revoke", "fta_" + "a" * 40], "mistyped", id="a mistyped key"),
        pytest.param(["issue", "--user", ""], "user id", id="no user id"),
        pytest.param(["issue", "--user", "x" * 65], "user id", id="a user id too long"),
        pytest.param(["issue", "--user", "a\nb"], "user id", id="a line end in a user id"),
        pytest.param(["issue", "--user", "\udcff"], "user id", id="a user id that is not UTF-8"),
        pytest.param(["issue", "--user", "ann", "--invites", "-1"], "invites", id="fewer invites than none"),
        pytest.param(["issue", "--user", "ann", "--roles", "x" * 101], "role", id="a role too long"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_status_1(run, database, words, reason):
    refused = run("keys", *words)
    assert (refused.status, refused.out) == (1, "")
    assert reason in refused.err and refused.err.count("\n") == 1
    assert database["users"].count_documents({}) == 0


@pytest.mark.parametrize(
    "words", [[], ["issue"], ["revoke"], ["revoke", "fta_aaaaaa", "--user", "ann"], ["issue", "--user", "a", "--nope"]]
)
def test_misuse_is_status_2(run, words):
    assert run("keys", *words).status == 2


@pytest.mark.parametrize("user", ["x" * 64, "Ännchen von Tharau", "a}{b", "123456789012345678"])
def test_any_name_of_1_to_64_characters_is_a_user_id(run, user):
    assert run("keys", "issue", "--user", user, "--json").json["user_id"] == user


def test_a_running_server_is_told_and_the_audit_knows_who_did_what(run, database, notices):
    first = run("keys", "issue", "--user", "ann", "--json").json
    first_hash = ids.hash_key(first["key"])
    assert set(notices.take()) == {("users", "ann"), ("keys", first_hash)}
    second = run("keys", "issue", "--user", "ann", "--rotate", "--json").json
    second_hash = ids.hash_key(second["key"])
    assert set(notices.take()) == {("users", "ann"), ("keys", first_hash), ("keys", second_hash)}
    run("keys", "revoke", second["key"], "--reason", "lost")
    assert set(notices.take()) == {("users", "ann"), ("keys", second_hash)}

    rows = list(database["audit"].find({}, {"_id": 0}, sort=[("at", 1)]))
    assert [(row["action"], row["target"]) for row in rows] == [
        ("key.issue", "ann"),
        ("key.issue", "ann"),
        ("key.revoke", "ann"),
    ]
    assert all(row["actor"].startswith("cli:") for row in rows)
    assert rows[1]["details"] == {"key_prefix": second["key_prefix"], "replaced": first["key_prefix"]}
    assert rows[2]["details"] == {"key_prefix": second["key_prefix"], "reason": "lost"}


def test_the_table_is_for_people(run):
    issued = run("keys", "issue", "--user", "ann")
    assert issued.status == 0 and "key_prefix" in issued.out and issued.out.count("\n") == 4
    shown = run("keys", "show", "--user", "ann").out
    assert shown.startswith("key_prefix") and "ann" in shown and "key_hash" not in shown


def test_without_mongodb_or_redis_the_reason_is_one_line(run, monkeypatch):
    monkeypatch.setenv("FREETHEAI_MONGODB_URL", "mongodb://127.0.0.1:1/")
    refused = run("keys", "issue", "--user", "ann")
    assert refused.status == 1 and "mongodb" in refused.err and refused.err.count("\n") == 1


def test_without_redis_the_key_is_made_and_printed_all_the_same(run, monkeypatch, caplog):
    monkeypatch.setenv("FREETHEAI_REDIS_URL", "redis://127.0.0.1:1/")
    assert ids.has_valid_checksum(run("keys", "issue", "--user", "ann", "--json").json["key"])
    assert "other processes were not told" in caplog.text


def test_a_redis_url_that_is_none_is_refused(run, monkeypatch):
    monkeypatch.setenv("FREETHEAI_REDIS_URL", "redis://127.0.0.1:99999/")
    refused = run("keys", "issue", "--user", "ann")
    assert refused.status == 1 and "redis.url" in refused.err


def test_with_nothing_configured_embedded_services_keep_what_one_command_did_for_the_next(run, monkeypatch, tmp_path):
    monkeypatch.setenv("FREETHEAI_MONGODB_URL", "")
    monkeypatch.setenv("FREETHEAI_REDIS_URL", "")
    monkeypatch.setenv("FREETHEAI_SERVER_DATA_DIR", str(tmp_path / "data"))
    issued = run("keys", "issue", "--user", "ann", "--json").json
    assert run("keys", "show", issued["key"], "--json").json[0]["user_id"] == "ann"
