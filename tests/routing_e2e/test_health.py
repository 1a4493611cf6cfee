"""What a failure takes out of service, for how long, and what it leaves alone; every provider on its own path."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import orjson
import pytest

from fakes.upstream import (
    Gate,
    Reply,
    Request,
    ScriptedUpstream,
    ShortError,
    Silent,
    chat_body,
    chat_events,
    chat_stream,
    json_reply,
    run_in_thread,
    stream,
)
from support.http_client import RawClient
from support.program import Program

PROVIDERS: dict[str, dict[str, Any]] = {
    "circuit": {"error_threshold": 3, "cooldown_seconds": 2},
    "five": {"api_keys": [f"five-{number}" for number in range(5)]},
    "six": {"api_keys": [f"six-{number}" for number in range(5)]},
    "pool": {"api_keys": ["pool-1", "pool-2", "pool-3"]},
    "left": {"error_threshold": 2},
    "bound": {"max_concurrency": 2},
    "refused": {"api_keys": ["good-key", "bad-key", "other-key"], "error_threshold": 1},
    "payload": {"error_threshold": 1},
    "header": {},
    "reset": {},
    "google": {"adapter": "gemini", "formats": ["gemini"]},
    "glm": {"adapter": "zai", "formats": ["chat"]},
    "quick": {"timeouts": {"first_byte": 1}},
    "patient": {},
    "stuck": {"timeouts": {"first_byte": 2}},
    "endless": {"timeouts": {"total": 600, "idle": 600}},
    "picture": {},
    "words": {},
    "tts": {"formats": ["speech"]},
    "xts": {"adapter": "xai", "formats": ["speech"]},
}
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
MODELS = [
    *({"id": f"{name}/m"} for name in PROVIDERS if name not in ("stuck", "six", "picture", "tts", "xts")),
    {"id": "six/m", "fallbacks": ["words/m"]},
    {"id": "stuck/m", "fallbacks": ["endless/m"]},
    {"id": "picture/m", "supports_image_input": True, "fallbacks": ["words/m"]},
    {"id": "tts/m", "supports_audio": True, "fallbacks": ["xts/m"]},
    {"id": "xts/m", "supports_audio": True},
]


class House:
    """The program, what its providers play, and what they were asked."""

    def __init__(self, program: Program, upstream: ScriptedUpstream, key: str) -> None:
        self.program = program
        self.upstream = upstream
        self.key = key
        self.scripts: dict[str, Any] = defaultdict(lambda: good)
        upstream.script = self._play

    def _play(self, request: Request) -> Any:
        script = self.scripts[_name(request)]
        return script(request) if callable(script) else script

    def asked(self, name: str) -> list[Request]:
        return [request for request in self.upstream.requests if _name(request) == name]

    def ask(self, name: str, content: Any = "Hi", **more: Any) -> httpx2.Response:
        body = {"model": f"{name}/m", "messages": [{"role": "user", "content": content}], **more}
        return self.post("chat/completions", body)

    def post(self, route: str, body: dict[str, Any]) -> httpx2.Response:
        url = f"{self.program.base_url}/{route}"
        return httpx2.post(url, json=body, headers={"Authorization": f"Bearer {self.key}"}, timeout=30)

    def begin(self, name: str, **more: Any) -> RawClient:
        body = {"model": f"{name}/m", "messages": [{"role": "user", "content": "Hi"}], **more}
        return RawClient(self.program.port).post("/v1/chat/completions", body, self.key)

    def health(self, name: str) -> dict[str, Any]:
        rows = httpx2.get(f"{self.program.base_url}/health").json()["providers"]
        row: dict[str, Any] = next(row for row in rows if row["prefix"] == name)
        return row


def _name(request: Request) -> str:
    return request.path.split("/")[1]


def good(request: Request) -> Any:
    return chat_stream(["fine"]) if request.json().get("stream") else chat_body("fine")


@pytest.fixture(scope="module")
def house(make_program: Any) -> Iterator[House]:
    with run_in_thread() as upstream:
        sections = {
            f"providers.{name}": {"base_url": f"{upstream.url}/{name}/v1", **entries}
            for name, entries in PROVIDERS.items()
        }
        program, _ = make_program(MODELS, timeouts={"total": 5}, **sections)
        yield House(program, upstream, program.issue_key("member"))


def eventually(holds: Callable[[], bool], timeout_s: float = 15.0) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < deadline_s, "never became true"
        time.sleep(0.05)


def open_gate(gate: Gate) -> None:
    """The scripted provider's loop runs in another thread."""
    gate.event._loop.call_soon_threadsafe(gate.open)  # type: ignore[attr-defined]


def error_type(answer: httpx2.Response) -> str:
    return str(answer.json()["error"]["type"])


