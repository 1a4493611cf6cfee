"""`GET /v1/models/full`: every field, for members by their roles and for the site; and whose key opens it."""

import re
from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from freetheai import ids
from support.members import Members
from support.program import Program

MODELS = [
    {
        "id": "fake/chat",
        "display_name": "Chat",
        "description": "Talks.",
        "context_window": 128000,
        "max_output_tokens": 32000,
        "supports_tools": True,
        "supports_reasoning": True,
        "supports_structured_outputs": True,
        "supports_image_input": True,
        "created": 1_760_000_000,
    },
    {"id": "fake/verified", "roles": ["seems_legit"]},
    {"id": "fake/insider", "roles": ["insider", "staff"]},
    {"id": "fake/both", "roles": ["insider"], "requires_seems_legit": True},
    {"id": "fake/hidden", "visibility": "hidden"},
    {"id": "fake/off", "enabled": False},
    {"id": "loud/speech", "supports_audio": True, "requires_seems_legit": True},
    {"id": "loud/images", "supports_images": True, "roles": ["seems_legit"]},
    {"id": "nobody/lost"},
    {"id": "nobody/saved", "fallbacks": ["fake/chat"]},
]
LISTED = sorted(str(model["id"]) for model in MODELS if model["id"] not in ("fake/hidden", "fake/off"))
FIELDS = {
    "id", "object", "created", "owned_by", "prefix", "display_name", "description", "visibility", "context_window",
    "max_input_tokens", "max_output_tokens", "supports_chat", "supports_images", "supports_image_input",
    "supports_audio", "supports_video", "supports_tools", "supports_reasoning", "supports_structured_outputs", "routes",
    "requires_seems_legit", "access", "status",
}  # fmt: skip
CHAT_ROUTES = ["/v1/chat/completions", "/v1/messages", "/v1/responses"]
SITE = "freetheai.xyz"


@pytest.fixture(scope="module")
def house(make_program: Any) -> tuple[Program, Members]:
    made: tuple[Program, Members] = make_program(MODELS, gates={"membership": True, "checkin": True})
    return made


def get(program: Program, *keys: str, **headers: str) -> httpx2.Response:
    names = ("Authorization", "x-api-key", "api-key")
    sent = {name: f"Bearer {key}" if name == "Authorization" else key for name, key in zip(names, keys, strict=False)}
    return httpx2.get(f"{program.base_url}/models/full", headers={**sent, **headers}, timeout=20)


def available(answer: httpx2.Response) -> set[str]:
    assert answer.status_code == 200, answer.text
    return {row["id"] for row in answer.json()["data"] if row["access"]["available"]}


def test_the_site_s_view_has_every_field_of_the_contract(house: tuple[Program, Members]) -> None:
    answer = get(house[0], SITE)
    document = answer.json()
    assert list(document) == ["object", "generated_at", "data", "policy"]
    assert document["object"] == "model_catalog"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", document["generated_at"])
    assert [row["id"] for row in document["data"]] == LISTED
    assert all(set(row) == FIELDS for row in document["data"])
    row = next(row for row in document["data"] if row["id"] == "fake/chat")
    assert row == {
        "id": "fake/chat",
        "object": "model",
        "created": 1_760_000_000,
        "owned_by": "gateway",
        "prefix": "fake",
        "display_name": "Chat",
        "description": "Talks.",
        "visibility": "site_catalog",
        "context_window": 128000,
        "max_input_tokens": 128000,
        "max_output_tokens": 32000,
        "supports_chat": True,
        "supports_images": False,
        "supports_image_input": True,
        "supports_audio": False,
        "supports_video": False,
        "supports_tools": True,
        "supports_reasoning": True,
        "supports_structured_outputs": True,
        "routes": CHAT_ROUTES,
        "requires_seems_legit": False,
        "access": {"available": True, "required_discord_roles": [], "requires_seems_legit": False},
        "status": "unknown",
    }
    assert answer.headers["cache-control"] == "no-store"
    assert "x-ratelimit-limit" not in answer.headers


def test_gated_rows_say_what_they_need(house: tuple[Program, Members]) -> None:
    rows = {row["id"]: row for row in get(house[0], SITE).json()["data"]}
    needed = {
        alias: (
            row["visibility"],
            row["access"]["required_discord_roles"],
            row["access"]["requires_seems_legit"],
            row["requires_seems_legit"],
        )
        for alias, row in rows.items()
        if row["visibility"] != "site_catalog"
    }
    assert needed == {
        "fake/verified": ("role_gated", ["seems_legit"], True, True),
        "fake/insider": ("role_gated", ["insider", "staff"], False, False),
        "fake/both": ("role_gated", ["insider", "seems_legit"], True, True),
        "loud/speech": ("role_gated", ["seems_legit"], True, True),
        "loud/images": ("role_gated", ["seems_legit"], True, True),
    }
    assert rows["loud/speech"]["routes"] == ["/v1/audio/speech", "/v1/audio/transcriptions"]
    assert rows["loud/images"]["routes"] == ["/v1/images/generations", "/v1/images/edits"]
    assert (rows["loud/images"]["supports_chat"], rows["loud/images"]["supports_images"]) == (False, True)
    assert rows["nobody/lost"]["status"] == "down", "no provider is configured for it"
    assert rows["nobody/saved"]["status"] == "degraded", "its fallback answers"


