"""Every entry: its default, its place in the file, its variable in the environment."""

from dataclasses import fields
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from freetheai.config import (
    DiscordSettings,
    LimitTier,
    ProviderSettings,
    RoleLimits,
    Secret,
    Settings,
    TimeoutSettings,
)
from freetheai.config.docs import entries

# The operator's interface as it is promised: every entry once, at its default.
PROMISED = """
[server]
host = "127.0.0.1"
port = 8080
reuse_port = false
public_url = "http://127.0.0.1:8080"
trusted_proxies = ["127.0.0.1/32", "::1/128"]
site_key = "freetheai.xyz"
max_body_bytes = 33554432
drain_seconds = 30
data_dir = ".data"
metrics = true
admin_port = 8081

[site]
name = "FreeTheAI"
tagline = "One key and one base URL for the language models of a community."
logo = ""
discord_invite = ""
base_url = ""
texts = ""

[mongodb]
url = ""
database = "freetheai"

[redis]
url = ""
prefix = "fta"

[discord]
enabled = false
token = "env:DISCORD_TOKEN"
guild_id = 0
verified_role = "seems_legit"
staff_roles = ["staff"]
api_base_url = ""
gateway_url = ""
members_intent = true
message_content_intent = false
picture_challenge = "doubtful"
challenge_seconds = 180
invite_account_days = 7
verified_days = 7
verified_messages = 50
verified_gap_seconds = 60

[gates]
membership = false
checkin = false
failed_keys_per_minute = 30

[embedded]
model = "auto"

[limits]
daily_success_limit = 250
max_addresses = 2
lease_seconds = 60
tiers = [
    {level=1, minimum_invites=0, rate_limit_per_minute=10, concurrency_limit=1},
    {level=2, minimum_invites=3, rate_limit_per_minute=15, concurrency_limit=1},
    {level=3, minimum_invites=8, rate_limit_per_minute=20, concurrency_limit=2},
    {level=4, minimum_invites=15, rate_limit_per_minute=28, concurrency_limit=2},
    {level=5, minimum_invites=30, rate_limit_per_minute=35, concurrency_limit=3},
]
roles = { seems_legit = {daily_success_limit=500} }

[moderation]
patterns_file = ""
endpoint = ""
api_key = ""

[timeouts]
connect = 5
first_byte = 60
idle = 60
total = 900
stall = 60
keepalive = 15

[catalog]
files = []
"""

PROVIDER = """
[providers.opc]
adapter = "opencode"
base_url = "https://opencode.test/v1"
formats = ["chat", "messages"]
api_keys = ["env:OPENCODE_API_KEY"]
max_concurrency = 0
cooldown_seconds = 30
error_threshold = 5
"""


def leaves(settings: Settings) -> dict[str, Any]:
    """All values by `section.name`, without where they came from."""
    sections = [item.name for item in fields(Settings) if item.name not in ("providers", "source")]
    found = {
        f"{name}.{item.name}": getattr(getattr(settings, name), item.name)
        for name in sections
        for item in fields(getattr(settings, name))
    }
    return {name: value for name, value in found.items() if name != "server.data_dir"}


def test_the_promised_defaults_are_the_built_in_ones(load):
    assert leaves(load(PROMISED)) == leaves(load("")) == leaves(Settings())


def test_the_promised_file_names_every_entry():
    import tomllib

    promised = {f"{section}.{name}" for section, table in tomllib.loads(PROMISED).items() for name in table}
    promised |= {f"providers.NAME.{name}" for name in tomllib.loads(PROVIDER)["providers"]["opc"]}
    assert promised | {"providers.NAME.timeouts"} == {f"{entry.section}.{entry.name}" for entry in entries()}


def test_a_provider_at_the_promised_defaults(load):
    settings = load(PROMISED + PROVIDER, OPENCODE_API_KEY="k-1")
    assert settings.providers == {
        "opc": ProviderSettings(
            adapter="opencode",
            base_url="https://opencode.test/v1",
            formats=("chat", "messages"),
            api_keys=(Secret("k-1"),),
            max_concurrency=0,
            cooldown_seconds=30,
            error_threshold=5,
            timeouts=TimeoutSettings(),
        )
    }