def test_a_circuit_opens_lets_one_through_and_closes_on_its_success(house: House) -> None:
    house.scripts["circuit"] = ShortError(500)
    assert [house.ask("circuit").status_code for _ in range(3)] == [502] * 3
    refused = house.ask("circuit")
    assert (refused.status_code, error_type(refused)) == (503, "provider_unavailable")
    assert refused.json()["error"]["message"].rpartition("Error id: ")[2].startswith("circuit-")
    assert 1 <= int(refused.headers["retry-after"]) <= 2
    assert len(house.asked("circuit")) == 3
    eventually(lambda: house.health("circuit")["status"] == "down")

    gate = Gate()
    house.scripts["circuit"] = lambda request: stream([gate, *chat_events(["well"])])
    time.sleep(2)
    probe = house.begin("circuit", stream=True)
    eventually(lambda: len(house.asked("circuit")) == 4)
    assert [house.ask("circuit").status_code for _ in range(5)] == [503] * 5
    assert len(house.asked("circuit")) == 4, "one at a time"
    open_gate(gate)
    assert b"well" in probe.read_head().read_all()
    house.scripts["circuit"] = good
    assert [house.ask("circuit").status_code for _ in range(3)] == [200] * 3
    eventually(lambda: house.health("circuit")["status"] != "down")


def test_a_probe_that_fails_keeps_the_circuit_open(house: House) -> None:
    house.scripts["circuit"] = ShortError(500)
    assert [house.ask("circuit").status_code for _ in range(3)] == [502] * 3
    time.sleep(2)
    assert house.ask("circuit").status_code == 502
    before = len(house.asked("circuit"))
    assert house.ask("circuit").status_code == 503
    assert len(house.asked("circuit")) == before


def test_a_provider_wide_503_costs_two_calls_of_five_credentials(house: House) -> None:
    house.scripts["five"] = ShortError(503)
    assert [house.ask("five").status_code for _ in range(4)] == [503] * 4
    calls = house.asked("five")
    assert len(calls) == 2
    assert len({request.headers["authorization"] for request in calls}) == 2
    assert 1 <= int(house.ask("five", stream=True).headers["retry-after"]) <= 30


def test_with_a_second_route_it_costs_two_calls_too(house: House) -> None:
    house.scripts["six"] = ShortError(503)
    house.scripts["words"] = good
    for _ in range(3):
        assert house.ask("six").json()["choices"][0]["message"]["content"] == "fine"
    assert len(house.asked("six")) == 2


@pytest.mark.parametrize("is_stream", [True, False], ids=["streamed", "plain"])
def test_twenty_clients_that_leave_harm_nobody(house: House, is_stream: bool) -> None:
    before = len(house.asked("left"))
    house.scripts["left"] = lambda request: (
        stream([*chat_events(["a"])[:2], Silent()]) if len(house.asked("left")) % 2 else Silent()
    )
    clients = [house.begin("left", stream=is_stream) for _ in range(20)]
    eventually(lambda: len(house.asked("left")) == before + 20)
    for client in clients:
        client.reset()
    eventually(lambda: house.program.leases() == 0)
    house.scripts["left"] = good
    assert house.ask("left", stream=is_stream).status_code == 200
    eventually(lambda: house.health("left")["successes_30m"] > 0)
    row = house.health("left")
    assert (row["status"], row["errors_30m"]) == ("up", 0)


def test_a_full_provider_refuses_at_once(house: House) -> None:
    gate = Gate()
    house.scripts["bound"] = lambda request: stream([*chat_events(["a"])[:2], gate, *chat_events(["b"])[1:]])
    running = [house.begin("bound", stream=True) for _ in range(2)]
    for client in running:
        client.read_head().read_until(b'"a"')
    for wants_stream in (True, False):
        refused = house.ask("bound", stream=wants_stream)
        assert (refused.status_code, error_type(refused)) == (503, "provider_unavailable")
        assert int(refused.headers["retry-after"]) >= 1
    assert len(house.asked("bound")) == 2
    open_gate(gate)
    for client in running:
        client.read_all()
    house.scripts["bound"] = good
    assert house.ask("bound").status_code == 200


def test_a_refused_credential_rests_alone(house: House) -> None:
    def by_key(request: Request) -> Any:
        return ShortError(401) if request.headers["authorization"] == "Bearer bad-key" else good(request)

    house.scripts["refused"] = by_key
    assert [house.ask("refused").status_code for _ in range(8)] == [200] * 8
    keys = [request.headers["authorization"] for request in house.asked("refused")]
    assert keys.count("Bearer bad-key") <= 1

    house.scripts["refused"] = ShortError(401)
    answers = [house.ask("refused") for _ in range(3)]
    assert {(answer.status_code, error_type(answer)) for answer in answers} == {(503, "provider_unavailable")}
    assert len(house.asked("refused")) == len(keys) + 3 - keys.count("Bearer bad-key"), "each once"
    assert int(answers[-1].headers["retry-after"]) > 3000


