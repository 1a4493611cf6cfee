"""What is kept of a request: one row of figures in the ledger, figures for Prometheus, and never a word of it."""

import time
from typing import Any

import httpx2
import pymongo
from bson import json_util

from fakes.upstream import ScriptedUpstream, chat_body, chat_stream
from support.mongo_server import shared_server
from support.program import Program

SECRET = "the-lighthouse-keeper-is-called-ambrose"


def ask(program: Program, key: str, **changes: Any) -> httpx2.Response:
    body = {"model": "fake/one", "messages": [{"role": "user", "content": SECRET}], **changes}
    headers = {"Authorization": f"Bearer {key}", "User-Agent": "SillyTavern/1.12"}
    return httpx2.post(f"{program.base_url}/chat/completions", json=body, headers=headers, timeout=20)


def rows_of(program: Program, count: int) -> list[dict[str, Any]]:
    """The ledger, once it has ``count`` rows."""
    with pymongo.MongoClient[dict[str, Any]](shared_server().url) as client:
        usage = client[str(program.sections["mongodb"]["database"])]["usage"]
        deadline_s = time.monotonic() + 10
        while usage.count_documents({}) < count:
            assert time.monotonic() < deadline_s, "the rows never came"
            time.sleep(0.1)
        return list(usage.find().sort("at", 1))


def test_every_request_makes_one_row_served_or_refused(program: Program, upstream: ScriptedUpstream, key: str) -> None:
    upstream.script = lambda request: chat_stream(["Aye."]) if request.json().get("stream") else chat_body("Aye.")
    for is_stream in (True, False):
        assert ask(program, key, stream=is_stream).status_code == 200
    assert ask(program, key, model="fake/none").status_code == 400
    assert ask(program, f"{key}x").status_code == 401
    streamed, plain, refused, *more = rows_of(program, 3)
    assert not more, "a key that is nobody's makes no row"
    assert (plain["alias"], plain["status"], plain["type"], plain["is_success"]) == ("fake/one", 200, "", True)
    assert (refused["alias"], refused["status"], refused["type"]) == ("", 400, "invalid_request_error")
    assert (refused["user_id"], refused["is_success"]) == (plain["user_id"], False)
    assert (plain["client"], plain["input_tokens"], plain["output_tokens"]) == ("sillytavern", 3, 2)
    # The provider counted nothing there: these are our estimates.
    assert streamed["input_tokens"] > 0
    assert streamed["output_tokens"] > 0
    health = httpx2.get(f"{program.base_url}/health").json()
    assert {"client_name": "sillytavern", "unique_users": 1} in health["clients"]


def test_nothing_of_what_was_said_is_kept(program: Program, upstream: ScriptedUpstream, key: str) -> None:
    upstream.script = chat_body("the answer mentions a lamp of brass")
    assert ask(program, key).status_code == 200
    rows_of(program, 1)
    with pymongo.MongoClient[dict[str, Any]](shared_server().url) as client:
        database = client[str(program.sections["mongodb"]["database"])]
        everything = "".join(json_util.dumps(list(database[name].find())) for name in database.list_collection_names())
    for kept in (everything, program.log_file.read_text(), program.metrics()):
        for word in (SECRET, "lamp of brass", key, "sk-upstream-secret"):
            assert word not in kept


def test_metrics_count_by_bounded_labels(program: Program, upstream: ScriptedUpstream, key: str) -> None:
    upstream.script = chat_body("x")
    ask(program, key)
    ask(program, key, model="made/up-" + "x" * 50)
    httpx2.get(f"{program.url}/v1/some-path-nobody-has-{time.monotonic_ns()}")
    text = program.metrics()
    assert 'freetheai_requests_total{format="chat",route="/v1/chat/completions",status="200",type=""}' in text
    assert 'route="unsupported"' in text
    for word in ("made/up", "some-path-nobody", "fake/one", key):
        assert word not in text