def test_a_provider_needs_only_its_address(load):
    (provider,) = load('[providers.loc]\nbase_url = "http://127.0.0.1:9/v1/"').providers.values()
    assert provider == ProviderSettings(base_url="http://127.0.0.1:9/v1")
    assert (provider.adapter, provider.formats, provider.api_keys) == ("openai", (), ())


@pytest.mark.parametrize(
    ("entry", "written", "in_environment", "expected"),
    [
        pytest.param("server.host", '"::"', "::", "::", id="text"),
        pytest.param("server.port", "9000", "9000", 9000, id="whole number"),
        pytest.param("server.port", "0", " 0 ", 0, id="any free port"),
        pytest.param("server.admin_port", "0", "0", 0, id="admin port off"),
        pytest.param(
            "server.public_url", '"https://api.x.test/"', "https://api.x.test", "https://api.x.test", id="URL"
        ),
        pytest.param(
            "server.trusted_proxies",
            '["10.0.0.0/8", "192.0.2.7"]',
            "10.0.0.0/8, 192.0.2.7",
            (ip_network("10.0.0.0/8"), ip_network("192.0.2.7/32")),
            id="networks with commas between",
        ),
        pytest.param("server.trusted_proxies", "[]", "", (), id="no proxy is trusted"),
        pytest.param("server.trusted_proxies", '["::1"]', '["::1"]', (ip_network("::1"),), id="networks as TOML"),
        pytest.param("server.site_key", '"s3cret"', "s3cret", Secret("s3cret"), id="secret"),
        pytest.param("server.drain_seconds", "0.5", "0.5", 0.5, id="half a second"),
        pytest.param("server.metrics", "false", "off", False, id="switched off"),
        pytest.param("mongodb.url", '"mongodb://h/"', "mongodb://h/", Secret("mongodb://h/"), id="MongoDB"),
        pytest.param(
            "redis.url", '"redis+cluster://h:1"', "redis+cluster://h:1", Secret("redis+cluster://h:1"), id="cluster"
        ),
        pytest.param(
            "discord.guild_id", "1400000000000000001", "1400000000000000001", 1400000000000000001, id="snowflake"
        ),
        pytest.param("discord.staff_roles", '["a", "b c"]', "a, b c", ("a", "b c"), id="names with commas between"),
        pytest.param(
            "discord.gateway_url",
            '"ws://127.0.0.1:5/?v=10"',
            "ws://127.0.0.1:5/?v=10",
            "ws://127.0.0.1:5/?v=10",
            id="gateway",
        ),
        pytest.param("gates.checkin", "true", "1", True, id="gate on"),
        pytest.param("embedded.model", '"off"', "off", "off", id="one of a few words"),
        pytest.param(
            "limits.tiers",
            "[{level=1, minimum_invites=0, rate_limit_per_minute=5, concurrency_limit=4}]",
            "[{level=1, minimum_invites=0, rate_limit_per_minute=5, concurrency_limit=4}]",
            (LimitTier(level=1, minimum_invites=0, rate_limit_per_minute=5, concurrency_limit=4),),
            id="tiers",
        ),
        pytest.param(
            "limits.roles",
            "{ vip = {rate_limit_per_minute=99, concurrency_limit=9} }",
            "{ vip = {rate_limit_per_minute=99, concurrency_limit=9} }",
            {"vip": RoleLimits(rate_limit_per_minute=99, concurrency_limit=9)},
            id="roles",
        ),
        pytest.param("limits.roles", "{}", "{}", {}, id="no role has limits of its own"),
        pytest.param("timeouts.total", "1e3", "1000", 1000.0, id="seconds"),
        pytest.param(
            "catalog.files", '["/a.toml", "/b.toml"]', "/a.toml,/b.toml", (Path("/a.toml"), Path("/b.toml")), id="files"
        ),
    ],
)
def test_an_entry_is_read_from_the_file_and_from_the_environment(load, entry, written, in_environment, expected):
    section, name = entry.split(".")
    from_file = load(f"[{section}]\n{name} = {written}")
    from_environment = load("", **{f"FREETHEAI_{section}_{name}".upper(): in_environment})
    assert getattr(getattr(from_file, section), name) == expected
    assert getattr(getattr(from_environment, section), name) == expected


