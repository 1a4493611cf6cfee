"""Where settings come from: which file, what the environment changes, what a secret stands for."""

from pathlib import Path

import pytest

from freetheai.config import ConfigError, ProviderSettings, Secret, TimeoutSettings, load_settings

ONE = '[providers.my-own]\nbase_url = "http://own"\napi_keys = ["k1"]\n'


@pytest.mark.parametrize(
    ("given", "named", "port"),
    [
        pytest.param("given.toml", "named.toml", 1001, id="the command line's file wins"),
        pytest.param(None, "named.toml", 1002, id="then the environment's"),
        pytest.param(None, "", 1003, id="then the working directory's, also when the variable is empty"),
    ],
)
def test_which_file_is_read(tmp_path, monkeypatch, given, named, port):
    monkeypatch.chdir(tmp_path)
    for name, number in (("given.toml", 1001), ("named.toml", 1002), ("freetheai.toml", 1003)):
        Path(name).write_text(f"[server]\nport = {number}")
    settings = load_settings(Path(given) if given else None, {"FREETHEAI_CONFIG": named})
    assert settings.server.port == port
    assert settings.source == Path(given or named or "freetheai.toml")


def test_without_a_file_the_defaults_hold(load):
    assert load().source is None


def test_the_environment_lies_over_the_file(load):
    settings = load("[server]\nport = 1\nhost = 'h'", FREETHEAI_SERVER_PORT="2")
    assert (settings.server.port, settings.server.host) == (2, "h")


def test_a_byte_order_mark_is_no_mistake(load):
    assert load("\ufeff[server]\nport = 5").server.port == 5


def test_a_provider_may_be_made_by_the_environment_alone(load):
    settings = load(
        FREETHEAI_PROVIDERS_OPC_BASE_URL="https://opc.test/v1",
        FREETHEAI_PROVIDERS_OPC_ADAPTER="opencode",
        FREETHEAI_PROVIDERS_OPC_FORMATS="chat, messages",
        FREETHEAI_PROVIDERS_OPC_API_KEYS="k1, env:SECOND",
        FREETHEAI_PROVIDERS_OPC_MAX_CONCURRENCY="3",
        FREETHEAI_PROVIDERS_OPC_COOLDOWN_SECONDS="0",
        FREETHEAI_PROVIDERS_OPC_TIMEOUTS_FIRST_BYTE="120",
        SECOND="k2",
    )
    assert settings.providers == {
        "opc": ProviderSettings(
            adapter="opencode",
            base_url="https://opc.test/v1",
            formats=("chat", "messages"),
            api_keys=(Secret("k1"), Secret("k2")),
            max_concurrency=3,
            cooldown_seconds=0,
            timeouts=TimeoutSettings(first_byte=120),
        )
    }


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        pytest.param("BASE_URL", "http://new", {"base_url": "http://new"}, id="one entry"),
        pytest.param("API_KEYS", "k2,k3", {"api_keys": (Secret("k2"), Secret("k3"))}, id="its keys, with commas"),
        pytest.param("API_KEYS", '["k,2"]', {"api_keys": (Secret("k,2"),)}, id="its keys, as TOML"),
        pytest.param("TIMEOUTS", "{ idle = 7 }", {"timeouts": TimeoutSettings(idle=7)}, id="its timeouts as a table"),
        pytest.param("TIMEOUTS_IDLE", "7", {"timeouts": TimeoutSettings(idle=7)}, id="one of its timeouts"),
    ],
)
def test_the_environment_changes_a_provider_of_the_file_whose_name_has_a_dash(load, variable, value, expected):
    settings = load(ONE, **{f"FREETHEAI_PROVIDERS_MY_OWN_{variable}": value})
    assert settings.providers == {
        "my-own": ProviderSettings(**({"base_url": "http://own", "api_keys": (Secret("k1"),)} | expected))
    }


@pytest.mark.parametrize(
    "variable",
    [
        pytest.param("FREETHEAI_API_KEY", id="what members call their key"),
        pytest.param("FREETHEAI_BASE_URL", id="a client's base URL"),
        pytest.param("FREETHEAI", id="no name at all"),
        pytest.param("SERVER_PORT", id="another program's"),
    ],
)
def test_variables_of_others_are_left_alone(load, variable):
    assert load(**{variable: "x"}) == load()


def test_relative_paths_count_from_the_file(tmp_path):
    folder = tmp_path / "etc"
    folder.mkdir()
    source = folder / "gateway.toml"
    source.write_text(
        '[server]\ndata_dir = "data"\n[moderation]\npatterns_file = "p.txt"\n[catalog]\nfiles = ["c.toml", "/abs.toml"]'
    )
    settings = load_settings(source, {})
    assert settings.server.data_dir == folder / "data"
    assert settings.moderation.patterns_file == folder / "p.txt"
    assert settings.catalog.files == (folder / "c.toml", Path("/abs.toml"))