@pytest.mark.parametrize(
    ("status", "message"), [(400, "bad"), (413, "too large"), (400, "prompt is too long: 9000 tokens > 8000 maximum")]
)
def test_a_member_s_own_mistakes_harm_nobody(house: House, status: int, message: str) -> None:
    house.scripts["payload"] = ShortError(status, {"error": {"message": message, "type": "invalid_request_error"}})
    assert [house.ask("payload", stream=number % 2 == 0).status_code for number in range(6)] == [400] * 6
    house.scripts["payload"] = good
    assert house.ask("payload").status_code == 200
    eventually(lambda: house.health("payload")["successes_30m"] > 0)
    row = house.health("payload")
    assert (row["status"], row["errors_30m"]) == ("up", 0)


def _glm_limit(seconds: int) -> Reply:
    reset = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(time.time() + 8 * 3600 + seconds))
    message = f"Usage limit reached for 5 hour. Your limit will reset at {reset}"
    return ShortError(429, {"error": {"code": "1308", "message": message}})


def test_every_provider_s_own_wait_is_kept(house: House) -> None:
    delay = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "3.5s"}
    limit = {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "slow down", "details": [delay]}
    spent = [("x-ratelimit-remaining-requests", "0"), ("x-ratelimit-reset-requests", "3.2s")]
    house.scripts.update(
        {
            "header": ShortError(429, headers=[("Retry-After", "4")]),
            "reset": ShortError(429, headers=spent),
            "google": ShortError(429, {"error": limit}),
            "glm": _glm_limit(4),
        }
    )
    names = ("header", "reset", "google", "glm")
    began_s = time.monotonic()
    for name in names:
        answer = house.ask(name)
        assert (answer.status_code, int(answer.headers["retry-after"])) in ((429, 3), (429, 4)), name
        refused = house.ask(name)
        expected = (429, "glm_depleted") if name == "glm" else (503, "provider_unavailable")
        assert (refused.status_code, error_type(refused)) == expected
        assert 1 <= int(refused.headers["retry-after"]) <= 4
        assert len(house.asked(name)) == 1, "what is known is not asked again"
    gemini = {"candidates": [{"content": {"role": "model", "parts": [{"text": "fine"}]}, "finishReason": "STOP"}]}
    house.scripts.update({"header": good, "reset": good, "glm": good, "google": json_reply(gemini)})
    time.sleep(max(0.0, began_s + 5.5 - time.monotonic()))
    for name in names:
        assert house.ask(name).status_code == 200, name


def test_a_provider_s_time_out_is_its_own(house: House) -> None:
    house.scripts["quick"] = house.scripts["patient"] = Silent()
    patient = house.begin("patient")
    answer = house.ask("quick")
    assert (answer.status_code, error_type(answer)) == (504, "provider_timeout")
    assert house.asked("patient")[-1].connection.closed_at is None
    patient.reset()
    eventually(lambda: house.asked("patient")[-1].connection.closed_at is not None)


def test_all_attempts_share_one_budget_of_time(house: House) -> None:
    house.scripts["stuck"] = Silent()
    # It speaks on and on, and is allowed to by itself.
    house.scripts["endless"] = stream([*chat_events(["a"])[:2], Silent()])
    client = house.begin("stuck", stream=True)
    body = client.read_head().read_all()
    assert b'"a"' in body
    assert orjson.loads(body.split(b"\n\n")[-3].removeprefix(b"data: "))["error"]["type"] == "provider_timeout"


def test_a_fallback_that_can_t_carry_the_request_is_passed_over(house: House) -> None:
    house.scripts["picture"] = ShortError(503)
    house.scripts["words"] = good
    before = len(house.asked("words"))
    for wants_stream in (False, True):
        answer = house.ask("picture", [IMAGE, {"type": "text", "text": "What is it?"}], stream=wants_stream)
        assert (answer.status_code, error_type(answer)) == (503, "provider_unavailable")
        line = house.program.wait_for_line(answer.headers["x-request-id"])
        assert (line["attempts"], line["provider"]) == (1, "picture")
    assert len(house.asked("words")) == before
    assert house.ask("picture", "Hi").status_code == 200, "text it can"


def test_so_is_one_of_speech(house: House) -> None:
    house.scripts["tts"] = ShortError(503)
    body = {"model": "tts/m", "input": "Hi", "voice": "eve", "response_format": "opus"}
    answer = house.post("audio/speech", body)
    assert (answer.status_code, error_type(answer)) == (503, "provider_unavailable")
    assert house.asked("xts") == []
    own = house.post("audio/speech", {**body, "model": "xts/m"})
    assert own.status_code == 400, "asked for by name it says why"


def test_side_by_side_requests_share_the_pool(house: House) -> None:
    gate = Gate()
    house.scripts["pool"] = lambda request: stream([*chat_events(["a"])[:2], gate, *chat_events(["b"])[1:]])
    clients = [house.begin("pool", stream=True) for _ in range(9)]
    for client in clients:
        client.read_head().read_until(b'"a"')
    keys = [request.headers["authorization"] for request in house.asked("pool")]
    assert sorted(keys.count(key) for key in set(keys)) == [3, 3, 3]
    open_gate(gate)
    for client in clients:
        client.read_all()