@pytest.mark.parametrize("word", ["true", "TRUE", "1", "yes", "on", " On "])
def test_words_for_true(load, word):
    assert load(FREETHEAI_GATES_MEMBERSHIP=word).gates.membership is True


@pytest.mark.parametrize("word", ["false", "0", "no", "off", "Off"])
def test_words_for_false(load, word):
    assert load("[gates]\nmembership = true", FREETHEAI_GATES_MEMBERSHIP=word).gates.membership is False


DISCORD = '[discord]\nenabled = true\ntoken = "t.t.t"\nguild_id = 7\n'


@pytest.mark.parametrize(
    ("text", "membership", "checkin"),
    [
        pytest.param("", False, False, id="without Discord both are off"),
        pytest.param(DISCORD, True, True, id="with Discord both are on"),
        pytest.param(f"{DISCORD}[gates]\ncheckin = false", True, False, id="one is switched off by name"),
        pytest.param("[gates]\nmembership = true", True, False, id="one is switched on without Discord"),
    ],
)
def test_gates_follow_discord_unless_they_are_named(load, text, membership, checkin):
    gates = load(text).gates
    assert (gates.membership, gates.checkin) == (membership, checkin)


@pytest.mark.parametrize(
    ("environ", "public_url"),
    [
        pytest.param({"FREETHEAI_SERVER_PORT": "9000"}, "http://127.0.0.1:9000", id="another port"),
        pytest.param({"FREETHEAI_SERVER_HOST": "0.0.0.0"}, "http://127.0.0.1:8080", id="every address"),
        pytest.param({"FREETHEAI_SERVER_HOST": "::1"}, "http://[::1]:8080", id="an IPv6 address"),
        pytest.param(
            {"FREETHEAI_SERVER_PORT": "9000", "FREETHEAI_SERVER_PUBLIC_URL": "https://a.test"},
            "https://a.test",
            id="its own word",
        ),
    ],
)
def test_the_public_url_follows_host_and_port_unless_it_is_set(load, environ, public_url):
    assert load(**environ).server.public_url == public_url


def test_a_providers_timeouts_lie_over_the_common_ones(load):
    settings = load(
        '[timeouts]\nidle = 10\n[providers.a]\nbase_url = "http://a"\ntimeouts = {first_byte = 120}\n'
        '[providers.b]\nbase_url = "http://b"'
    )
    assert settings.providers["a"].timeouts == TimeoutSettings(idle=10, first_byte=120)
    assert settings.providers["b"].timeouts == settings.timeouts == TimeoutSettings(idle=10)


def test_the_bots_token_comes_from_its_variable_by_default(load):
    settings = load("[discord]\nenabled = true\nguild_id = 7", DISCORD_TOKEN="a.b.c")
    assert settings.discord == DiscordSettings(enabled=True, token=Secret("a.b.c"), guild_id=7)


def test_settings_are_frozen(load):
    settings = load()
    with pytest.raises(AttributeError):
        settings.server.port = 1
    with pytest.raises(TypeError):
        settings.providers["x"] = None


@pytest.mark.parametrize(
    ("lines", "base_url"),
    [
        pytest.param("", "", id="nothing said"),
        pytest.param("public_url = 'https://api.x.test'", "https://api.x.test", id="the public URL"),
        pytest.param(
            "public_url = 'https://api.x.test'\n[site]\nbase_url = 'https://x.test'", "https://x.test", id="its own"
        ),
        pytest.param("port = 9000\npublic_url = 'http://127.0.0.1:9000'", "", id="a public URL that says nothing new"),
    ],
)
def test_the_pages_base_url_follows_the_public_url(load, lines, base_url):
    assert load(f"[server]\n{lines}").site.base_url == base_url
