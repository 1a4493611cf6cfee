"""`/why`: from an error a member's client showed to what happened and what to do."""

import re
from collections.abc import Iterator
from typing import Any

import httpx2
import pymongo
import pytest

from discord_server.control import DiscordServer, Person
from fakes.upstream import ScriptedUpstream, ShortError
from freetheai import ids
from handlers.error_advice import ADVICE
from support.discord_staff import add_staff, said, wait_until
from support.members import Members
from support.program import Program

IN_THE_SHARED_HOUSE = True
SECRET_WORDS = "the words of a prompt that nobody may see"
CHAT: dict[str, Any] = {"model": "fake/one", "messages": [{"role": "user", "content": SECRET_WORDS}]}


@pytest.fixture
def failing(upstream: ScriptedUpstream) -> Iterator[None]:
    """The provider fails, in words of its own."""
    before = upstream.script
    upstream.script = lambda request: ShortError(500, {"error": {"message": f"boom at {SECRET_WORDS}"}})
    yield
    upstream.script = before


def ask(program: Program, key: str, **fields: Any) -> httpx2.Response:
    headers = {"Authorization": f"Bearer {key}"}
    return httpx2.post(f"{program.base_url}/chat/completions", json={**CHAT, **fields}, headers=headers, timeout=30)


def fail(program: Program, key: str) -> tuple[str, str]:
    """The type and the error id of a request that the provider failed."""
    error = ask(program, key).json()["error"]
    found = re.search(r"Error id: (\S+)", error["message"])
    assert found is not None
    return str(error["type"]), found[1]


def explained(person: Person, error_id: str) -> str:
    """What `/why` says once the row has been written, a second later at most."""
    return str(wait_until(lambda: "What to do" in (text := said(person, "why", error_id=error_id)) and text))


@pytest.mark.usefixtures("failing")
def test_an_error_id_is_explained_to_whose_request_it_was(program: Program, members: Members, person: Person) -> None:
    (key,) = members.add(person.id)
    error_type, error_id = fail(program, key)
    for typed in (error_id, f"Error id: {error_id.upper()}.", f"`{error_id}`"):
        shown = explained(person, typed)
        assert f"`{error_id}`: `{error_type}`" in shown
        assert "`/v1/chat/completions` with `fake/one`" in shown
        assert re.search(r"<t:\d+:R>", shown)
    (advice,) = [text for (_, each), text in ADVICE.items() if each == error_type]
    assert advice in shown
    for hidden in ("boom", SECRET_WORDS, "provider `", key):
        assert hidden not in shown


@pytest.mark.usefixtures("failing")
def test_others_are_told_nothing_and_staff_is_told_whose(
    discord_server: DiscordServer, program: Program, members: Members, person: Person
) -> None:
    (key,) = members.add(person.id)
    _, error_id = fail(program, key)
    explained(person, error_id)
    other, mod = discord_server.add_member("other"), add_staff(discord_server)
    unknown = said(other, "why", error_id="fake-000000000000")
    assert unknown.startswith("Nothing is known of that id")
    assert said(other, "why", error_id=error_id) == unknown
    shown = said(mod, "why", error_id=error_id)
    assert f"<@{person.id}>" in shown and "provider `fake`" in shown


@pytest.mark.parametrize("typed", ["hello-there", "fake-12345", "fake-0123456789abcdef", ids.KEY_PREFIX + 40 * "a"])
def test_what_is_no_error_id_is_told_as_that(person: Person, program: Program, typed: str) -> None:
    assert said(person, "why", error_id=typed).startswith("That is no error id")
    assert typed not in program.log_file.read_text()


@pytest.mark.usefixtures("failing")
def test_without_an_id_today_s_refusals_are_told_by_type(program: Program, members: Members, person: Person) -> None:
    assert "Use `/signup`" in said(person, "why")
    (key,) = members.add(person.id)
    assert "none was refused" in said(person, "why")
    error_type, _ = fail(program, key)
    assert fail(program, key)[0] == error_type
    members.fill_minute(person.id, 20)
    assert ask(program, key).json()["error"]["type"] == "rate_limit_error"
    shown = wait_until(lambda: "rate_limit_error" in (text := said(person, "why")) and text)
    assert f"`{error_type}` (status 502) 2 times" in shown
    assert "`rate_limit_error` (status 429) once" in shown
    assert ADVICE[429, "rate_limit_error"] in shown
    assert shown.index("rate_limit_error") < shown.index(error_type), "the latest first"


def test_what_is_refused_before_its_model_is_known_is_told_too(
    program: Program, members: Members, person: Person
) -> None:
    (key,) = members.add(person.id, last_checkin_day=None)
    assert ask(program, key).json()["error"]["type"] == "daily_checkin_required"
    assert "refused now**: you have not checked in today; use `/checkin`" in said(person, "why")
    shown = wait_until(lambda: "daily_checkin_required" in (text := said(person, "why")) and text)
    assert "`daily_checkin_required` (status 403) once" in shown
    members.revoke(person.id)
    assert "Use `/resetkey`" in said(person, "why")


def test_the_look_up_goes_by_an_index_that_successes_do_not_burden(
    program: Program, members: Members, person: Person, upstream: ScriptedUpstream
) -> None:
    del upstream
    (key,) = members.add(person.id)
    assert ask(program, key).status_code == 200
    section = program.sections["mongodb"]
    with pymongo.MongoClient[dict[str, Any]](str(section["url"])) as client:
        usage = client[str(section["database"])]["usage"]
        wait_until(lambda: usage.find_one({"user_id": person.id}))
        plan = usage.find({"error_id": "fake-000000000000"}).explain()["queryPlanner"]["winningPlan"]
        assert "'indexName': 'error_id'" in str(plan)
        (held,) = usage.aggregate([{"$indexStats": {}}, {"$match": {"name": "error_id"}}])
        assert held["spec"]["partialFilterExpression"] == {"error_id": {"$gt": ""}}


def test_a_plain_answer_is_no_refusal(program: Program, members: Members, person: Person) -> None:
    (key,) = members.add(person.id)
    assert ask(program, key).status_code == 200
    assert "none was refused" in said(person, "why")