def test_the_policy_is_the_configured_one(house: tuple[Program, Members]) -> None:
    assert get(house[0], SITE).json()["policy"] == {
        "invite_tiers": [
            {"level": 1, "minimum_invites": 0, "rate_limit_per_minute": 10000, "concurrency_limit": 50},
            {"level": 2, "minimum_invites": 3, "rate_limit_per_minute": 20000, "concurrency_limit": 60},
        ],
        "daily_success_limit": 1000,
        "seems_legit_required_prefixes": ["loud"],
        "seems_legit_required_role_label": "seems_legit",
    }


@pytest.mark.parametrize(
    ("roles", "opened"),
    [
        pytest.param([], set(), id="no role"),
        pytest.param(["seems_legit"], {"fake/verified", "loud/speech", "loud/images"}, id="verified"),
        pytest.param(["insider"], {"fake/insider"}, id="insider"),
        pytest.param(["staff", "painter"], {"fake/insider"}, id="staff, and a role that opens nothing"),
        pytest.param(
            ["insider", "seems_legit"],
            {"fake/verified", "loud/speech", "loud/images", "fake/insider", "fake/both"},
            id="both",
        ),
    ],
)
def test_a_member_sees_what_their_roles_open(
    house: tuple[Program, Members], roles: list[str], opened: set[str]
) -> None:
    program, members = house
    name = "roles-" + "-".join(roles)
    (key,) = members.add(name, roles=roles)
    answer = get(program, key)
    assert available(answer) == {"fake/chat", "nobody/lost", "nobody/saved"} | opened
    assert [row["id"] for row in answer.json()["data"]] == LISTED
    assert available(get(program, SITE)) == {"fake/chat", "nobody/lost", "nobody/saved"}, "the public view stays public"
    assert members.counters(name) == (0, 0, 0), "it took nothing of any limit"


def test_a_role_that_is_taken_away_closes_at_once(
    house: tuple[Program, Members], wait_until: Callable[..., Any]
) -> None:
    program, members = house
    (key,) = members.add("demoted", roles=["seems_legit"])
    assert "fake/verified" in available(get(program, key))
    members.change("demoted", roles=[])
    wait_until(lambda: "fake/verified" not in available(get(program, key)), 5)


def test_a_model_that_is_switched_off_leaves_the_list(
    house: tuple[Program, Members], wait_until: Callable[..., Any]
) -> None:
    program, _ = house
    program.cli("models", "disable", "fake/insider")
    wait_until(lambda: "fake/insider" not in {row["id"] for row in get(program, SITE).json()["data"]}, 5)
    program.cli("models", "enable", "fake/insider")
    wait_until(lambda: "fake/insider" in {row["id"] for row in get(program, SITE).json()["data"]}, 5)


CATALOG_KEY = (401, "invalid_request_error", "invalid site catalog key")
MEMBER_KEY = (401, "invalid_api_key", "Your API key is missing or wrong.")


@pytest.mark.parametrize(
    ("keys", "refusal"),
    [
        pytest.param([], CATALOG_KEY, id="none"),
        pytest.param(["freetheai.xy"], CATALOG_KEY, id="nearly the site's"),
        pytest.param(["sk-something"], CATALOG_KEY, id="another service's"),
        pytest.param(["fta_something"], MEMBER_KEY, id="begins as a member's"),
        pytest.param([ids.new_key()], MEMBER_KEY, id="well made, of nobody"),
        pytest.param(["sk-something", "fta_x"], MEMBER_KEY, id="a member's among others"),
    ],
)
def test_a_wrong_key_is_refused_in_its_own_words(
    house: tuple[Program, Members], keys: list[str], refusal: tuple[int, str, str]
) -> None:
    answer = get(house[0], *keys)
    error = answer.json()["error"]
    status, error_type, beginning = refusal
    assert (answer.status_code, error["type"]) == (status, error_type)
    assert error["message"].startswith(beginning)


def test_of_several_keys_the_first_that_is_valid_counts(house: tuple[Program, Members]) -> None:
    program, members = house
    (key,) = members.add("several", roles=["insider"])
    assert "fake/insider" in available(get(program, "wrong", key))
    assert "fake/insider" in available(get(program, key, SITE))
    assert "fake/insider" not in available(get(program, SITE, key))
    assert "fake/insider" not in available(get(program, ids.new_key(), SITE))


def test_the_gates_up_to_the_fourth_hold_and_no_later_one(house: tuple[Program, Members]) -> None:
    program, members = house
    paused, left = (
        members.add("paused", paused_reason="spam"),
        members.add("left", is_member=False, last_checkin_day=None),
    )
    assert get(program, *paused).json()["error"]["type"] == "user_paused"
    assert get(program, *left).status_code == 200, "who left, or has not checked in, may still look"
    program.cli("bans", "add", "ip", "203.0.113.7")
    program.cli("bans", "add", "client", "badbot")
    for key in (SITE, *left, "wrong"):
        banned = get(program, key, **{"X-Forwarded-For": "203.0.113.7"})
        assert (banned.status_code, banned.json()["error"]["type"]) == (403, "ip_blacklisted")
        banned = get(program, key, **{"User-Agent": "badbot/1.0"})
        assert (banned.status_code, banned.json()["error"]["type"]) == (403, "client_signature_banned")
