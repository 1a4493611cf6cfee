"""`freetheai models …` against real services."""

import pytest

CATALOG = """
[[models]]
id = "opc/deepseek-v4"
context_window = 128000
supports_tools = true

[[models]]
id = "glm/glm-4.7"
roles = ["seems_legit"]
"""


@pytest.fixture
def catalog(tmp_path):
    path = tmp_path / "catalog.toml"
    path.write_text(CATALOG)
    return path


def test_load_tells_what_is_new_what_changed_and_what_did_not(run, catalog, notices, database):
    loaded = run("models", "load", str(catalog), "--json").json
    assert loaded == {"added": ["opc/deepseek-v4", "glm/glm-4.7"], "changed": [], "unchanged": []}
    assert {kind for kind, _ in notices.take()} == {"models"}
    catalog.write_text(CATALOG.replace("128000", "64000"))
    loaded = run("models", "load", str(catalog), "--json").json
    assert loaded == {"added": [], "changed": ["opc/deepseek-v4"], "unchanged": ["glm/glm-4.7"]}
    assert notices.take() != []
    assert run("models", "load", str(catalog), "--json").json["changed"] == []
    assert notices.take() == []
    assert [row["action"] for row in database["audit"].find()] == ["model.add", "model.add", "model.change"]


def test_an_unsound_file_is_refused_with_file_line_and_field(run, tmp_path, database):
    path = tmp_path / "bad.toml"
    path.write_text(CATALOG + "contextwindow = 5\n")
    refused = run("models", "load", str(path))
    assert refused.status == 1
    assert f"{path}:10: contextwindow: is not a field of a model (did you mean 'context_window'?)" in refused.err
    assert database["models"].count_documents({}) == 0


def test_every_mistake_of_a_file_has_its_line(run, tmp_path):
    path = tmp_path / "bad.toml"
    path.write_text('[[models]]\nid = "one"\n\n[[models]]\nid = "a/two"\nfallbacks = ["a/two"]\nenabled = "yes"\n')
    refused = run("models", "load", str(path))
    assert refused.status == 1
    lines = refused.err.splitlines()
    assert [line.split(":")[2:4] for line in lines] == [["2", " id"], ["7", " enabled"], ["6", " fallbacks"]]
    assert all(line.startswith(f"freetheai: {path}:") for line in lines)


def test_an_unknown_fallback_is_a_warning_that_names_the_nearest(run, catalog):
    catalog.write_text(CATALOG + 'fallbacks = ["opc/deepsek-v4"]\n')
    loaded = run("models", "load", str(catalog), "--json")
    assert loaded.status == 0
    assert f"{catalog}:10: fallbacks: 'opc/deepsek-v4' is no model" in loaded.err
    assert "(did you mean 'opc/deepseek-v4'?)" in loaded.err


def test_list_and_show_say_what_follows_too(run, catalog):
    run("models", "load", str(catalog))
    rows = run("models", "list", "--json").json
    assert [row["id"] for row in rows] == ["glm/glm-4.7", "opc/deepseek-v4"]
    shown = run("models", "show", "opc/deepseek-v4", "--json").json
    assert shown == rows[1]
    assert (shown["upstream_model"], shown["max_input_tokens"], shown["enabled"]) == ("deepseek-v4", 128000, True)
    assert rows[0]["requires_seems_legit"] is True
    assert run("models", "list").out.splitlines()[0].split()[:2] == ["id", "enabled"]


def test_disable_and_enable_switch_and_tell(run, catalog, notices, database):
    run("models", "load", str(catalog))
    notices.take()
    for action, is_enabled in (("disable", False), ("enable", True)):
        switched = run("models", action, "opc/deepseek-v4", "--json").json
        assert switched == {"id": "opc/deepseek-v4", "enabled": is_enabled}
        assert notices.take() == [("models", "opc/deepseek-v4")]
        assert run("models", "show", "opc/deepseek-v4", "--json").json["enabled"] is is_enabled
    assert database["audit"].count_documents({"target": "opc/deepseek-v4", "action": "model.disable"}) == 1


@pytest.mark.parametrize("action", ["show", "enable", "disable"])
def test_an_unknown_alias_is_refused_and_the_nearest_named(run, catalog, action):
    run("models", "load", str(catalog))
    refused = run("models", action, "opc/deepsek-v4")
    assert refused.status == 1
    assert "'opc/deepsek-v4' (did you mean 'opc/deepseek-v4'?)" in refused.err


def test_a_document_spoilt_by_hand_is_listed_with_its_problem(run, catalog, database):
    run("models", "load", str(catalog))
    database["models"].update_one({"id": "glm/glm-4.7"}, {"$set": {"roles": "vip"}})
    rows = run("models", "list", "--json").json
    assert rows[0]["problem"].startswith("roles: must be a list")
    assert "problem" not in rows[1]


def test_a_prefix_without_a_provider_is_a_warning(run, catalog, tmp_path):
    (tmp_path / "freetheai.toml").write_text(
        '[providers.opc]\nadapter = "openai"\nbase_url = "http://127.0.0.1:1/v1"\napi_keys = []\n'
    )
    loaded = run("models", "load", str(catalog), "--json")
    assert loaded.status == 0
    assert "no provider is configured for the prefix glm" in loaded.err


@pytest.mark.parametrize("words", [[], ["load"], ["show"], ["enable"], ["sort"]])
def test_misuse_is_status_2(run, words):
    assert run("models", *words).status == 2
