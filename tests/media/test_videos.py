"""Videos through the whole program: begun, asked for by their owner alone, over a restart and from another process."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import httpx2
import pytest

from fakes.upstream import Cut, Delay, Gate, Reply, Reset, ScriptedUpstream, ShortError, Silent, json_reply
from freetheai import clock
from support.http_client import RawClient
from support.media_program import fresh_scripts, house, make_program, new_member, redis_server, spare, upstream
from support.members import Members
from support.program import Program
from support.videos import ASK, DONE, PENDING, POLLED, POSTED, TAKEN, VIDEO, begin, fetch, get, post, wait_until

__all__ = ["fresh_scripts", "house", "make_program", "redis_server", "spare", "upstream"]

House = tuple[Program, Members]


@pytest.fixture
def member(house: House) -> tuple[str, str]:
    return new_member(house[1])


def test_a_video_is_begun_asked_for_and_fetched(
    house: House, member: tuple[str, str], upstream: ScriptedUpstream
) -> None:
    program, members = house
    upstream.routes[POSTED], upstream.routes[POLLED] = TAKEN, PENDING
    begun = post(program, member[1])
    job = begun.json()
    assert begun.status_code == 200
    assert (job["status"], job["model"]) == ("pending", "xai/video")
    assert job["request_id"].startswith("fta-") and "up-1" not in begun.text
    assert begun.headers["x-dailylimit-remaining"] == "999"
    assert upstream.requests[-1].json() == {**ASK, "model": "grok-imagine-video"}
    pending = get(program, member[1], job["request_id"])
    assert (pending.status_code, pending.json()["status"], pending.json()["progress"]) == (202, "pending", 37)
    upstream.routes[POLLED] = DONE
    done = fetch(program, member[1], job["request_id"])
    assert done.status_code == 200
    assert done.json() == {
        "request_id": job["request_id"],
        "model": "xai/video",
        "created": job["created"],
        "expires_at": job["expires_at"],
        "status": "done",
        "video": {"url": "https://cdn.provider.test/v.mp4", "duration": 5},
    }
    assert done.headers["cache-control"] == "no-store"
    assert members.counters(member[0]) == (1, 0, 1), "asking costs nothing of anything"
    polls = [request for request in upstream.requests if request.path == POLLED]
    taker = next(r for r in reversed(upstream.requests) if r.path == POSTED)
    assert {poll.headers["authorization"] for poll in polls} == {taker.headers["authorization"]}


def test_the_prompt_is_nowhere(house: House, member: tuple[str, str], upstream: ScriptedUpstream) -> None:
    program, members = house
    upstream.routes[POSTED], upstream.routes[POLLED] = TAKEN, DONE
    begun = post(program, member[1], prompt="a secret wish")
    assert fetch(program, member[1], begun.json()["request_id"]).status_code == 200
    (document,) = members._database["jobs"].find({"user_id": member[0]})
    everything = str(document) + program.log_file.read_text()
    assert "a secret wish" not in everything
    assert "sk-first" not in everything and "sk-second" not in everything
    assert "cdn.provider.test" not in everything
    wait_until(lambda: any(one["user_id"] == member[0] for one in program.request_lines() if "{" in one["route"]))
    line = next(one for one in reversed(program.request_lines()) if one["route"] == "/v1/videos/{request_id}")
    assert (line["alias"], line["provider"], line["user_id"]) == ("xai/video", "xai", member[0])


def test_only_the_account_that_made_it_sees_it(
    house: House, member: tuple[str, str], upstream: ScriptedUpstream
) -> None:
    program, members = house
    request_id = begin(program, member[1], upstream)
    upstream.routes[POLLED] = DONE
    _, stranger = new_member(members)
    asked = upstream.request_count
    unknown = ["fta-" + "0" * 32, "up-1", "x%2Fy", "%ED%A0%80", request_id + "0"]
    for key, wanted in ((stranger, request_id), *((member[1], one) for one in unknown)):
        answer = get(program, key, wanted)
        assert answer.status_code == 404
        assert answer.json()["error"] == {
            "message": "Unknown request id.",
            "type": "invalid_request_error",
            "code": "invalid_request_error",
            "param": None,
        }
    assert upstream.request_count == asked
    assert get(program, member[1], request_id).status_code == 200


@pytest.mark.parametrize(
    "path", ["/v1/videos/{}", "/videos/{}", "/v1/v1/videos/{}", "/v1//videos/{}/", "/v1/videos/{}?x=1"]
)
def test_its_path_may_be_misspelt_as_any(
    house: House, member: tuple[str, str], upstream: ScriptedUpstream, path: str
) -> None:
    program, _ = house
    request_id = begin(program, member[1], upstream)
    upstream.routes[POLLED] = DONE
    answer = httpx2.get(program.url + path.format(request_id), headers={"x-api-key": member[1]}, timeout=20)
    assert answer.status_code == 200


@pytest.mark.parametrize("path", ["videos/generations", "videos", "videos/a/b", "images/generations", "images/edits"])
def test_a_wrong_method_is_no_job(house: House, member: tuple[str, str], path: str) -> None:
    answer = httpx2.get(f"{house[0].base_url}/{path}", headers={"x-api-key": member[1]}, timeout=20)
    assert (answer.status_code, answer.json()["error"]["message"][:17]) == (400, "unsupported route")


def test_a_job_whose_time_is_over_is_unknown(house: House, member: tuple[str, str], upstream: ScriptedUpstream) -> None:
    program, members = house
    request_id = begin(program, member[1], upstream)
    upstream.routes[POLLED] = DONE
    assert get(program, member[1], request_id).status_code == 200
    past = clock.utc_now() - timedelta(seconds=1)
    members._database["jobs"].update_one({"request_id": request_id}, {"$set": {"expires_at": past}})
    assert get(program, member[1], request_id).status_code == 404


def test_asking_passes_the_gates_like_any_member_route(
    house: House, member: tuple[str, str], upstream: ScriptedUpstream
) -> None:
    program, members = house
    request_id = begin(program, member[1], upstream)
    upstream.routes[POLLED] = DONE
    assert get(program, "fta_wrong", request_id).json()["error"]["type"] == "invalid_api_key"
    members.change(member[0], paused_reason="spam")
    wait_until(lambda: get(program, member[1], request_id).status_code == 403)
    assert get(program, member[1], request_id).json()["error"]["type"] == "user_paused"


def test_videos_are_for_those_with_the_role(house: House, upstream: ScriptedUpstream) -> None:
    program, members = house
    name, key = new_member(members, roles=[])
    asked = upstream.request_count
    answer = post(program, key)
    assert (answer.status_code, answer.json()["error"]["type"]) == (403, "model_access_denied")
    assert upstream.request_count == asked
    assert members.counters(name) == (0, 0, 0)


@pytest.mark.parametrize(
    ("changes", "begins"),
    [
        pytest.param({"prompt": None}, "missing prompt", id="no prompt"),
        pytest.param({"model": ""}, "missing model", id="no model"),
        pytest.param({"model": "xai/grok-imagine"}, "This model is not served here", id="makes no videos"),
    ],
)
def test_a_bad_request_costs_nothing(
    house: House, member: tuple[str, str], changes: dict[str, Any], begins: str
) -> None:
    answer = post(house[0], member[1], **changes)
    assert (answer.status_code, answer.json()["error"]["type"]) == (400, "invalid_request_error")
    assert answer.json()["error"]["message"].startswith(begins)
    assert house[1].counters(member[0]) == (0, 0, 0)


# -- failures


@pytest.mark.parametrize(
    "part",
    [
        pytest.param(ShortError(500), id="broken"),
        pytest.param(ShortError(429), id="limited"),
        pytest.param(Silent(), id="silent"),
        pytest.param(Reset(), id="reset"),
        pytest.param(Cut(), id="closed"),
        pytest.param(ShortError(200, b"<html>"), id="a page"),
        pytest.param(json_reply({"status": "queued"}), id="no id"),
        pytest.param(json_reply({"error": {"message": "busy"}}), id="an error in a good status"),
    ],
)
def test_before_a_job_is_taken_another_provider_may_take_it(
    house: House, member: tuple[str, str], upstream: ScriptedUpstream, spare: ScriptedUpstream, part: Any
) -> None:
    program, members = house
    upstream.routes[POSTED], spare.routes[POSTED] = part, json_reply({"id": "spare/7", "status": "queued"})
    spare.routes["/v1/videos/spare%2F7"] = json_reply({"status": "completed", "video": VIDEO})
    asked = spare.request_count
    begun = post(program, member[1])
    assert begun.status_code == 200, begun.text
    upstream.routes[POLLED] = ShortError(500)
    done = fetch(program, member[1], begun.json()["request_id"])
    assert done.json()["video"]["url"] == VIDEO["url"]
    assert done.json()["model"] == "xai/video"
    assert [request.headers["authorization"] for request in spare.requests[asked:]] == ["Bearer sk-spare"] * 2
    assert members.counters(member[0]) == (1, 0, 1)


def test_when_nobody_takes_it_nothing_is_kept(
    house: House, member: tuple[str, str], upstream: ScriptedUpstream, spare: ScriptedUpstream
) -> None:
    program, members = house
    upstream.script = spare.script = ShortError(500)
    answer = post(program, member[1])
    assert (answer.status_code, answer.json()["error"]["type"]) == (502, "provider_error")
    assert members.counters(member[0]) == (1, 0, 0)
    assert members._database["jobs"].count_documents({"user_id": member[0]}) == 0


@pytest.mark.parametrize(
    ("answer", "type_"),
    [
        pytest.param(
            {"status": "failed", "error": {"code": "internal", "message": "node7.acme.example"}},
            "provider_error",
            id="the provider's fault",
        ),
        pytest.param(
            {"status": "done", "video": {**VIDEO, "respect_moderation": False}},
            "content_policy_violation",
            id="held back",
        ),
    ],
)
def test_a_job_that_fails_says_so_and_costs_nothing(
    house: House, member: tuple[str, str], upstream: ScriptedUpstream, answer: Any, type_: str
) -> None:
    program, members = house
    request_id = begin(program, member[1], upstream)
    assert members.counters(member[0]) == (1, 0, 1)
    upstream.routes[POLLED] = json_reply(answer)
    failed = get(program, member[1], request_id)
    assert (failed.status_code, failed.json()["status"]) == (200, "failed")
    assert failed.json()["error"]["type"] == type_
    assert "acme" not in failed.text and "cdn.provider" not in failed.text
    assert members.counters(member[0]) == (1, 0, 0)
    again = get(program, member[1], request_id)
    assert again.json()["status"] == "failed"
    assert members.counters(member[0]) == (1, 0, 0)


@pytest.mark.parametrize(
    ("part", "status", "type_"),
    [
        pytest.param(ShortError(404), 404, "invalid_request_error", id="forgotten there"),
        pytest.param(ShortError(401), 503, "provider_unavailable", id="our credential refused"),
        pytest.param(ShortError(429, headers=[("Retry-After", "9")]), 429, "rate_limit_error", id="too many polls"),
        pytest.param(ShortError(500), 502, "provider_error", id="broken"),
        pytest.param(Reset(), 502, "provider_error", id="reset"),
        pytest.param(json_reply({}), 502, "provider_error", id="says nothing"),
    ],
)
def test_a_poll_that_fails_is_an_error_and_the_job_goes_on(
    house: House, member: tuple[str, str], upstream: ScriptedUpstream, part: Any, status: int, type_: str
) -> None:
    program, members = house
    request_id = begin(program, member[1], upstream)
    upstream.routes[POLLED] = part
    answer = get(program, member[1], request_id)
    assert (answer.status_code, answer.json()["error"]["type"]) == (status, type_)
    if status in (429, 503):
        assert int(answer.headers["retry-after"]) >= 1
    assert post(program, member[1]).status_code == 200, "and the provider still takes jobs"
    assert members.counters(member[0])[2] == 2


def test_hammering_does_not_reach_the_provider(
    house: House, member: tuple[str, str], upstream: ScriptedUpstream
) -> None:
    program, _ = house
    request_id = begin(program, member[1], upstream)
    upstream.routes[POLLED] = Reply([Delay(0.3), *PENDING.parts], status=202)
    asked = upstream.request_count
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: get(program, member[1], request_id), range(30)))
    assert {answer.status_code for answer in answers} == {202}
    # As often as an answer grows old in the meantime, however many ask.
    assert upstream.request_count - asked < 10


def test_a_client_that_leaves_while_a_provider_thinks_leaves_nothing_behind(
    house: House, member: tuple[str, str], upstream: ScriptedUpstream
) -> None:
    program, members = house
    upstream.routes[POSTED] = Silent()
    left, asked = len(upstream.closed_by_client), upstream.request_count
    with RawClient(program.port).post(POSTED, {**ASK, "model": "slow/video"}, member[1]) as running:
        wait_until(lambda: upstream.request_count > asked)
        assert members.counters(member[0])[1] == 1
        running.reset()
    wait_until(lambda: len(upstream.closed_by_client) > left)
    wait_until(lambda: members.counters(member[0]) == (1, 0, 0))
    assert members._database["jobs"].count_documents({"user_id": member[0]}) == 0


def test_a_client_that_leaves_a_poll_is_noted_and_the_answer_serves_others(
    house: House, member: tuple[str, str], upstream: ScriptedUpstream
) -> None:
    program, _ = house
    upstream.routes[POSTED] = TAKEN
    request_id = post(program, member[1], model="slow/video").json()["request_id"]
    gate = Gate()
    upstream.routes[POLLED] = Reply([gate, *DONE.parts])
    asked = upstream.request_count
    with RawClient(program.port) as running:
        lines = [f"GET /v1/videos/{request_id} HTTP/1.1", "Host: gateway", f"x-api-key: {member[1]}", "", ""]
        running.socket.sendall("\r\n".join(lines).encode())
        wait_until(lambda: upstream.request_count > asked)
        running.reset()
    wait_until(lambda: any(line["status"] == 499 and line["user_id"] == member[0] for line in program.request_lines()))
    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(get, program, member[1], request_id)
        gate.event._loop.call_soon_threadsafe(gate.open)  # type: ignore[attr-defined]
        assert other.result(15).json()["status"] == "done"
    assert upstream.request_count == asked + 1
