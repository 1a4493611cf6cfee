"""GLM's plan window, through the whole program: silent while a key is left, then `glm_depleted` to its reset."""

import datetime
from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from fakes.upstream import Request, ScriptedUpstream, ShortError, chat_body, chat_stream, run_in_thread, sse, stream
from freetheai import clock
from support.http_client import RawClient
from support.mongo_server import new_database, shared_server
from support.program import Program
from support.redis_server import RedisServer

CHINA = datetime.timezone(datetime.timedelta(hours=8))


class Glm:
    """Keys with a used-up plan answer as GLM does, the others well."""

    def __init__(self) -> None:
        self.used_up: dict[str, int] = {}
        self.fails_in_stream = False
        self.asked: list[str] = []

    def __call__(self, request: Request) -> Any:
        key = request.headers["authorization"].removeprefix("Bearer ")
        self.asked.append(key)
        wants_stream = request.json().get("stream")
        if key not in self.used_up:
            return chat_stream(["Hi"]) if wants_stream else chat_body("Hi")
        reset = (clock.utc_now() + datetime.timedelta(seconds=self.used_up[key])).astimezone(CHINA)
        message = f"Usage limit reached for 5 hour. Your limit will reset at {reset:%Y-%m-%d %H:%M:%S}"
        error = {"error": {"code": "1308", "message": message}}
        if wants_stream and self.fails_in_stream:
            return stream(sse(error, done=False))
        return ShortError(429, error)


@pytest.fixture
def glm() -> Glm:
    return Glm()


@pytest.fixture
def program(tmp_path: Any, redis_server: RedisServer, glm: Glm) -> Iterator[Program]:
    with run_in_thread() as upstream:
        program = _program(tmp_path, redis_server, upstream)
        upstream.script = glm
        program.start()
        yield program
        program.stop()


def _program(folder: Any, redis_server: RedisServer, upstream: ScriptedUpstream) -> Program:
    database = new_database()
    sections = {
        "mongodb": {"url": shared_server().url, "database": database},
        "redis": {"url": redis_server.url, "prefix": database[-16:]},
        "providers.glm": {
            "adapter": "zai",
            "base_url": f"{upstream.url}/api/coding/paas/v4",
            "api_keys": ["k1", "k2", "k3", "k4", "k5"],
            "cooldown_seconds": 0,
        },
    }
    return Program(folder, sections, [{"id": "glm/glm-5.3"}])


def ask(program: Program, key: str, route: str = "chat/completions", **more: Any) -> tuple[RawClient, bytes]:
    body = {"model": "glm/glm-5.3", "max_tokens": 20, "messages": [{"role": "user", "content": "Hi"}], **more}
    with RawClient(program.port) as client:
        answer = client.post(f"/v1/{route}", body, key).read_head()
        return answer, answer.read_all()


def check_depleted(answer: tuple[RawClient, bytes]) -> None:
    head, body = answer
    assert (head.status, orjson.loads(body)["error"]["type"]) == (429, "glm_depleted")
    assert 540 <= int(head.headers["retry-after"]) <= 600, "the first reset of all"
    assert head.headers["x-should-retry"] == "false"


def test_a_window_is_stepped_over_until_all_are_used_up(program: Program, glm: Glm) -> None:
    key = program.issue_key("member")
    glm.used_up = {"k1": 9000, "k2": 9000, "k3": 9000, "k4": 9000}
    head, body = ask(program, key)
    assert (head.status, orjson.loads(body)["choices"][0]["message"]["content"]) == (200, "Hi")
    assert sorted(glm.asked) == ["k1", "k2", "k3", "k4", "k5"]
    glm.asked.clear()
    assert ask(program, key, stream=True)[0].status == 200
    assert glm.asked == ["k5"]

    glm.used_up["k5"] = 600
    glm.fails_in_stream = True
    check_depleted(ask(program, key, stream=True))

    glm.asked.clear()
    check_depleted(ask(program, key, "messages"))
    assert glm.asked == [], "what is known is not asked again"