def test_relative_paths_of_the_environment_count_from_the_working_directory(tmp_path):
    source = tmp_path / "gateway.toml"
    source.write_text("")
    assert load_settings(source, {"FREETHEAI_SERVER_DATA_DIR": "data"}).server.data_dir == Path("data")


SECRET_ENTRIES = [
    pytest.param("[server]\nsite_key = {}", lambda s: s.server.site_key, id="site key"),
    pytest.param("[mongodb]\nurl = {}", lambda s: s.mongodb.url, id="MongoDB's URL"),
    pytest.param("[redis]\nurl = {}", lambda s: s.redis.url, id="Redis' URL"),
    pytest.param(
        "[discord]\nenabled = true\nguild_id = 7\ntoken = {}", lambda s: s.discord.token, id="Discord's token"
    ),
    pytest.param(
        '[moderation]\nendpoint = "http://m"\napi_key = {}', lambda s: s.moderation.api_key, id="moderation's key"
    ),
    pytest.param(
        '[providers.x]\nbase_url = "http://x"\napi_keys = [{}]',
        lambda s: s.providers["x"].api_keys[0],
        id="a provider's key",
    ),
]


def fitting(text: str) -> str:
    """A secret that is sound for the entry: URLs have schemes."""
    for section, scheme in (("[mongodb]", "mongodb"), ("[redis]", "redis")):
        if section in text:
            return f"{scheme}://u:pazzword@h"
    return "pazzword-1"


@pytest.mark.parametrize(("text", "get"), SECRET_ENTRIES)
def test_a_secret_stands_in_the_file_a_variable_or_another_file(load, tmp_path, text, get):
    value = fitting(text)
    (tmp_path / "secret.txt").write_text(value + "\n")
    for written in (value, "env:HIDDEN", "file:secret.txt", f"file:{tmp_path}/secret.txt"):
        found = get(load(text.format(f'"{written}"'), HIDDEN=value))
        assert isinstance(found, Secret)
        assert found.reveal() == value


@pytest.mark.parametrize(("text", "get"), SECRET_ENTRIES)
def test_no_secret_is_seen_in_the_settings(load, text, get):
    settings = load(text.format('"env:HIDDEN"'), HIDDEN=fitting(text))
    assert get(settings)
    for shown in (repr(settings), str(settings), f"{settings}", f"{get(settings)}"):
        assert "pazzword" not in shown


@pytest.mark.parametrize(("text", "get"), SECRET_ENTRIES)
@pytest.mark.parametrize(
    ("written", "reason"),
    [
        pytest.param("env:HIDDEN", "environment variable HIDDEN is not set", id="variable missing"),
        pytest.param("env:EMPTY", "environment variable EMPTY is not set", id="variable empty"),
        pytest.param("env:sk-pasted-here", "is not the name of an environment variable", id="a key after env"),
        pytest.param("file:absent", "absent: No such file", id="file missing"),
        pytest.param("file:.", ": Is a directory", id="no file"),
        pytest.param("file:empty.txt", "is empty", id="file empty"),
        pytest.param("file:binary", "not UTF-8", id="file of bytes"),
    ],
)
def test_a_missing_secret_stops_the_start(load, tmp_path, text, get, written, reason):
    (tmp_path / "empty.txt").write_text("\n")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError) as raised:
        load(text.format(f'"{written}"'), EMPTY="")
    assert str(raised.value).startswith("freetheai.toml: [")
    assert reason in str(raised.value)
    assert "pasted" not in str(raised.value)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param('[discord]\ntoken = "env:ABSENT"', id="Discord is off"),
        pytest.param("[discord]\nenabled = false", id="Discord is off, its token at the default"),
        pytest.param('[moderation]\napi_key = "file:/absent"', id="no moderation endpoint"),
    ],
)
def test_a_missing_secret_of_what_is_off_is_no_matter(load, text):
    settings = load(text)
    assert not settings.discord.token
    assert not settings.moderation.api_key


def test_secrets_compare_by_value_and_show_nothing():
    assert Secret("a") == Secret("a") != Secret("b")
    assert hash(Secret("a")) == hash(Secret("a"))
    assert Secret("a") != "a"
    assert (repr(Secret("a")), str(Secret("a")), f"{Secret('a'):>5}") == ("Secret('***')", "***", "  ***")
    assert (repr(Secret()), str(Secret()), bool(Secret())) == ("Secret('')", "", False)
