"""`freetheai doctor` finds what was planted, names it and says the cure: one fault a test, everything else sound."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fakes.upstream import ScriptedUpstream, ShortError, json_reply, run_in_thread
from freetheai.cli import doctor, doctor_stores
from freetheai.cli.doctor_discord import check_discord
from freetheai.cli.finding import Finding
from freetheai.config import Secret
from freetheai.config.settings import DiscordSettings
from freetheai.store.mongo import Store
from support.redis_server import RedisServer

GUILD = 42
MEMBERS = 1 << 14
CONTENT = 1 << 19
RIGHTS = {
    "View Channels": 1 << 10, "Manage Roles": 1 << 28, "Manage Server": 1 << 5, "Manage Messages": 1 << 13,
    "Read Message History": 1 << 16, "Send Messages": 1 << 11,
}  # fmt: skip
STAFF_ID = "1000000000000000003"


def problems(outcome: Any) -> list[str]:
    """The lines of what is not as it should be."""
    return [line for line in outcome.out.splitlines() if " error " in line or " warning " in line]


def test_nothing_planted_nothing_found(run):
    run("models", "list")
    outcome = run("doctor")
    assert outcome.status == 0
    assert problems(outcome) == []


def test_a_wrong_mongodb_url(run, monkeypatch):
    monkeypatch.setenv("FREETHEAI_MONGODB_URL", "mongodb://127.0.0.1:9/")
    (line,) = problems(run("doctor"))
    assert line.startswith("mongodb")
    assert "check host and port in mongodb.url" in line


def test_a_wrong_mongodb_password(run, monkeypatch, mongo):
    url = mongo.url.replace("mongodb://", "mongodb://somebody:wrong-password@")
    monkeypatch.setenv("FREETHEAI_MONGODB_URL", url)
    outcome = run("doctor")
    (line,) = problems(outcome)
    assert "check user, password and authSource in mongodb.url" in line
    assert "wrong-password" not in outcome.out + outcome.err


def test_a_wrong_redis_url(run, monkeypatch):
    monkeypatch.setenv("FREETHEAI_REDIS_URL", "redis://127.0.0.1:9")
    (line,) = problems(run("doctor"))
    assert line.startswith("redis")
    assert "check host and port in redis.url" in line


@pytest.fixture(scope="module")
def locked_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("locked"), "--requirepass", "right")
    server.start()
    yield server
    server.stop()


@pytest.mark.parametrize("who", ["", ":wrong-password@"], ids=["no password", "a wrong one"])
def test_a_wrong_redis_password(run, monkeypatch, locked_redis, who):
    monkeypatch.setenv("FREETHEAI_REDIS_URL", f"redis://{who}127.0.0.1:{locked_redis.port}")
    outcome = run("doctor")
    (line,) = problems(outcome)
    assert "check user and password in redis.url" in line
    assert "wrong-password" not in outcome.out + outcome.err


def test_a_clock_that_is_off(run, monkeypatch):
    now_s = doctor_stores.clock.now_s
    monkeypatch.setattr(doctor_stores.clock, "now_s", lambda: now_s() - 90)
    lines = problems(run("doctor"))
    assert len(lines) == 2
    assert all("this machine's clock is 90 s behind" in line and "chrony" in line for line in lines)


def test_a_missing_index(run, mongo, database):
    async def plant() -> None:
        store = Store(mongo.url, database.name)
        await store.start()
        await store.collection("keys").drop_index("one_active_key")
        await store.close()

    asyncio.run(plant())
    (line,) = problems(run("doctor"))
    assert "indexes are missing: keys.one_active_key" in line
    assert "start the server again" in line
    run("models", "list")  # any command of the server's makes it again
    assert problems(run("doctor")) == []


def test_a_dead_provider(run, tmp_path):
    (tmp_path / "freetheai.toml").write_text('[providers.opc]\nbase_url = "http://127.0.0.1:9/v1"\napi_keys = ["k"]\n')
    (line,) = problems(run("doctor"))
    assert line.startswith("provider opc")
    assert "check [providers.opc] base_url" in line


@pytest.mark.parametrize("place", ["file/data", "/proc/data"], ids=["below a file", "where nobody may write"])
def test_a_data_folder_that_cannot_be_written(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("")
    finding = doctor.check_data_dir(tmp_path / place)
    assert finding.state == "error"
    assert "set server.data_dir" in finding.advice


@pytest.mark.parametrize(("hard", "state"), [(1024, "warning"), (512, "error")])
def test_too_few_file_handles(monkeypatch, hard, state):
    monkeypatch.setattr(doctor.resource, "getrlimit", lambda which: (256, hard))
    finding = doctor.check_files()
    assert (finding.state, finding.detail) == (state, f"at most {hard}")
    assert "ulimit -Hn" in finding.advice


class Discord:
    """What a sound server answers; a test changes one thing."""

    def __init__(self) -> None:
        roles = [
            {"id": str(GUILD), "name": "@everyone", "position": 0, "permissions": "0"},
            {"id": "2", "name": "seems_legit", "position": 1, "permissions": "0"},
            {"id": STAFF_ID, "name": "staff", "position": 2, "permissions": "0"},
            {"id": "4", "name": "the bot", "position": 3, "permissions": str(sum(RIGHTS.values()))},
        ]
        self.answers: dict[str, Any] = {
            "/api/v10/users/@me": json_reply({"id": "7", "username": "keeper"}),
            "/api/v10/applications/@me": json_reply({"id": "7", "flags": MEMBERS}),
            f"/api/v10/guilds/{GUILD}/members/7": json_reply({"roles": ["4"]}),
        }
        self.roles = roles

    def examine(self, upstream: ScriptedUpstream, **settings_: Any) -> list[Finding]:
        guild = {"id": str(GUILD), "name": "House", "roles": self.roles}
        upstream.routes = {f"/api/v10/guilds/{GUILD}": json_reply(guild), **self.answers}
        settings = DiscordSettings(
            enabled=True, token=Secret("the.bot.token"), guild_id=GUILD, api_base_url=f"{upstream.url}/api/v10",
            **settings_,
        )  # fmt: skip
        findings = asyncio.run(check_discord(settings))
        assert all(request.headers["authorization"] == "Bot the.bot.token" for request in upstream.requests)
        assert not any("the.bot.token" in word for finding in findings for word in (finding.detail, finding.advice))
        return findings


@pytest.fixture(scope="module")
def upstream() -> Iterator[ScriptedUpstream]:
    with run_in_thread() as server:
        yield server


def test_a_sound_bot(upstream):
    assert Discord().examine(upstream) == [Finding("discord", "ok", "keeper serves House")]


def test_no_bot_at_all():
    assert asyncio.run(check_discord(DiscordSettings())) == [Finding("discord", "ok", "the bot is off")]


def test_a_bad_token(upstream):
    discord = Discord()
    discord.answers["/api/v10/users/@me"] = ShortError(401, {"message": "401: Unauthorized", "code": 0})
    (finding,) = discord.examine(upstream)
    assert (finding.state, finding.detail) == ("error", "the bot's token is refused (HTTP 401)")
    assert "Reset Token" in finding.advice


def test_a_missing_intent(upstream):
    discord = Discord()
    discord.answers["/api/v10/applications/@me"] = json_reply({"id": "7", "flags": 1 << 18})
    (finding,) = discord.examine(upstream)
    assert (finding.check, finding.state) == ("discord intents", "error")
    assert "switch on Server Members Intent" in finding.advice
    assert "discord.members_intent = false" in finding.advice


def test_the_intent_that_shows_posted_keys(upstream):
    assert [each.state for each in Discord().examine(upstream)] == ["ok"], "it is not asked for"
    (finding,) = Discord().examine(upstream, message_content_intent=True)
    assert (finding.check, finding.state) == ("discord intents", "error")
    assert "switch on Message Content Intent" in finding.advice
    discord = Discord()
    discord.answers["/api/v10/applications/@me"] = json_reply({"id": "7", "flags": MEMBERS | CONTENT})
    assert [each.state for each in discord.examine(upstream, message_content_intent=True)] == ["ok"]


@pytest.mark.parametrize("status", [403, 404])
def test_a_bot_that_is_not_in_the_server(upstream, status):
    discord = Discord()
    discord.answers[f"/api/v10/guilds/{GUILD}"] = ShortError(status, {"message": "Missing Access", "code": 50001})
    (finding,) = discord.examine(upstream)
    assert finding.detail == f"the bot is not in the server {GUILD}"
    assert "client_id=7&scope=bot+applications.commands" in finding.advice


@pytest.mark.parametrize(
    ("role", "change", "says"),
    [
        pytest.param(1, {"name": "other"}, "the server has no role 'seems_legit'", id="no Verified role"),
        pytest.param(2, {"name": "other"}, "the server has no role 'staff'", id="no staff role"),
        pytest.param(1, {"position": 9}, "the bot can't grant 'seems_legit'", id="a role above the bot's"),
    ],
)
def test_roles(upstream, role, change, says):
    discord = Discord()
    discord.roles[role].update(change)
    (finding,) = discord.examine(upstream)
    assert finding.state == "warning"
    assert finding.detail.startswith(says)
    assert "Server Settings, Roles" in finding.advice


@pytest.mark.parametrize("right", RIGHTS)
def test_a_right_the_bot_lacks(upstream, right):
    discord = Discord()
    discord.roles[3]["permissions"] = str(sum(RIGHTS.values()) - RIGHTS[right])
    (finding,) = discord.examine(upstream)
    assert (finding.check, finding.state) == ("discord rights", "warning")
    assert finding.detail.startswith(f"the bot lacks {right}: ")
    assert finding.advice.endswith(f"switch on {right}")


def test_a_right_that_everyone_has_is_the_bot_s_too(upstream):
    discord = Discord()
    discord.roles[3]["permissions"] = str(sum(RIGHTS.values()) - RIGHTS["Send Messages"])
    discord.roles[0]["permissions"] = str(RIGHTS["Send Messages"])
    assert [finding.state for finding in discord.examine(upstream)] == ["ok"]


@pytest.mark.parametrize("name", ["staff", "seems_legit"])
def test_two_roles_of_one_name(upstream, name):
    discord = Discord()
    discord.roles.append({"id": "1000000000000000009", "name": name, "position": 1, "permissions": "0"})
    (finding,) = discord.examine(upstream)
    meant = next(role["id"] for role in discord.roles if role["name"] == name)
    assert finding.detail == f"2 roles are called {name!r}; only the oldest ({meant}) counts"
    assert "rename or delete the others" in finding.advice
    assert ("discord.staff_roles" in finding.advice) is (name == "staff")


def test_staff_roles_by_id(upstream):
    discord = Discord()
    discord.roles[2]["name"] = "called otherwise"
    assert [each.state for each in discord.examine(upstream, staff_roles=(STAFF_ID,))] == ["ok"]
    (finding,) = discord.examine(upstream, staff_roles=(STAFF_ID[:-1] + "4",))
    assert finding.detail == f"the server has no role with the id {STAFF_ID[:-1]}4"
    assert "Copy Role ID" in finding.advice
    discord.roles.append({"id": "1000000000000000009", "name": STAFF_ID, "position": 1, "permissions": "0"})
    discord.roles[2]["id"] = "1000000000000000008"
    (finding,) = discord.examine(upstream, staff_roles=(STAFF_ID,))
    assert "no role with the id" in finding.detail, "a name that looks like an id is none"


def test_the_verified_role_goes_by_name(upstream):
    findings = Discord().examine(upstream, verified_role=STAFF_ID)
    assert [each.detail for each in findings] == [f"discord.verified_role takes no id: {STAFF_ID}"]


def test_an_administrator_may_everything(upstream):
    discord = Discord()
    discord.roles[3]["permissions"] = str(1 << 3)
    assert [finding.state for finding in discord.examine(upstream)] == ["ok"]


@pytest.mark.parametrize("status", [429, 500, 503])
def test_discord_in_trouble(upstream, status):
    discord = Discord()
    discord.answers["/api/v10/users/@me"] = ShortError(status)
    (finding,) = discord.examine(upstream)
    assert (finding.state, finding.detail) == ("warning", f"is in trouble (HTTP {status})")


def test_nobody_at_that_address():
    settings = DiscordSettings(
        enabled=True, token=Secret("t"), guild_id=GUILD, api_base_url="http://127.0.0.1:9/api/v10"
    )
    (finding,) = asyncio.run(check_discord(settings))
    assert (finding.state, finding.check) == ("error", "discord")
    assert "discord.api_base_url" in finding.advice
