"""Jobs over restarts, between processes, after changes of the configuration, and without their database."""

import signal
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from fakes.upstream import ScriptedUpstream, json_reply
from support.media_program import fresh_scripts, house, make_program, new_member, redis_server, spare, upstream
from support.members import Members
from support.mongo_server import MongoServer
from support.program import Program
from support.redis_server import RedisServer
from support.videos import PENDING, POLLED, POSTED, TAKEN, begin, fetch, get, post, wait_until

__all__ = ["fresh_scripts", "house", "make_program", "redis_server", "spare", "upstream"]

House = tuple[Program, Members]


@pytest.fixture
def member(house: House) -> tuple[str, str]:
    return new_member(house[1])


def test_any_process_answers_and_a_restart_forgets_nothing(
    make_program: Any, house: House, member: tuple[str, str], upstream: ScriptedUpstream
) -> None:
    first, members = house
    second, _ = make_program(like=first)
    second.start()
    request_id = begin(second, member[1], upstream)
    upstream.routes[POLLED] = PENDING
    assert get(first, member[1], request_id).status_code == 202
    second.signal(signal.SIGKILL)
    second.wait(10)
    upstream.routes[POLLED] = json_reply({"status": "failed"})
    second.start()
    with ThreadPoolExecutor(2) as pool:
        # Both find out at the same moment that it failed.
        answers = list(pool.map(lambda program: fetch(program, member[1], request_id), (first, second)))
    assert [answer.json()["status"] for answer in answers] == ["failed", "failed"]
    assert members.counters(member[0])[2] == 0
    second.stop()


def test_a_job_whose_credential_is_gone_says_so_and_no_other_is_tried(
    make_program: Any, house: House, member: tuple[str, str], upstream: ScriptedUpstream
) -> None:
    one = {**house[0].sections["providers.xai"], "api_keys": ["sk-old"]}
    program, _ = make_program(like=house[0], **{"providers.xai": one})
    program.start()
    request_id = begin(program, member[1], upstream)
    upstream.routes[POLLED] = PENDING
    reordered = {**one, "api_keys": ["sk-new", "sk-old"]}
    program.write_config({**program.sections, "providers.xai": reordered})
    program.cli("reload")
    assert get(program, member[1], request_id).status_code == 202
    assert upstream.requests[-1].headers["authorization"] == "Bearer sk-old"
    program.write_config({**program.sections, "providers.xai": {**one, "api_keys": ["sk-new"]}})
    program.cli("reload")
    wait_until(lambda: get(program, member[1], request_id).status_code == 503)
    asked = upstream.request_count
    answer = get(program, member[1], request_id)
    assert answer.json()["error"]["type"] == "provider_unavailable"
    assert "no longer in use here" in answer.json()["error"]["message"]
    assert answer.headers["retry-after"] == "3600"
    assert answer.headers["x-should-retry"] == "false"
    assert upstream.request_count == asked
    program.stop()


def test_without_mongodb_no_job_is_begun(
    make_program: Any, upstream: ScriptedUpstream, redis_server: RedisServer
) -> None:
    mongo = MongoServer()
    try:
        database = f"own_{time.monotonic_ns()}"
        program, members = make_program(
            mongodb={"url": mongo.url, "database": database}, redis={"url": redis_server.url, "prefix": database}
        )
        program.start()
        name, key = new_member(members)
        upstream.routes[POSTED] = TAKEN
        request_id = begin(program, key, upstream)
        asked = upstream.request_count
        mongo.freeze()
        answers = [post(program, key), get(program, key, request_id)]
        assert [(one.status_code, one.json()["error"]["type"]) for one in answers] == [(503, "server_error")] * 2
        assert upstream.request_count == asked, "no provider works for nothing"
        assert members.counters(name)[1:] == (0, 1)
        mongo.thaw()
        wait_until(lambda: post(program, key).status_code == 200)
        program.stop()
    finally:
        members.close()
        mongo.stop()
