"""What stops the start, and the one line that says why."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from freetheai.config import ConfigError, Settings, load_settings
from freetheai.config.docs import entries

FILE = "freetheai.toml"
PROVIDER = '[providers.opc]\nbase_url = "http://x"\n'
TIER = "level={}, minimum_invites={}, rate_limit_per_minute={}, concurrency_limit={}"


def tiers(*rows: tuple[object, ...]) -> str:
    """`tiers` of [limits] with these numbers."""
    return "[limits]\ntiers = [" + ", ".join("{" + TIER.format(*row) + "}" for row in rows) + "]"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        pytest.param("[server]\nprot = 1", "[server] prot: unknown entry (did you mean 'port'?)", id="unknown entry"),
        pytest.param("[server]\nzzz = 1", "[server] zzz: unknown entry", id="unknown entry like no other"),
        pytest.param("[sever]\nport = 1", "[sever]: unknown section (did you mean 'server'?)", id="unknown section"),
        pytest.param("[provider.x]\n", "[provider]: unknown section (did you mean 'providers'?)", id="one provider"),
        pytest.param("port = 1", "port: an entry outside of any section (it belongs in [server])", id="no section"),
        pytest.param("what = 1", "what: an entry outside of any section", id="no section and no such entry"),
        pytest.param("server = 1", "server: must be a section, as in [server]", id="a section that is none"),
        pytest.param('[server]\nport = "8080"', "[server] port: must be a whole number from 0 to 65535", id="text"),
        pytest.param("[server]\nport = true", "[server] port: must be a whole number from 0 to 65535", id="boolean"),
        pytest.param("[server]\nport = 80.0", "[server] port: must be a whole number from 0 to 65535", id="fraction"),
        pytest.param("[server]\nport = 65536", "[server] port: must be a whole number from 0 to 65535", id="too high"),
        pytest.param("[server]\nport = -1", "[server] port: must be a whole number from 0 to 65535", id="below zero"),
        pytest.param("[server]\nport = 8081", "[server] admin_port: must not be the public port", id="the same port"),
        pytest.param("[server]\nhost = ''", "[server] host: must be text that is not empty", id="no host"),
        pytest.param(
            "[server]\nmax_body_bytes = 0",
            "[server] max_body_bytes: must be a whole number of at least 1",
            id="no body",
        ),
        pytest.param("[server]\nmetrics = 1", "[server] metrics: must be true or false", id="number for a boolean"),
        pytest.param("[server]\nsite_key = 5", "[server] site_key: must be text, env:NAME or file:PATH", id="secret"),
        pytest.param("[server]\ndata_dir = ''", "[server] data_dir: must be a path", id="no folder"),
        pytest.param(
            "[server]\ntrusted_proxies = ['10.0.0.1/8']",
            "[server] trusted_proxies[0]: must be an address or a network such as 10.0.0.0/8"
            " (no bits set behind its mask)",
            id="address with a mask",
        ),
        pytest.param(
            "[server]\ntrusted_proxies = '::1'", "[server] trusted_proxies: must be a list", id="text for a list"
        ),
        pytest.param(
            "[server]\npublic_url = 'api.x.test'",
            "[server] public_url: must be a URL (http://, https://)",
            id="no scheme",
        ),
        pytest.param(
            "[server]\npublic_url = 'ftp://x'",
            "[server] public_url: must be a URL (http://, https://)",
            id="other scheme",
        ),
        pytest.param(
            "[server]\npublic_url = 'http://[x'", "[server] public_url: must be a URL (http://, https://)", id="no URL"
        ),
        pytest.param(
            "[server]\npublic_url = 'http://x:99999'",
            "[server] public_url: must be a URL (http://, https://)",
            id="no such port",
        ),
        pytest.param(
            "[mongodb]\nurl = 'http://u:pazzword@h'",
            "[mongodb] url: must be a URL (mongodb:// or mongodb+srv://), env:NAME or file:PATH",
            id="not MongoDB's scheme",
        ),
        pytest.param(
            "[mongodb]\ndatabase = 'a.b'", "[mongodb] database: must be 1 to 63 of A-Z a-z 0-9 _ -", id="database name"
        ),
        pytest.param(
            "[redis]\nprefix = '{a}'", "[redis] prefix: must be 1 to 32 of A-Z a-z 0-9 _ . : -", id="braces in a prefix"
        ),
        pytest.param(
            "[discord]\nenabled = true\nguild_id = 1",
            "[discord] token: environment variable DISCORD_TOKEN is not set",
            id="Discord without its token",
        ),
        pytest.param(
            "[discord]\nenabled = true\nguild_id = 1\ntoken = ''",
            "[discord] token: must be given when Discord is enabled",
            id="Discord with an empty token",
        ),
        pytest.param(
            "[discord]\nenabled = true\ntoken = 't'",
            "[discord] guild_id: must be given when Discord is enabled",
            id="Discord without a server",
        ),
        pytest.param(
            "[discord]\nstaff_roles = [1]",
            "[discord] staff_roles[0]: must be text that is not empty",
            id="no role name",
        ),
        pytest.param(
            "[gates]\nfailed_keys_per_minute = 0",
            "[gates] failed_keys_per_minute: must be a whole number of at least 1",
            id="no key may fail",
        ),
        pytest.param("[embedded]\nmodel = true", "[embedded] model: must be one of: auto, on, off", id="not a word"),
        pytest.param("[timeouts]\nidle = 0", "[timeouts] idle: must be a number of seconds, more than 0", id="no time"),
        pytest.param("[timeouts]\nidle = nan", "[timeouts] idle: must be a number of seconds, more than 0", id="nan"),
        pytest.param(
            "[timeouts]\nidle = inf", "[timeouts] idle: must be a number of seconds, more than 0", id="for ever"
        ),
        pytest.param(
            "[server]\ndrain_seconds = -1",
            "[server] drain_seconds: must be a number of seconds, 0 or more",
            id="time that runs back",
        ),
        pytest.param("[limits]\ntiers = []", "[limits] tiers: must not be empty", id="no tier"),
        pytest.param(
            "[limits]\ntiers = [1]", "[limits] tiers[0]: must be a table, as in { name = value }", id="no table"
        ),
        pytest.param(
            "[limits]\ntiers = [{level=1, minimum_invites=0}]",
            "[limits] tiers[0]: lacks rate_limit_per_minute, concurrency_limit",
            id="half a tier",
        ),
        pytest.param(
            "[limits]\ntiers = [{level=1, invites=0}]",
            "[limits] tiers[0].invites: unknown entry (did you mean 'minimum_invites'?)",
            id="unknown in a tier",
        ),
        pytest.param(
            tiers((1, 0, 0, 1)),
            "[limits] tiers[0].rate_limit_per_minute: must be a whole number of at least 1",
            id="a tier without requests",
        ),
        pytest.param(
            tiers((1, 1, 5, 1)),
            "[limits] tiers: the first tier must have minimum_invites = 0, or new members would have no limits",
            id="no tier for newcomers",
        ),
        pytest.param(
            tiers((1, 0, 5, 1), (2, 8, 6, 1), (3, 8, 7, 1)),
            "[limits] tiers: level and minimum_invites must rise from tier to tier",
            id="tiers out of order",
        ),
        pytest.param(
            "[limits.roles.vip]\ndaily_limit = 5",
            "[limits] roles.vip.daily_limit: unknown entry (did you mean 'daily_success_limit'?)",
            id="unknown limit of a role",
        ),
        pytest.param(
            "[limits.roles]\nvip = 5", "[limits] roles.vip: must be a table, as in { name = value }", id="role's number"
        ),
        pytest.param(
            "[providers.opc]\nadapter = 'openai'",
            "[providers.opc] base_url: must be given",
            id="provider without address",
        ),
        pytest.param("providers = 1", "providers: must be a section, as in [providers]", id="no table of providers"),
        pytest.param(
            "[providers]\nopc = 1", "[providers] opc: must be a section, as in [providers.opc]", id="provider no table"
        ),
        pytest.param(
            "[providers.Opc]\nbase_url = 'http://x'",
            "[providers.Opc]: a provider's name must be 1 to 32 of a-z 0-9 _ - and begin with a letter or digit",
            id="capital in a prefix",
        ),
        pytest.param(
            PROVIDER + "formats = ['chats']",
            "[providers.opc] formats[0]: must be one of: chat, messages, responses, gemini, speech,"
            " transcriptions, images, videos",
            id="unknown format",
        ),
        pytest.param(
            PROVIDER + "api_keys = 'k'", "[providers.opc] api_keys: must be a list", id="one key outside of a list"
        ),
        pytest.param(
            PROVIDER + "api_keys = ['a b']",
            "[providers.opc] api_keys[0]: must be text that is not empty, without spaces, env:NAME or file:PATH",
            id="space in a key",
        ),
        pytest.param(
            PROVIDER + "timeouts = {first = 1}",
            "[providers.opc] timeouts.first: unknown entry (did you mean 'first_byte'?)",
            id="unknown timeout of a provider",
        ),
        pytest.param(
            PROVIDER + "timeouts = {idle = 'x'}",
            "[providers.opc] timeouts.idle: must be a number of seconds, more than 0",
            id="ill-typed timeout of a provider",
        ),
        pytest.param(
            PROVIDER + "timeouts = 5",
            "[providers.opc] timeouts: must be a table, as in { first_byte = 120 }",
            id="one number for all timeouts",
        ),
        pytest.param(
            "[providers.opc]\nbase_url = 'http://user:pazzword@x'",
            "[providers.opc] base_url: must not have a user or password in it",
            id="password in an address",
        ),
        pytest.param(
            "[providers.opc]\nbase_url = 'http://x/v1?key=pazzword'",
            "[providers.opc] base_url: must not have a query or fragment",
            id="key in an address",
        ),
    ],
)
def test_a_mistake_in_the_file_is_one_line(load, text, line):
    with pytest.raises(ConfigError) as raised:
        load(text)
    assert str(raised.value) == f"{FILE}: {line}"


@pytest.mark.parametrize(
    ("variable", "value", "line"),
    [
        pytest.param("SERVER_PORT", "x", "must be a whole number from 0 to 65535", id="not a number"),
        pytest.param("SERVER_PORT", "9" * 5000, "must be a whole number from 0 to 65535", id="a number without end"),
        pytest.param("SERVER_PORT", "", "must be a whole number from 0 to 65535", id="empty"),
        pytest.param(
            "SERVER_PROT", "1", "unknown entry of [server] (did you mean 'port'?)", id="unknown entry of a section"
        ),
        pytest.param("SERVER", "{}", "unknown entry of [server]", id="a whole section"),
        pytest.param("SEVER_PORT", "1", "unknown section (did you mean 'server'?)", id="section misspelt"),
        pytest.param("PROVIDER_A_URL", "1", "unknown section (did you mean 'providers'?)", id="one provider"),
        pytest.param(
            "GATES_CHECKIN", "maybe", "must be true or false (also 1, 0, yes, no, on, off)", id="not a word for true"
        ),
        pytest.param("TIMEOUTS_IDLE", "soon", "must be a number of seconds, more than 0", id="not a time"),
        pytest.param("LIMITS_ROLES", "vip", "not a TOML value: Invalid value (at line 1, column 9)", id="not TOML"),
        pytest.param("LIMITS_ROLES", "[]", "must be a table, as in { name = value }", id="a list for a table"),
        pytest.param("LIMITS_TIERS", "1,2", None, id="numbers for tables"),
        pytest.param(
            "PROVIDERS_OPC_BASE_URI",
            "http://x",
            "unknown entry of a provider (did you mean 'base_url'?)",
            id="unknown entry of a provider",
        ),
        pytest.param("PROVIDERS_OPC", "x", "unknown entry of a provider", id="a whole provider"),
        pytest.param("PROVIDERS_BASE_URL", "http://x", "unknown entry of a provider", id="no prefix"),
        pytest.param(
            f"PROVIDERS_{'A' * 33}_BASE_URL",
            "http://x",
            "a provider's name must be 1 to 32 of a-z 0-9 _ - and begin with a letter or digit",
            id="a prefix too long",
        ),
        pytest.param(
            "PROVIDERS_OPC_TIMEOUTS",
            "{ fast = 1 }",
            None,
            id="unknown timeout of a provider",
        ),
    ],
)
def test_a_mistake_in_the_environment_is_one_line(load, variable, value, line):
    with pytest.raises(ConfigError) as raised:
        load(**{f"FREETHEAI_{variable}": value})
    said = str(raised.value)
    assert said.startswith(f"environment FREETHEAI_{variable}")
    assert "\n" not in said
    assert line is None or said == f"environment FREETHEAI_{variable}: {line}"


def test_a_default_that_can_not_be_used_is_named_too(load):
    with pytest.raises(ConfigError) as raised:
        load(FREETHEAI_DISCORD_ENABLED="true", FREETHEAI_DISCORD_GUILD_ID="5")
    assert str(raised.value) == "defaults: [discord] token: environment variable DISCORD_TOKEN is not set"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        pytest.param(b"[server\n", "not TOML: ", id="not TOML"),
        pytest.param(b"a = 1\na = 2\n", "not TOML: ", id="twice the same"),
        pytest.param(b"\xff", "not UTF-8 text", id="not text"),
        pytest.param(b"a = " + b"[" * 100_000, "not TOML: ", id="nested without end"),
        pytest.param(b"a = " + b"9" * 10_000, "not TOML: ", id="a number without end"),
        pytest.param(None, "can't be read: No such file or directory", id="no such file"),
    ],
)
def test_a_file_that_can_not_be_read_is_one_line(tmp_path, load, content, reason):
    path = tmp_path / "broken.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError) as raised:
        load(FREETHEAI_CONFIG=str(path))
    assert str(raised.value).startswith(f"{path}: {reason}")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("[server]\nport = 'pazzword'", id="where a number belongs"),
        pytest.param("[server]\nmetrics = 'pazzword'", id="where true or false belongs"),
        pytest.param("[timeouts]\nidle = 'pazzword'", id="where seconds belong"),
        pytest.param("[embedded]\nmodel = 'pazzword'", id="where a word belongs"),
        pytest.param("[server]\ntrusted_proxies = ['pazzword']", id="where a network belongs"),
        pytest.param("[mongodb]\nurl = 'http://a:pazzword@h'", id="in a URL of another kind"),
        pytest.param("[providers.opc]\nbase_url = 'https://a:pazzword@h'", id="in a provider's address"),
        pytest.param("[providers.opc]\nbase_url = 'pazzword'", id="where an address belongs"),
        pytest.param("[limits]\nroles = 'pazzword'", id="where a table belongs"),
        pytest.param("[server]\nsite_key = 'pazzword with spaces'", id="in a secret of the wrong form"),
    ],
)
def test_a_secret_in_the_wrong_place_is_not_repeated(load, text):
    with pytest.raises(ConfigError) as raised:
        load(text)
    assert "pazzword" not in str(raised.value)
    assert raised.value.__cause__ is None


VARIABLES = [entry.variable.replace("_NAME_", "_A_") for entry in entries()]


@settings(deadline=None)
@example(variable="FREETHEAI_SERVER_DATA_DIR", value="~nobody-of-that-name")
@given(variable=st.sampled_from(VARIABLES), value=st.text(max_size=40))
def test_whatever_a_variable_holds_it_is_taken_or_refused_in_one_line(variable, value):
    environ = {"FREETHEAI_PROVIDERS_A_BASE_URL": "http://a", "FREETHEAI_CONFIG": "/dev/null", variable: value}
    try:
        assert isinstance(load_settings(None, environ), Settings)
    except ConfigError as error:
        assert str(error).startswith(f"environment {variable}")
        assert "\n" not in str(error)
